"""API tokens: shown once, stored as a hash, and of use until they expire or are revoked."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts.api.authentication import principal_of
from accounts.models import ApiToken, User
from accounts.roles import Role
from accounts.services import issue_api_token, use_api_token


@pytest.fixture
def clear(tenants: SimpleNamespace, now: datetime) -> str:
    return issue_api_token(agency=tenants.northwind, role=Role.EDITOR, now=now, name="Reports", days=30)


def test_only_a_hash_is_kept(clear: str) -> None:
    row = ApiToken.objects.values().get()

    assert clear.startswith(row["prefix"])
    assert clear not in str(row)
    assert clear.removeprefix(row["prefix"]) not in str(row)
    assert "digest" not in [field.name for field in ApiToken.history.model._meta.get_fields()]


def test_it_opens_until_it_expires(clear: str, now: datetime) -> None:
    assert use_api_token(clear, now=now + timedelta(days=29)) == ApiToken.objects.get()
    assert use_api_token(clear, now=now + timedelta(days=30)) is None


def test_it_opens_until_it_is_revoked(clear: str, now: datetime) -> None:
    ApiToken.objects.get().revoke(now=now)

    assert use_api_token(clear, now=now) is None


@pytest.mark.parametrize("wrong", ["", "cc_", "cc_12345678_nonsense"])
def test_what_is_no_token_does_not(clear: str, now: datetime, wrong: str) -> None:
    assert use_api_token(wrong, now=now) is None
    assert use_api_token(clear[:-1], now=now) is None


def test_its_use_is_noted_once_a_minute(clear: str, now: datetime) -> None:
    use_api_token(clear, now=now)
    with CaptureQueriesContext(connection) as queries:
        use_api_token(clear, now=now + timedelta(seconds=59))

    assert len(queries) == 1
    assert ApiToken.objects.get().last_used_at == now
    use_api_token(clear, now=now + timedelta(seconds=60))
    assert ApiToken.objects.get().last_used_at == now + timedelta(seconds=60)


class TestCommand:
    @pytest.mark.parametrize("role", ["owner", "editor", "operator", "viewer"])
    def test_it_prints_the_token_alone_on_the_last_line(
        self, tenants: SimpleNamespace, capsys: pytest.CaptureFixture[str], now: datetime, role: str
    ) -> None:
        call_command("api_token", "northwind", "--role", role, "--name", "Reports", "--days", "7")

        clear = capsys.readouterr().out.splitlines()[-1]
        token = use_api_token(clear, now=now)
        assert token
        assert (token.role, token.name, token.agency) == (role.upper(), "Reports", tenants.northwind)

    def test_an_unknown_agency_is_a_wrong_use(self, tenants: SimpleNamespace) -> None:
        with pytest.raises(CommandError, match="no agency with the slug eastwind") as refused:
            call_command("api_token", "eastwind", "--role", "viewer")

        assert refused.value.returncode == 2

    @pytest.mark.parametrize("arguments", [["--role", "king"], ["--role", "viewer", "--days", "0"], []])
    def test_wrong_arguments(self, tenants: SimpleNamespace, arguments: list[str]) -> None:
        with pytest.raises(CommandError):
            call_command("api_token", "northwind", *arguments)


class WhoAmI(APIView):
    """Answers on whose behalf it was called."""

    def get(self, request: object) -> Response:
        return Response({"who": str(principal_of(request))})  # type: ignore[arg-type]


class TestBearer:
    def call(self, authorization: str | None, view: type[APIView] = WhoAmI) -> Response:
        headers = {"Authorization": authorization} if authorization else {}
        return view.as_view()(APIRequestFactory().get("/", headers=headers))

    def test_a_token_acts_for_its_agency(self, clear: str, time_machine: object, now: datetime) -> None:
        time_machine.move_to(now)  # type: ignore[attr-defined]

        answer = self.call(f"Bearer {clear}")

        assert answer.data == {"who": str(ApiToken.objects.get())}

    @pytest.mark.parametrize("authorization", [None, "Bearer nonsense", "Bearer", "Token abc", "Bearer \xff"])
    def test_without_one_nothing_is_answered(self, db: None, authorization: str | None) -> None:
        answer = self.call(authorization)

        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == "Bearer"

    def test_nobody_is_signed_in_by_a_token(self, clear: str, time_machine: object, now: datetime) -> None:
        time_machine.move_to(now)  # type: ignore[attr-defined]

        class Signed(WhoAmI):
            permission_classes = (AllowAny,)

            def get(self, request: object) -> Response:
                return Response({"user": isinstance(request.user, User)})  # type: ignore[attr-defined]

        assert self.call(f"Bearer {clear}", Signed).data == {"user": False}
