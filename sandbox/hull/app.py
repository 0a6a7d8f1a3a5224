"""A simulated Hull: one object that answers as the platform does, and knows what it has to tell."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.faults import Faults
from sandbox.http import Request, Response
from sandbox.hull.attributes import RESERVED, learn
from sandbox.hull.connector import Connector
from sandbox.hull.control import Control
from sandbox.hull.firehose import MOST_MESSAGES, Firehose
from sandbox.hull.identity import associate, merge
from sandbox.hull.jobs import Jobs
from sandbox.hull.notifier import Batch, Notifier
from sandbox.hull.query import Search
from sandbox.hull.rest import Rest, problem
from sandbox.hull.schedules import Timetable, call_url
from sandbox.hull.segments import Segments, public
from sandbox.hull.store import (
    ACCOUNT,
    MOST_REMEMBERED,
    USER,
    Clock,
    Entity,
    Record,
    Store,
    shown,
    stored_name,
)
from sandbox.hull.tokens import verified
from sandbox.moods import Moods, parse_moods

CONNECTOR_ID = "5a43ce781f6d9f471d005d44"
SECRET = "sandbox-secret"
ORGANIZATION = "acme.hullapp.io"

KEY_PATH = "/_sandbox/public-key"
FIREHOSE_PATHS = ("", "/firehose", "/api/v1/firehose")
# How many calls of the connector's own addresses are remembered.
MOST_CALLS = 1000


class HullSandbox:
    """One organization with one connector. `handle` answers the APIs; `set_…` is what a marketer's tools do."""

    def __init__(
        self, clock: Clock, seed: int = 0, connector_id: str = CONNECTOR_ID, secret: str = SECRET,
        organization: str = ORGANIZATION, public_url: str = "http://hull.sandbox", faults: Faults | None = None,
        moods: Moods | None = None, associate_by_domain: bool = True,
    ) -> None:  # fmt: skip
        self.moods = moods or parse_moods("", seed)
        self.store = Store(lambda: clock() + self.moods.skew, seed)
        self.connector_id, self.secret, self.organization = connector_id, secret, organization
        self.connector = Connector(connector_id, secret, self.store.stamp())
        self.segments = Segments(self.store.segments)
        self.notifier = Notifier(
            self.store, self.segments, {"id": connector_id, "organization": organization, "secret": secret},
            f"{public_url}{KEY_PATH}", self.shown_connector,
        )  # fmt: skip
        self.firehose = Firehose(self.store, connector_id, secret, associate_by_domain)
        self.search = Search(self.store)
        self.jobs = Jobs(self.store, self.firehose, self.search, secret)
        self.timetable = Timetable()
        self.rest, self.control = Rest(self), Control(self)
        self.requests: list[tuple[str, str, Any, int]] = []
        self.calls: list[Record] = []
        self.connected_to = self.installing = ""
        self._asked_for: list[str] = []
        self.set_moods(self.moods)
        if faults:
            self.faults = faults

    # ── What a test or a person sees ─────────────────────────────────────────────────────────────

    @property
    def accounts(self) -> dict[str, Record]:
        return {entity.hull_id: shown(entity) for entity in self.store.of_kind(ACCOUNT)}

    @property
    def users(self) -> dict[str, Record]:
        return {entity.hull_id: shown(entity) for entity in self.store.of_kind(USER)}

    @property
    def events(self) -> list[Record]:
        """Return all events of all users."""
        return list(self.store.events.values())

    @property
    def firehose_messages(self) -> list[Record]:
        return self.firehose.messages

    @property
    def log(self) -> list[Record]:
        return self.store.log

    @property
    def base_url(self) -> str:
        """Return the address under which this Hull can be reached."""
        return self.notifier.key_url.removesuffix(KEY_PATH)

    @property
    def status(self) -> Record:
        """Return the status that the connector has published last."""
        return self.connector.status

    @property
    def private_settings(self) -> Record:
        return self.connector.private_settings

    @private_settings.setter
    def private_settings(self, settings: Record) -> None:
        self.connector.private_settings = settings

    def account_of(self, user_id: str) -> Record:
        """Return the account that a user belongs to."""
        return shown(self.store.entities[str(self.store.entities[user_id].account_id)])

    def snapshot(self) -> Record:
        """Return everything that can be compared: accounts, users and whom they belong to."""
        people = {
            entity.hull_id: shown(entity) | {"account_id": entity.account_id}
            for entity in self.store.of_kind(USER)
        }
        return {"accounts": self.accounts, "users": people}

    # ── What a marketer's tools do ───────────────────────────────────────────────────────────────

    def add_account(self, attributes: Record) -> None:
        self._add(ACCOUNT, attributes, None)

    def add_user(self, attributes: Record, account_id: str | None = None) -> None:
        self._add(USER, attributes, account_id)

    def create(self, kind: str, attributes: Record, account_id: str | None = None) -> Entity:
        """Make an account or a user, and return it."""
        return self._add(kind, attributes, account_id)

    def _add(self, kind: str, attributes: Record, account_id: str | None) -> Entity:
        hull_id, ids = str(attributes.get("id") or self.store.new_id()), attributes.get("anonymous_ids")
        entity = Entity(hull_id, kind, _values(attributes), account_id=account_id)
        entity.anonymous_ids = [str(one) for one in ids] if isinstance(ids, list) else []
        learn(self.store, entity, entity.attributes)
        self.store.add(entity)
        self._settle(entity)
        return entity

    def set_account(self, hull_id: str, changes: Record) -> None:
        self._set(hull_id, changes)

    def set_user(self, hull_id: str, changes: Record) -> None:
        self._set(hull_id, changes)

    def _set(self, hull_id: str, changes: Record) -> None:
        entity = self.store.entities[hull_id]
        values = _values(changes)
        learn(self.store, entity, values)
        for name, value in values.items():
            self.store.put(entity, name, value)
        self._settle(entity)

    def _settle(self, entity: Entity) -> None:
        if self.firehose.associate_by_domain:
            associate(self.store, entity)
        self.notifier.look()

    def delete(self, hull_id: str, is_told: bool = False) -> None:
        """Forget somebody. Whether Hull tells connectors of it is not known: as a rule it does not here."""
        entity = self.store.entities[hull_id]
        self.store.remove(entity)
        if is_told:
            self.notifier.notice(f"{entity.kind}:delete", hull_id, {entity.kind: shown(entity)})
        self.notifier.look()

    def merge(self, hull_id: str, other_id: str) -> Entity:
        """Make one of two accounts or of two users, as Hull does when claims turn out to mean both. Returns what is left."""
        survivor = merge(self.store, self.store.entities[hull_id], self.store.entities[other_id])
        self.notifier.look()
        return survivor

    def link(self, user_id: str, account_id: str | None) -> None:
        """Make a user one of an account's people."""
        self.store.link(self.store.entities[user_id], account_id)
        self.notifier.look()

    def add_segment(self, kind: str, segment_id: str, name: str, predicate: Record) -> None:
        """Make a segment that the connector is not told of; whoever enters it is told."""
        self.segments.put(kind, segment_id, name, predicate)
        self._evaluate(kind)

    def put_segment(self, kind: str, segment_id: str, name: str, predicate: Record) -> None:
        """Make or change a segment: the connector is told, and of everybody who enters or leaves.

        Raises ValueError for a predicate that is none.
        """
        row = self.segments.put(kind, segment_id, name, predicate, self.store.stamp())
        self.notifier.notice(f"{kind}s_segment:update", segment_id, public(row))
        self._evaluate(kind)

    def delete_segment(self, segment_id: str) -> None:
        """Remove a segment: everybody leaves it. Raises KeyError when there is none."""
        row = self.segments.find(segment_id)
        if row is None:
            raise KeyError(segment_id)
        self.segments.remove(segment_id)
        self.notifier.notice(f"{row['kind']}s_segment:delete", segment_id, public(row))
        self._evaluate(row["kind"])

    def _evaluate(self, kind: str) -> None:
        for entity in self.store.of_kind(kind):
            self.store.put_segments(entity, self.segments.of(entity))
        self.notifier.look()

    # ── The connector ────────────────────────────────────────────────────────────────────────────

    def shown_connector(self) -> Record:
        """Return the connector as the REST API and notifications have it."""
        return self.connector.shown()

    def put_settings(self, settings: Record) -> None:
        """Replace the connector's settings; the connector is told."""
        self.connector.private_settings = dict(settings)
        self.tell_connector()

    def install(self, url: str, manifest: Record) -> None:
        """Take a connector from its manifest: from now on it is notified and called as that says."""
        self.connector.install(url, manifest)
        path = str(self.connector.subscription().get("url") or "/smart-notifier")
        self.connected_to = f"{self.connector.url}/{path.lstrip('/')}"
        self.timetable = Timetable()
        self.due_calls(self.store.clock())
        self.tell_connector()

    def tell_connector(self) -> None:
        """Have the connector told that it has changed."""
        self.connector.updated_at = self.store.stamp()
        self.notifier.notice("ship:update", self.connector_id)

    def due_calls(self, now: datetime) -> list[str]:
        """Return the addresses that Hull calls now, and count them as called."""
        paths = self.timetable.due_calls(self.connector.calls(), self.private_settings, now) + self._asked_for
        self._asked_for = []
        if not self.connector.url:
            return []
        return [
            call_url(self.connector.url, path, self.notifier.configuration) for path in dict.fromkeys(paths)
        ]

    def call_schedules(self) -> list[str]:
        """Have all schedules called at once. Returns their paths."""
        self._asked_for = [str(call["url"]) for call in self.connector.calls() if call.get("url")]
        return list(dict.fromkeys(self._asked_for))

    def batch_url(self, kind: str, segment_id: str = "") -> str:
        """Return where an installed connector takes extracts of a kind, or an empty text."""
        path = self.connector.batch_path(f"{kind}:update")
        if not self.connector.url or not path:
            return ""
        url = call_url(self.connector.url, path, self.notifier.configuration)
        return f"{url}&source=connector" + (f"&segment_id={segment_id}" if segment_id else "")

    def note_call(self, url: str, status: int) -> None:
        """Write down how a call of the connector ended."""
        self.calls = [*self.calls[-MOST_CALLS:], {"at": self.store.stamp(), "url": url, "status": status}]

    def take_notifications(self, max_messages: int = 50) -> list[Batch]:
        """Return what Hull would post next, as `(headers, body)`."""
        return self.notifier.take(max_messages)

    def take_in(self, job: Record, content: bytes) -> None:
        """Apply the file of an import; whether anybody is told, the import says."""
        self.jobs.take_in(job, content)
        if job.get("notify") is False:
            self.notifier.forget_changes()
        else:
            self.notifier.look()

    # ── State ────────────────────────────────────────────────────────────────────────────────────

    def state(self) -> Record:
        """Return everything that a later process needs to go on."""
        return {
            "store": self.store.state(), "notifier": self.notifier.state(), "connector": self.connector,
            "jobs": self.jobs.state(), "timetable": self.timetable, "connected_to": self.connected_to,
        }  # fmt: skip

    def restore(self, state: Record) -> None:
        """Go on with what an earlier process held."""
        self.store.restore(state["store"])
        self.segments = self.notifier.segments = Segments(self.store.segments)
        self.notifier.restore(state["notifier"])
        self.jobs.restore(state["jobs"])
        self.connector, self.timetable = state["connector"], state["timetable"]
        self.connected_to = self.connected_to or state["connected_to"]

    # ── Moods ────────────────────────────────────────────────────────────────────────────────────

    def set_moods(self, moods: Moods) -> None:
        """Change the weather; it holds from the next request on."""
        self.moods = moods
        self.notifier.duplicate_rate = moods.notifications.duplicate
        self.notifier.reorder_rate = moods.notifications.reorder

    @property
    def faults(self) -> Faults:
        return self.moods.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.moods.faults = faults

    def fail_next(self, method: str, path: str, kind: str, times: int = 1) -> None:
        self.faults.fail_next(method, path, kind, times)

    # ── The door ─────────────────────────────────────────────────────────────────────────────────

    def early(self, request: Request) -> None:
        """Break off a request whose body is still on its way, if it is to be so. Raises Reset."""
        if not self.control.is_about(request):
            self.faults.early(request)

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        if self.control.is_about(request):
            return self.control.answer(request)
        status = 0
        try:
            response = self.faults.around(request, self._answer)
            status = response.status
            return response.moody(delay=self.moods.delay(), cut=response.cut)
        finally:
            self.requests.append((request.method, request.path, None, status))
            if len(self.requests) > MOST_REMEMBERED:
                del self.requests[: MOST_REMEMBERED // 2]

    def _answer(self, request: Request) -> Response:
        headers, path = request.headers, request.path.rstrip("/")
        named = (headers.get("hull-app-id"), headers.get("hull-organization"))
        if not all(named):
            return problem(401, "Unauthorized")
        if named != (self.connector_id, self.organization):
            return problem(404, "Connector not found")
        is_firehose = path in FIREHOSE_PATHS
        if not self._may_enter(headers.get("hull-access-token", ""), is_firehose):
            return problem(401, "Unauthorized")
        if not self.connector.is_organization_enabled:
            return problem(402, "Organization is disabled")
        if is_firehose:
            return self._take_batch(request)
        if not path.startswith("/api/v1/"):
            return problem(404, "Not found")
        response = self.rest.answer(request, path.removeprefix("/api/v1"))
        self.notifier.look()
        return response

    def _may_enter(self, token: str, is_firehose: bool) -> bool:
        """The secret opens everything; a token that was signed with it opens the REST API."""
        if token == self.secret:
            return True
        if is_firehose or token.count(".") != 2:
            return False
        try:
            return bool(verified(token, self.secret, self.connector_id, self.store.clock().timestamp()))
        except ValueError:
            return False

    def _take_batch(self, request: Request) -> Response:
        if request.method != "POST":
            return Response.of(405, {"message": "Method not allowed", "status": 405}, {"allow": "POST"})
        try:
            body = request.json()
        except ValueError:
            return problem(400, "invalid JSON")
        batch = body.get("batch") if isinstance(body, dict) else None
        if not isinstance(batch, list):
            return problem(400, "batch is missing")
        if len(batch) > MOST_MESSAGES:
            return problem(413, f"at most {MOST_MESSAGES} messages")
        self.firehose.take(batch)
        self.notifier.look()
        return Response(204)


def _values(given: Record) -> Record:
    """Return attributes as they are kept, without what Hull keeps itself."""
    return {stored_name(name): value for name, value in given.items() if name not in RESERVED}
