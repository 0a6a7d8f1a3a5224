"""The admin shows and changes what somebody's roles allow, and nothing of other tenants."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, Membership, Organization, User
from accounts.roles import Role

Member = Callable[..., User]
MODELS = ("agency", "organization", "membership", "apitoken")


@pytest.fixture
def sign_in(client: Client) -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        client.force_login(user)
        return client

    return sign_in


def page(model: str, *arguments: object) -> str:
    return reverse(f"admin:accounts_{model}_{'change' if arguments else 'changelist'}", args=arguments)


def text(response: HttpResponse) -> str:
    return response.content.decode()


def notices(response: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("model", MODELS)
def test_lists_hold_nothing_of_other_tenants(
    tenants: SimpleNamespace, member: Member, sign_in: Callable[[User], Client], role: Role, model: str
) -> None:
    member(Role.OWNER, tenants.southwind)
    ApiToken.objects.issue(agency=tenants.southwind, role="OWNER", name="southwind-token")
    client = sign_in(member(role, tenants.northwind))

    response = client.get(page(model))

    assert response.status_code == (403 if model == "apitoken" and role is not Role.OWNER else 200)
    assert "outhwind" not in text(response)
    assert "nitech" not in text(response)


@pytest.mark.parametrize("role", Role)
def test_records_of_other_tenants_do_not_exist(
    tenants: SimpleNamespace, member: Member, sign_in: Callable[[User], Client], role: Role
) -> None:
    other = member(Role.OWNER, tenants.southwind).memberships.get()
    token, _ = ApiToken.objects.issue(agency=tenants.southwind, role="OWNER")
    client = sign_in(member(role, tenants.northwind))
    records = {
        "agency": tenants.southwind,
        "organization": tenants.initech,
        "membership": other,
        "apitoken": token,
    }

    for model, record in records.items():
        for kind in ("change", "delete", "history"):
            response = client.get(reverse(f"admin:accounts_{model}_{kind}", args=[record.pk]))
            assert response.status_code in (302, 403, 404), (model, kind)
            assert "outhwind" not in text(response)


@pytest.mark.parametrize(
    ("role", "may_edit"), [(Role.VIEWER, False), (Role.OPERATOR, False), (Role.EDITOR, True)]
)
def test_editing_needs_the_role(
    tenants: SimpleNamespace,
    member: Member,
    sign_in: Callable[[User], Client],
    role: Role,
    may_edit: bool,
) -> None:
    client = sign_in(member(role, tenants.northwind))

    client.post(
        page("organization", tenants.acme.pk),
        {"name": "Renamed", "slug": "acme", "hull_domain": "acme.hullapp.io"},
    )

    tenants.acme.refresh_from_db()
    assert (tenants.acme.name == "Renamed") is may_edit


def test_a_record_cannot_be_put_into_another_tenant(
    tenants: SimpleNamespace, member: Member, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(member(Role.OWNER, tenants.northwind))
    fields = {"name": "New", "slug": "new", "hull_domain": "new.hullapp.io"}

    client.post(reverse("admin:accounts_organization_add"), {**fields, "agency": tenants.southwind.pk})
    client.post(page("organization", tenants.acme.pk), {**fields, "agency": tenants.southwind.pk})

    assert Organization.objects.filter(agency=tenants.southwind).get() == tenants.initech


def test_a_viewer_cannot_write_through_the_history(
    tenants: SimpleNamespace, member: Member, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(member(Role.VIEWER, tenants.northwind))
    first = tenants.acme.history.earliest()
    address = reverse("admin:accounts_organization_simple_history", args=[tenants.acme.pk, first.pk])

    assert client.get(address).status_code == 200
    refused = client.post(address, {"name": "Written", "slug": "acme", "hull_domain": "acme.hullapp.io"})

    assert refused.status_code == 403
    assert not Organization.objects.filter(name="Written").exists()


def test_staff_without_a_membership_sees_an_empty_admin(
    tenants: SimpleNamespace, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(User.objects.create(username="new", email="new@example.com", is_staff=True))

    assert client.get("/admin/").status_code == 200
    assert client.get(page("organization")).status_code == 403


def test_people_are_for_superusers(
    tenants: SimpleNamespace, member: Member, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(member(Role.OWNER, tenants.northwind))

    assert client.get(page("user")).status_code == 403


class TestInviting:
    def invite(self, client: Client, email: str, **fields: object) -> HttpResponse:
        data = {"email": email, "organization": "", "agency": "", "role": "EDITOR", **fields}
        return client.post(reverse("admin:accounts_membership_add"), data)

    def test_a_new_person_gets_a_link_to_choose_a_password(
        self, tenants: SimpleNamespace, member: Member, sign_in: Callable[[User], Client]
    ) -> None:
        client = sign_in(member(Role.OWNER, tenants.northwind))

        response = self.invite(client, "new@example.com", organization=tenants.acme.pk)

        membership = Membership.objects.get(user__email="new@example.com")
        assert (membership.agency, membership.organization) == (tenants.northwind, tenants.acme)
        [link] = [word for word in " ".join(notices(response)).split() if word.startswith("http")]
        newcomer = Client()
        form = newcomer.get(link, follow=True)
        assert form.status_code == 200
        password = {"new_password1": "correct-horse-9", "new_password2": "correct-horse-9"}
        newcomer.post(form.redirect_chain[-1][0], password)
        assert User.objects.get(email="new@example.com").check_password("correct-horse-9")
        newcomer.force_login(membership.user)
        assert newcomer.get(page("organization")).status_code == 200

    def test_nobody_is_invited_to_other_tenants(
        self, tenants: SimpleNamespace, member: Member, sign_in: Callable[[User], Client]
    ) -> None:
        client = sign_in(member(Role.OWNER, tenants.acme))

        for place in ({"agency": tenants.northwind.pk}, {"organization": tenants.globex.pk}, {}):
            self.invite(client, "new@example.com", **place)

        assert not User.objects.filter(email="new@example.com").exists()

    def test_people_of_other_tenants_are_left_alone(
        self, tenants: SimpleNamespace, member: Member, sign_in: Callable[[User], Client]
    ) -> None:
        theirs = member(Role.VIEWER, tenants.southwind)
        client = sign_in(member(Role.OWNER, tenants.northwind))

        response = self.invite(client, theirs.email.upper(), agency=tenants.northwind.pk)

        assert "belongs to other tenants" in text(response)
        assert theirs.memberships.count() == 1

    @pytest.mark.parametrize("superuser", [True, False])
    def test_no_link_to_take_over_an_account(
        self, tenants: SimpleNamespace, member: Member, sign_in: Callable[[User], Client], superuser: bool
    ) -> None:
        person = member(Role.VIEWER, tenants.northwind)
        person.is_superuser = superuser
        person.set_unusable_password() if superuser else person.set_password("theirs")
        person.save()
        client = sign_in(member(Role.OWNER, tenants.northwind))

        rows = [person.memberships.get().pk]
        response = client.post(page("membership"), {"action": "show_sign_in_links", "_selected_action": rows})

        assert notices(response) == ["No link needed: they can sign in already."]

    def test_a_viewer_invites_nobody(
        self, tenants: SimpleNamespace, member: Member, sign_in: Callable[[User], Client]
    ) -> None:
        client = sign_in(member(Role.EDITOR, tenants.northwind))

        assert self.invite(client, "new@example.com", agency=tenants.northwind.pk).status_code == 403


class TestTokens:
    def test_an_owner_issues_and_revokes(
        self, tenants: SimpleNamespace, member: Member, sign_in: Callable[[User], Client]
    ) -> None:
        owner = member(Role.OWNER, tenants.northwind)
        client = sign_in(owner)

        response = client.post(
            reverse("admin:accounts_apitoken_add"),
            {
                "agency": tenants.northwind.pk,
                "name": "Reports",
                "role": "VIEWER",
                "expires_at_0": "",
                "expires_at_1": "",
            },
        )

        token = ApiToken.objects.get()
        assert token.created_by == owner
        [notice] = [said for said in notices(response) if "not shown again" in said]
        assert f"{token.prefix}_" in notice
        client.post(page("apitoken"), {"action": "revoke", "_selected_action": [token.pk]})
        token.refresh_from_db()
        assert token.revoked_at

    def test_only_for_the_own_agency(
        self, tenants: SimpleNamespace, member: Member, sign_in: Callable[[User], Client]
    ) -> None:
        client = sign_in(member(Role.OWNER, tenants.northwind))

        client.post(reverse("admin:accounts_apitoken_add"), {"agency": tenants.southwind.pk, "role": "OWNER"})

        assert not ApiToken.objects.exists()

    def test_the_history_does_not_keep_the_hash(self, tenants: SimpleNamespace, admin_client: Client) -> None:
        token, _ = ApiToken.objects.issue(agency=tenants.northwind, role="VIEWER")

        shown = text(admin_client.get(reverse("admin:accounts_apitoken_history", args=[token.pk])))

        assert token.digest not in shown
