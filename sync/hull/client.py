"""Hull's REST API for a connector: its own object, its status, and what an organization has to map."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import requests

from sync.errors import CredentialsError, TransientError
from sync.hull.errors import error_for
from sync.hull.firehose import credential_headers
from sync.hull.parsing import (
    HullAttribute,
    Message,
    parse_export_line,
    parse_schema,
    parse_segments,
    parse_tree,
)
from sync.records import ObjectType, Segment
from sync.transport import Answer, Observer, Transport

# How many records a page of Hull's search holds at most.
SEARCH_PAGE = 50

_T = TypeVar("_T")


class HullClient:
    """One connector's view of Hull, with its admin rights. Safe to use from several threads.

    Every method raises what `sync.hull.errors` makes of Hull's answer, and DryRunError for a write of a dry run.
    """

    def __init__(
        self,
        organization: str,
        connector_id: str,
        secret: str,
        *,
        api_url: str | None = None,
        dry_run: bool = False,
        observer: Observer | None = None,
        session: requests.Session | None = None,
    ) -> None:
        self._connector_id = connector_id
        self._transport = Transport(
            api_url or f"https://{organization}/api/v1",
            headers=credential_headers(organization, connector_id, secret),
            session=session,
            dry_run=dry_run,
            observer=observer,
            classify=error_for,
            secrets=(secret,),
        )

    def get_connector(self) -> Mapping[str, Any]:
        """Return the connector as Hull holds it, with its `private_settings`."""
        return self._get("/app", _connector)

    def update_settings(self, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change some of the connector's settings; Hull replaces all, so that the others are read first.

        Hull answers with a `ship:update` notification of its own. Returns the connector afterwards.
        """
        held = self.get_connector().get("private_settings")
        settings = {**(held if isinstance(held, Mapping) else {}), **changes}
        answer = self._put("", {"private_settings": settings}, "/{id}")
        return _parsed(answer, _connector)

    def put_status(self, status: str, messages: Sequence[str] = ()) -> None:
        """Publish the connector's status: `ok`, `warning`, `error` or `setupRequired`."""
        self._put("/status", {"status": status, "messages": list(messages)}, "/{id}/status")

    def user_segments(self) -> tuple[Segment, ...]:
        return self._get("/users_segments", _listed(parse_segments), {"shipId": self._connector_id})

    def account_segments(self) -> tuple[Segment, ...]:
        return self._get("/accounts_segments", _listed(parse_segments), {"shipId": self._connector_id})

    def user_attributes(self) -> tuple[HullAttribute, ...]:
        """Return the attributes that users have, named without any `traits_` prefix."""
        return self._attributes("/users/schema", "/search/user_reports/bootstrap")

    def account_attributes(self) -> tuple[HullAttribute, ...]:
        return self._attributes("/accounts/schema", "/search/account_reports/bootstrap")

    def search(
        self, object_type: ObjectType, query: Mapping[str, Any], *, page: int = 1
    ) -> tuple[Message, ...]:
        """Return one page of the accounts or users that a query finds, the one that changed longest ago first.

        A row that names no record is left out.
        """
        kind = "account_reports" if object_type is ObjectType.LEAD else "user_reports"
        body = {
            "query": query,
            "sort": {"indexed_at": "asc"},
            "raw": True,
            "page": page,
            "per_page": SEARCH_PAGE,
        }
        answer = self._transport.request("POST", f"/search/{kind}", json=body, write=False)
        return _parsed(answer, lambda raw: tuple(_rows(raw, object_type)))

    def _attributes(self, schema: str, tree: str) -> tuple[HullAttribute, ...]:
        """Read the flat list, or the tree of an organization that does not have the list."""
        try:
            return self._get(schema, _listed(parse_schema))
        except CredentialsError as error:
            if error.status != 404:
                raise
        return self._get(tree, parse_tree)

    def _get(self, path: str, parse: Callable[[Any], _T], params: Mapping[str, Any] | None = None) -> _T:
        return _parsed(self._transport.request("GET", path, params=params), parse)

    def _put(self, below: str, body: Mapping[str, Any], route: str) -> Answer:
        path = f"/{quote(self._connector_id, safe='')}{below}"
        return self._transport.request("PUT", path, route=route, json=body)


def _parsed(answer: Answer, parse: Callable[[Any], _T]) -> _T:
    try:
        return parse(answer.json())
    except ValueError as error:
        raise TransientError(f"Hull's answer cannot be understood: {error}", status=answer.status) from None


def _rows(raw: Any, object_type: ObjectType) -> Iterator[Message]:
    rows = raw.get("data") if isinstance(raw, Mapping) else None
    if not isinstance(rows, list):
        raise ValueError("it holds no list of records")
    for row in rows:
        try:
            yield parse_export_line(row, object_type)
        except ValueError:
            continue


def _connector(raw: Any) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise ValueError("it is not a connector")
    return raw


def _listed(parse: Callable[[Any], _T]) -> Callable[[Any], _T]:
    """Refuse what is no list: it must not pass for an empty one."""

    def parse_list(raw: Any) -> _T:
        if not isinstance(raw, list):
            raise ValueError("it is not a list")
        return parse(raw)

    return parse_list
