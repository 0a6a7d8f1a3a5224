"""What every door does: answers every refusal as JSON, reads a bounded body, finds out who is there."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from sync.hull.tokens import Credentials, InvalidToken, decode_hull_token
from sync.models import Connector
from sync.services import doors

View = Callable[..., HttpResponse]

BODY_LIMIT = 50 * 1024 * 1024


class Refused(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """A request that gets an answer at the door."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code

    def as_response(self) -> JsonResponse:
        """Return the answer as JSON: `{"error": {"message", "code"}}`."""
        return JsonResponse({"error": {"message": self.message, "code": self.code}}, status=self.status)


def answering(*methods: str) -> Callable[[View], View]:
    """Take some methods only, and answer what is refused, or a database that is busy, as JSON."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def answered(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            if request.method not in methods:
                wanted = " and ".join(methods)
                response = Refused(405, f"Only {wanted} is taken here.", "METHOD_NOT_ALLOWED").as_response()
                response["Allow"] = ", ".join(methods)
                return response
            try:
                return view(request, *args, **kwargs)
            except Refused as refused:
                return refused.as_response()
            except OperationalError:
                busy = Refused(503, "The database is busy. Try again in a moment.", "HULL_ERR_TRANSIENT")
                return busy.as_response()

        return answered

    return decorate


def read_body(request: HttpRequest) -> bytes:
    """Return the body. Raises Refused (413) when it is larger than a notification may be."""
    try:
        announced = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        announced = 0
    body = b"" if announced > BODY_LIMIT else request.read(BODY_LIMIT + 1)
    if announced > BODY_LIMIT or len(body) > BODY_LIMIT:
        limit = BODY_LIMIT // 1024 // 1024
        raise Refused(
            413,
            f"The body is larger than {limit} MB. Send fewer messages.",
            "ENTITY_TOO_LARGE",
        )
    return body


def authenticated(credentials: Credentials) -> Connector:
    """Return the connector of some credentials. Raises Refused (401) without saying which part is wrong."""
    connector = doors.find_connector(credentials)
    if connector is None:
        raise Refused(
            401,
            "Unknown connector, or its secret or organization is wrong.",
            "UNAUTHORIZED",
        )
    return connector


def connector_of(request: HttpRequest, body: bytes = b"") -> Connector:
    """Return the connector that a call names in its query, its `hullToken` or its body.

    Raises Refused (401) when nothing names one, or what does is wrong.
    """
    found = _from_token(request) or _from_mapping(request.GET) or _from_body(body)
    if found is None:
        raise Refused(
            401,
            "Missing credentials: name ship, organization and secret, or hullToken.",
            "MISSING_CREDENTIALS",
        )
    return authenticated(found)


def _from_token(request: HttpRequest) -> Credentials | None:
    token = next(
        (request.GET[name] for name in ("hullToken", "token", "state") if request.GET.get(name)),
        None,
    )
    if token is None:
        return None
    try:
        return decode_hull_token(token, settings.SECRET_KEY)
    except InvalidToken as error:
        raise Refused(401, error.message, "INVALID_TOKEN") from None


def _from_mapping(values: Any) -> Credentials | None:
    connector_id = values.get("ship") or values.get("id")
    organization, secret = values.get("organization"), values.get("secret")
    if all(isinstance(value, str) and value for value in (connector_id, organization, secret)):
        if "\x00" in f"{connector_id}{organization}":
            return None  # PostgreSQL cannot even look for it
        return Credentials(organization=organization, connector_id=connector_id, secret=secret)
    return None


def _from_body(body: bytes) -> Credentials | None:
    try:
        values = orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return None
    if not isinstance(values, dict):
        return None
    configuration = values.get("configuration")
    return _from_mapping(configuration if isinstance(configuration, dict) else values)
