"""The Close client and a simulated Close that was written without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from sandbox import CloseSandbox, SandboxAdapter
from sandbox.close.app import API_KEY
from sync.close import search
from sync.close.client import CloseClient
from sync.close.pagination import iter_contacts, iter_events, iter_leads
from sync.close.webhooks import HASH_HEADER, TIME_HEADER, parse_delivery, verify_signature
from sync.errors import (
    CredentialsError,
    NotFoundError,
    RateLimitedError,
    RejectedError,
    SyncError,
    TransientError,
    UnknownResultError,
)
from sync.records import ObjectType
from sync.transport import new_session

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


class Clock:
    """A clock that a test moves. Each look takes a millisecond, so that no two moments are equal."""

    now = START

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def close(clock: Clock) -> CloseSandbox:
    return CloseSandbox(clock)


@pytest.fixture
def calls() -> list[tuple[str, str, int | None]]:
    return []


@pytest.fixture
def connect(close: CloseSandbox, clock: Clock, calls: list[Any]) -> Iterator[Callable[..., CloseClient]]:
    session = new_session()
    session.mount("https://close.sandbox", SandboxAdapter(close))

    def connect_with(key: str = API_KEY, **options: Any) -> CloseClient:
        return CloseClient(
            key,
            api_url="https://close.sandbox/api/v1",
            session=session,
            observer=lambda *call: calls.append(call),
            clock=clock.seconds,
            **options,
        )

    yield connect_with
    session.close()


@pytest.fixture
def client(connect: Callable[..., CloseClient]) -> CloseClient:
    return connect()


def test_who_is_there_and_what_there_is(client: CloseClient, close: CloseSandbox) -> None:
    field = close.create_custom_field("lead", "Industry", "choices", choices=["Retail"], multiple=True)
    shared = close.create_custom_field("contact", "Note")
    assert client.me().organization_id.startswith("orga_")
    assert [status.label for status in client.lead_statuses()][:2] == ["Potential", "Bad Fit"]
    (found,) = client.custom_fields(ObjectType.LEAD)
    assert (found.path, found.label, found.type) == (f"custom.{field['id']}", "Industry", "choices")
    assert (found.choices, found.multiple) == (("Retail",), True)
    assert [note.close_id for note in client.custom_fields(ObjectType.CONTACT)] == [shared["id"]]


def test_options_are_added_behind_those_that_are_there(client: CloseClient, close: CloseSandbox) -> None:
    field = close.create_custom_field("lead", "Industry", "choices", ["Retail"])["id"]

    assert client.add_choices(ObjectType.LEAD, field, ["Rail", "Retail"]).choices == ("Retail", "Rail")
    assert client.custom_fields(ObjectType.LEAD)[0].choices == ("Retail", "Rail")


def test_options_of_a_shared_field(client: CloseClient, close: CloseSandbox) -> None:
    made = close.fields.create("shared", "Tier", "choices", ["Gold"])["id"]

    assert client.add_choices(ObjectType.CONTACT, made, ["Silver"]).choices == ("Gold", "Silver")


def test_options_need_the_right_to_manage_fields(
    connect: Callable[..., CloseClient], close: CloseSandbox
) -> None:
    field = close.create_custom_field("lead", "Industry", "choices", ["Retail"])["id"]
    close.add_key("api_weak.key", "role_agent")
    with pytest.raises(RejectedError) as refused:
        connect("api_weak.key").add_choices(ObjectType.LEAD, field, ["Rail"])
    assert refused.value.status == 403
    assert close.store.custom_fields[field]["choices"] == ["Retail"]


def test_the_users_and_how_a_field_names_them(client: CloseClient, close: CloseSandbox) -> None:
    field = f"custom.{close.create_custom_field('lead', 'Owner', 'user')['id']}"
    ann = close.store.add_person("Ann", "Rep")["id"]
    (found,) = (user for user in client.users() if user.close_id == ann)

    assert (found.name, found.email) == ("Ann Rep", "ann@sandbox.example")
    assert client.create_lead({"name": "A", field: found.name}).fields[field] == ann


def test_a_refused_key(connect: Callable[..., CloseClient]) -> None:
    with pytest.raises(CredentialsError):
        connect("api_other.key").me()


def test_a_lead_with_its_contact_from_birth_to_death(client: CloseClient, close: CloseSandbox) -> None:
    field = close.create_custom_field("lead", "Employees", "number")["id"]
    made = client.create_lead(
        {
            "name": "Acme",
            f"custom.{field}": 7,
            "contacts": [{"name": "Ada", "emails": [{"email": "ada@acme.com"}]}],
        }
    )
    (ada,) = made.contacts or ()
    assert (made.fields["name"], made.fields[f"custom.{field}"], ada.lead_id) == ("Acme", 7, made.close_id)
    assert "contacts" not in made.fields
    changed = client.update_lead(made.close_id, {"description": "Anvils", f"custom.{field}": None})
    assert changed.fields["description"] == "Anvils"
    assert f"custom.{field}" not in changed.fields
    assert client.get_lead(made.close_id).fields == changed.fields
    grace = client.create_contact({"lead_id": made.close_id, "name": "Grace"})
    client.update_contact(grace.close_id, {"phones": [{"phone": "8004445555", "type": "office"}]})
    assert client.get_contact(grace.close_id).fields["phones"][0]["phone"] == "+18004445555"
    close.rep_delete_lead(made.close_id)
    for ask in (client.get_lead, lambda close_id: client.update_lead(close_id, {"name": "x"})):
        with pytest.raises(NotFoundError):
            ask(made.close_id)


def test_a_merged_lead_is_gone(client: CloseClient, close: CloseSandbox) -> None:
    source, destination = (client.create_lead({"name": name}).close_id for name in ("A", "B"))
    close.rep_merge(source, destination)
    with pytest.raises(NotFoundError):
        client.get_lead(source)


def test_refusals_name_the_field(client: CloseClient) -> None:
    with pytest.raises(RejectedError) as caught:
        client.create_lead(
            {"name": "Acme", "contacts": [{"emails": [{"email": "ok@a.com"}, {"email": "nope"}]}]}
        )
    assert caught.value.fields.keys() == {"contacts.0.emails.1.email"}
    lead = client.create_lead({"name": "Acme"})
    with pytest.raises(RejectedError) as caught:
        client.create_contact({"lead_id": lead.close_id, "emails": [{"email": "nope"}]})
    assert caught.value.fields.keys() == {"emails.0.email"}


# ── Pages ────────────────────────────────────────────────────────────────────────────────────────


def test_all_leads_and_contacts_in_the_order_they_were_made(
    client: CloseClient, close: CloseSandbox, calls: list[Any]
) -> None:
    made = [
        close.rep_create_lead({"name": f"Lead {number}", "contacts": [{"name": f"Contact {number}"}]})["id"]
        for number in range(205)
    ]
    assert [lead.close_id for lead in iter_leads(client)] == made
    assert calls == [("GET", "/lead/", 200)] * 3
    page = client.lead_page(skip=200)
    assert (page.total, page.received, page.has_more) == (205, 5, False)
    assert len({contact.close_id for contact in iter_contacts(client)}) == 205
    (contact,) = iter_contacts(client, lead_id=made[3])
    assert (contact.fields["name"], contact.lead_id) == ("Contact 3", made[3])


def test_the_event_log_page_by_page(client: CloseClient, close: CloseSandbox, clock: Clock) -> None:
    close.rep_create_lead({"name": "Before"})
    since = clock()
    lead = close.rep_create_lead({"name": "Acme"})
    for number in range(60):
        close.rep_create_lead({"name": f"Lead {number}"})
    close.rep_update_lead(lead["id"], {"name": "Acme Ltd"})
    events = list(iter_events(client, since=since))
    assert all(newer.date_updated >= older.date_updated for newer, older in pairwise(events))
    assert len({event.object_id for event in events}) == 61
    changed = next(event for event in events if event.object_id == lead["id"])
    assert (changed.object_type, changed.lead_id) == ("lead", lead["id"])
    assert changed.data is not None
    assert changed.data["name"] == "Acme Ltd"


def test_our_own_events_name_our_key(client: CloseClient, clock: Clock) -> None:
    client.create_lead({"name": "Acme"})
    newest = client.event_page(since=START, object_type="lead", action="created").events[0]
    assert newest.api_key_id == client.api_key_id


def test_a_cursor_of_nobody_is_refused(client: CloseClient) -> None:
    with pytest.raises(RejectedError):
        client.event_page(since=START, cursor="rubbish")


def test_a_search_by_email(client: CloseClient, clock: Clock) -> None:
    lead = client.create_lead(
        {"name": "A", "contacts": [{"name": "Ada", "emails": [{"email": "ada@acme.com"}]}]}
    )
    client.create_lead({"name": "B", "contacts": [{"name": "Bob", "emails": [{"email": "bob@acme.com"}]}]})
    clock.now += timedelta(minutes=1)
    wanted = {"contact": ["id", "lead_id", "emails"]}
    page = client.search_page(search.contacts_by_email("ada@acme.com"), fields=wanted)
    assert [contact.lead_id for contact in page.contacts] == [lead.close_id]


def test_a_search_by_field(client: CloseClient, close: CloseSandbox, clock: Clock) -> None:
    path = f"custom.{close.create_custom_field('lead', 'External id')['id']}"
    lead = client.create_lead({"name": "Acme", "url": "https://acme.com", path: "ext-1"})
    client.create_lead({"name": "Other"})
    clock.now += timedelta(minutes=1)
    for name, value in (("name", "Acme"), (path, "ext-1")):
        page = client.search_page(search.by_field("lead", name, value), fields={"lead": ["id", "name"]})
        assert [found.close_id for found in page.leads] == [lead.close_id]


# ── Trouble ──────────────────────────────────────────────────────────────────────────────────────

TROUBLE = [
    # what Close does, to which request, what is raised, how many requests, how many leads there are then
    ("drop_before", "POST", UnknownResultError, 1, 0),
    ("drop_after", "POST", UnknownResultError, 1, 1),
    ("timeout_after", "POST", UnknownResultError, 1, 1),
    ("html_after", "POST", UnknownResultError, 1, 1),
    ("status:500", "POST", UnknownResultError, 1, 0),
    ("status_after:502", "POST", UnknownResultError, 1, 1),
    ("status:503", "POST", TransientError, 1, 0),
    ("status:429", "POST", RateLimitedError, 1, 0),
    ("status:400", "POST", RejectedError, 1, 0),
    ("html", "GET", TransientError, 1, 0),
    ("status:500", "GET", TransientError, 1, 0),
    ("drop_before", "GET", None, 2, 0),
]


@pytest.mark.parametrize(("kind", "method", "error", "requests", "leads"), TROUBLE)
def test_trouble_with_one_request(
    client: CloseClient,
    close: CloseSandbox,
    calls: list[Any],
    kind: str,
    method: str,
    error: type[SyncError] | None,
    requests: int,
    leads: int,
) -> None:
    close.fail_next(method, "/lead/", kind)
    try:
        client.create_lead({"name": "Acme"}) if method == "POST" else client.lead_page()
        raised = None
    except SyncError as caught:
        raised = type(caught)
    assert raised is error
    assert len(calls) == len(close.requests) == requests
    assert len(close.leads) == leads


def test_a_put_whose_answer_was_lost_is_sent_again(client: CloseClient, close: CloseSandbox) -> None:
    lead = client.create_lead({"name": "Acme"})
    close.fail_next("PUT", "/lead/", "drop_after")
    assert client.update_lead(lead.close_id, {"name": "Acme Ltd"}).fields["name"] == "Acme Ltd"


def test_the_rate_limit_is_kept_without_one_refusal(clock: Clock, calls: list[Any]) -> None:
    close = CloseSandbox(clock, rate_limits=True)
    session = new_session()
    session.mount("https://close.sandbox", SandboxAdapter(close))
    client = CloseClient(
        API_KEY, api_url="https://close.sandbox/api/v1", session=session, clock=clock.seconds
    )
    waited = 0
    for _ in range(300):
        try:
            client.lead_page(limit=1)
        except RateLimitedError as error:
            waited += 1
            clock.now += timedelta(seconds=error.retry_after)
    assert waited >= 1
    assert {status for *_, status in close.requests} == {200}
    session.close()


# ── Webhooks ─────────────────────────────────────────────────────────────────────────────────────


def test_a_delivery_verifies(client: CloseClient, close: CloseSandbox, clock: Clock) -> None:
    made = client.create_webhook("https://connector.test/hook/", [("lead", "updated"), ("lead", "created")])
    assert [(hook.close_id, hook.url) for hook in client.webhooks()] == [(made.close_id, made.url)]
    lead = close.rep_create_lead({"name": "Acme"})
    clock.now += timedelta(minutes=5)
    url, headers, raw = close.webhooks.pending[0]
    stamp, signature = headers[TIME_HEADER], headers[HASH_HEADER]
    assert url == made.url
    assert verify_signature(made.signature_key or "", stamp, raw, signature, clock.now, timedelta(minutes=6))
    assert not verify_signature(made.signature_key or "", stamp, raw + b" ", signature, clock.now, None)
    delivery = parse_delivery(raw)
    assert delivery.subscription_id == made.close_id
    assert delivery.event is not None
    assert delivery.event.object_id == lead["id"]
    client.delete_webhook(made.close_id)
    assert client.webhooks() == ()
