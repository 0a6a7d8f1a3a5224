"""The organization: who it is, its people, its statuses and pipelines."""

from __future__ import annotations

from typing import Any

from sandbox.close.events import EventLog
from sandbox.close.reading import ONE, Answer, Routes, chosen, json_body, listed, ordered
from sandbox.close.records import NotFound, found
from sandbox.close.store import Actor, Record, Store
from sandbox.close.validation import NO_SUCH_OBJECT, NOT_A_CHOICE, NOT_A_LIST, NOT_A_TEXT, Invalid
from sandbox.http import Request

MOST = 1000
STATUS_TYPES = ("active", "won", "lost")
PERMISSIONS = (
    "manage_organization", "bulk_edit", "bulk_delete", "bulk_email", "export", "import", "merge_leads", "delete_leads",
)  # fmt: skip
NEEDS_MANAGER = "You do not have permission to perform this action."


class Forbidden(Exception):  # noqa: N818 - it is an answer of Close
    """A 403: the role of the key's user does not allow it."""


def need_admin(actor: Actor) -> None:
    """Raises Forbidden for a role that may not manage the organization."""
    if not actor.is_admin:
        raise Forbidden(NEEDS_MANAGER)


class Settings:
    """Reads and changes what an administrator sets up."""

    def __init__(self, store: Store, log: EventLog) -> None:
        self.store, self.log = store, log

    def routes(self) -> Routes:
        return [
            ("/me/", {"GET": lambda request, actor: (200, chosen(self.me(actor.user_id), request))}),
            (f"/api_key/{ONE}/", {"GET": lambda request, actor, key: self._api_key(key, actor)}),
            (f"/organization/{ONE}/", {"GET": self._get_organization, "PUT": self._put_organization}),
            ("/user/", {"GET": self._list_users}),
            (f"/user/{ONE}/", {"GET": lambda request, actor, close_id: self.user(close_id)}),
            ("/status/lead/", {"GET": self._list_statuses, "POST": self._add_status}),
            (f"/status/lead/{ONE}/", {"GET": self._get_status, "PUT": self._put_status, "DELETE": self._delete_status}),
            ("/status/opportunity/", {"GET": self._list_stages, "POST": self._add_stage}),
            (f"/status/opportunity/{ONE}/", {"GET": self._get_stage, "PUT": self._put_stage, "DELETE": self._delete_stage}),
            ("/pipeline/", {"GET": self._list_pipelines, "POST": self._add_pipeline}),
            (f"/pipeline/{ONE}/", {"GET": self._get_pipeline, "PUT": self._put_pipeline, "DELETE": self._delete_pipeline}),
        ]  # fmt: skip

    # ── Who asks, and the organization ───────────────────────────────────────────────────────────

    def me(self, user_id: str = "") -> Record:
        """Return the key's user, with its organizations as objects."""
        user = self.store.users[user_id or self.store.user_id]
        role = self.store.roles[user["id"]]
        membership = {
            "id": f"memb_{user['id'][5:]}", "organization_id": self.store.organization_id, "user_id": user["id"],
            "role_id": role, "permissions_granted": list(PERMISSIONS) if role == "admin" else ["export"],
            "auto_record_calls": "unset", "track_email_opens": "unset",
        }  # fmt: skip
        return user | {
            "email_accounts": [], "phone_numbers": [], "memberships": [membership],
            "organizations": [self._brief()],
        }  # fmt: skip

    def _brief(self) -> Record:
        return {
            "id": self.store.organization_id, "name": self.store.organization_name,
            "date_created": "2024-01-01T00:00:00.000000+00:00", "date_updated": "2024-01-01T00:00:00.000000+00:00",
            "created_by": self.store.rep_id, "updated_by": self.store.rep_id,
            "lead_statuses": [{"id": one["id"], "label": one["label"]} for one in self.store.statuses],
            "pipelines": [self._shown_pipeline(one) for one in self.store.pipelines],
        }  # fmt: skip

    def _api_key(self, text: str, actor: Actor) -> Answer:
        key = self.store.keys.get(text)
        if key is None or key.user_id != actor.user_id:
            raise NotFound("no such key")
        return 200, {
            "id": key.key_id,
            "organization_id": self.store.organization_id,
            "user_id": key.user_id,
            "date_created": "2024-01-01T00:00:00.000000+00:00",
        }

    def organization(self, close_id: str) -> Record:
        """Return the organization as the API does. Raises NotFound."""
        if close_id != self.store.organization_id:
            raise NotFound(close_id)
        memberships = [
            {
                "id": f"memb_{user_id[5:]}", "user_id": user_id, "user_email": person["email"],
                "user_full_name": self.store.full_name(user_id), "role_id": self.store.roles[user_id],
                "organization_id": self.store.organization_id,
            }
            for user_id, person in self.store.people.items()
        ]  # fmt: skip
        return self._brief() | {
            "currency": "USD",
            "plan_type": "professional",
            "lead_statuses": self.store.statuses,
            "memberships": memberships,
            "inactive_memberships": [],
        }

    def _get_organization(self, request: Request, actor: Actor, close_id: str) -> Answer:
        shown = self.organization(close_id)
        if "memberships__user" in request.param("_expand"):
            shown["memberships"] = [
                one | {"user": self.store.people[one["user_id"]]} for one in shown["memberships"]
            ]
        return 200, chosen(shown, request)

    def _put_organization(self, request: Request, actor: Actor, close_id: str) -> Answer:
        """Rename the organization, or put its statuses in another order."""
        self.organization(close_id)
        need_admin(actor)
        body = json_body(request)
        if "name" in body:
            self.store.organization_name = _required_text(body, "name")
        if "lead_statuses" in body:
            self._reorder(body["lead_statuses"])
        return 200, self.organization(close_id)

    def _reorder(self, wanted: Any) -> None:
        ids = [one.get("id") for one in wanted if isinstance(one, dict)] if isinstance(wanted, list) else None
        held = {one["id"]: one for one in self.store.statuses}
        if ids is None or sorted(map(str, ids)) != sorted(held):
            raise Invalid({"lead_statuses": NO_SUCH_OBJECT})
        self.store.statuses[:] = [held[str(close_id)] for close_id in ids]

    def user(self, close_id: str) -> Answer:
        return 200, found(self.store.users, close_id)

    def _list_users(self, request: Request, actor: Actor) -> Answer:
        rows = ordered(
            self.store.users.values(), request, ("first_name", "last_name", "email", "date_created")
        )
        return listed(rows, request, MOST)

    # ── Lead statuses ────────────────────────────────────────────────────────────────────────────

    def create_status(self, label: str, close_id: str | None = None) -> Record:
        status = {
            "id": close_id or self.store.new_id("stat"),
            "label": label,
            "organization_id": self.store.organization_id,
        }
        self.store.statuses.append(status)
        return status

    def _list_statuses(self, request: Request, actor: Actor) -> Answer:
        return listed(self.store.statuses, request, MOST)

    def _add_status(self, request: Request, actor: Actor) -> Answer:
        need_admin(actor)
        status = self.create_status(self._free_label(json_body(request)))
        self.log.write("status.lead", "created", status, None, actor)
        return 200, status

    def _get_status(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, self._status(close_id)

    def _put_status(self, request: Request, actor: Actor, close_id: str) -> Answer:
        need_admin(actor)
        status, body = self._status(close_id), json_body(request)
        before = {"label": status["label"]}
        if body.get("label") not in (None, status["label"]):
            status["label"] = self._free_label(body)
            self.log.write("status.lead", "updated", status, None, actor, before)
        return 200, status

    def _delete_status(self, request: Request, actor: Actor, close_id: str) -> Answer:
        need_admin(actor)
        status = self._status(close_id)
        if any(lead["status_id"] == close_id for lead in self.store.leads.values()):
            raise Invalid(text="This status is used by leads.")  # nobody has recorded Close's wording
        if len(self.store.statuses) == 1:
            raise Invalid(text="An organization needs a lead status.")
        self.store.statuses.remove(status)
        self.log.write("status.lead", "deleted", status, None, actor)
        return 200, {}

    def _status(self, close_id: str) -> Record:
        return found({one["id"]: one for one in self.store.statuses}, close_id)

    def _free_label(self, body: Record) -> str:
        label = _required_text(body, "label")
        if any(one["label"] == label for one in self.store.statuses):
            raise Invalid({"label": "This label is already used."})
        return label

    # ── Pipelines and the statuses of opportunities ──────────────────────────────────────────────

    def create_pipeline(self, name: str, statuses: list[tuple[str, str]]) -> Record:
        """Add a pipeline; each status is a label with its type: active, won or lost."""
        now = self.store.bare_stamp()
        pipeline: Record = {
            "id": self.store.new_id("pipe"), "name": name, "organization_id": self.store.organization_id,
            "created_by": self.store.rep_id, "updated_by": self.store.rep_id, "date_created": now,
            "date_updated": now, "statuses": [],
        }  # fmt: skip
        pipeline["statuses"] = [self._new_stage(label, kind, pipeline["id"]) for label, kind in statuses]
        self.store.pipelines.append(pipeline)
        return pipeline

    def _new_stage(self, label: str, kind: str, pipeline_id: str) -> Record:
        return {
            "id": self.store.new_id("stat"), "label": label, "type": kind, "pipeline_id": pipeline_id,
            "organization_id": self.store.organization_id,
        }  # fmt: skip

    def _shown_pipeline(self, pipeline: Record) -> Record:
        brief = [{name: one[name] for name in ("id", "label", "type")} for one in pipeline["statuses"]]
        return pipeline | {"statuses": brief}

    def stages(self) -> list[Record]:
        """Return the statuses that an opportunity may have."""
        return [stage for pipeline in self.store.pipelines for stage in pipeline["statuses"]]

    def _list_stages(self, request: Request, actor: Actor) -> Answer:
        return listed(self.stages(), request, MOST)

    def _add_stage(self, request: Request, actor: Actor) -> Answer:
        need_admin(actor)
        body = json_body(request)
        pipelines = {one["id"]: one for one in self.store.pipelines}
        pipeline_id = body.get("pipeline_id") or next(iter(pipelines), "")
        if pipeline_id not in pipelines:
            raise Invalid({"pipeline_id": NO_SUCH_OBJECT})
        stage = self._new_stage(_required_text(body, "label"), _stage_type(body), str(pipeline_id))
        pipelines[str(pipeline_id)]["statuses"].append(stage)
        self.log.write("status.opportunity", "created", stage, None, actor)
        return 200, stage

    def _get_stage(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, self._stage(close_id)

    def _put_stage(self, request: Request, actor: Actor, close_id: str) -> Answer:
        need_admin(actor)
        stage, body = self._stage(close_id), json_body(request)
        before = dict(stage)
        if "label" in body:
            stage["label"] = _required_text(body, "label")
        if "type" in body:
            stage["type"] = _stage_type(body)
        if stage != before:
            changed = {name: before[name] for name in before if before[name] != stage[name]}
            self.log.write("status.opportunity", "updated", stage, None, actor, changed)
        return 200, stage

    def _delete_stage(self, request: Request, actor: Actor, close_id: str) -> Answer:
        need_admin(actor)
        stage = self._stage(close_id)
        if any(one["status_id"] == close_id for one in self.store.opportunities.values()):
            raise Invalid(text="This status is used by opportunities.")
        for pipeline in self.store.pipelines:
            pipeline["statuses"] = [one for one in pipeline["statuses"] if one["id"] != close_id]
        self.log.write("status.opportunity", "deleted", stage, None, actor)
        return 200, {}

    def _stage(self, close_id: str) -> Record:
        return found({one["id"]: one for one in self.stages()}, close_id)

    def _list_pipelines(self, request: Request, actor: Actor) -> Answer:
        return 200, {"data": [self._shown_pipeline(one) for one in self.store.pipelines], "has_more": False}

    def _add_pipeline(self, request: Request, actor: Actor) -> Answer:
        need_admin(actor)
        body = json_body(request)
        name, given = _required_text(body, "name"), body.get("statuses") or []
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            raise Invalid({"statuses": NOT_A_LIST})
        statuses = [(_required_text(one, "label"), _stage_type(one)) for one in given]
        return 200, self._shown_pipeline(self.create_pipeline(name, statuses))

    def _get_pipeline(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, self._shown_pipeline(self._pipeline(close_id))

    def _put_pipeline(self, request: Request, actor: Actor, close_id: str) -> Answer:
        need_admin(actor)
        pipeline, body = self._pipeline(close_id), json_body(request)
        if "name" in body:
            pipeline["name"] = _required_text(body, "name")
        return 200, self._shown_pipeline(pipeline | {"date_updated": self.store.bare_stamp()})

    def _delete_pipeline(self, request: Request, actor: Actor, close_id: str) -> Answer:
        need_admin(actor)
        pipeline = self._pipeline(close_id)
        stages = {stage["id"] for stage in pipeline["statuses"]}
        if any(one["status_id"] in stages for one in self.store.opportunities.values()):
            raise Invalid(text="This pipeline is used by opportunities.")
        self.store.pipelines.remove(pipeline)
        return 200, {}

    def _pipeline(self, close_id: str) -> Record:
        return found({one["id"]: one for one in self.store.pipelines}, close_id)


def _required_text(body: Record, name: str) -> str:
    value = body.get(name)
    if value in (None, ""):
        raise Invalid({name: "This field is required."})
    if not isinstance(value, str):
        raise Invalid({name: NOT_A_TEXT})
    return value


def _stage_type(body: Record) -> str:
    kind = body.get("type", "active")
    if kind not in STATUS_TYPES:
        raise Invalid({"type": NOT_A_CHOICE})
    return str(kind)
