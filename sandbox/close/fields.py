"""Custom fields: what an organization adds to leads, contacts and opportunities, and who may edit it."""

from __future__ import annotations

from typing import Any

from sandbox.close.events import EventLog
from sandbox.close.reading import ONE, Answer, Routes, json_body, listed
from sandbox.close.records import NotFound, found
from sandbox.close.settings import need_admin
from sandbox.close.store import Actor, Record, Store
from sandbox.close.validation import NOT_A_CHOICE, NOT_A_LIST, NOT_A_TEXT, Invalid
from sandbox.http import Request

TYPES = (
    "text", "number", "date", "datetime", "choices", "user", "contact", "custom_object", "textarea", "hidden",
)  # fmt: skip
_MULTIPLE = ("choices", "user", "contact", "custom_object")
OBJECTS = ("lead", "contact", "opportunity")
_KINDS = (*OBJECTS, "activity", "custom_object_type", "shared")
_LONGEST_DESCRIPTION = 280
_CHANGEABLE = ("name", "description", "choices", "type", "editable_with_roles", "accepts_multiple_values")


class Fields:
    """Lists and changes custom fields; a deleted field takes its values along at once."""

    def __init__(self, store: Store, log: EventLog) -> None:
        self.store, self.log = store, log

    def routes(self) -> Routes:
        one = {"GET": self._get_one, "PUT": self._put, "DELETE": self._delete}
        return [
            (f"/custom_field_schema/{ONE}/", {"GET": lambda request, actor, kind: self.schema(kind)}),
            (f"/custom_field_schema/{ONE}/{ONE}/", {"GET": lambda request, actor, kind, of: self.schema(kind, of)}),
            (f"/custom_field/shared/{ONE}/association/", {"POST": self._associate}),
            (f"/custom_field/shared/{ONE}/association/{ONE}/", {"PUT": self._reassociate, "DELETE": self._dissociate}),
            # The plural was the address before 2020, and clients of that age still use it.
            (f"/custom_fields?/{ONE}/", {"GET": self._list, "POST": self._create}),
            (f"/custom_fields?/{ONE}/{ONE}/", one),
        ]  # fmt: skip

    # ── What an administrator does ───────────────────────────────────────────────────────────────

    def create(
        self, kind: str, name: str, type: str = "text", choices: list[str] | None = None, multiple: bool = False,
        field_id: str | None = None, actor: Actor | None = None,
    ) -> Record:  # fmt: skip
        """Add a field to leads, contacts, opportunities, or a shared one to leads and contacts. Raises Invalid."""
        body = {"name": name, "type": type, "choices": choices, "accepts_multiple_values": multiple}
        return self._make(kind, body, actor or self._person(), field_id, ["lead", "contact"])

    def change(self, field_id: str, changes: Record, actor: Actor | None = None) -> Record:
        """Change a field and tell it. Raises NotFound and Invalid."""
        field = found(self.store.custom_fields, field_id)
        before = {name: field[name] for name in changes if field[name] != changes[name]}
        field.update(changes, date_updated=self.store.bare_stamp())
        if before:
            self._tell(field, "updated", actor or self._person(), before)
        return _shown(field)

    def delete(self, field_id: str, actor: Actor | None = None) -> None:
        """Delete a field, and at once every value of it. Raises NotFound."""
        field = found(self.store.custom_fields, field_id)
        del self.store.custom_fields[field_id]
        self._forget_values(field_id, OBJECTS)
        self._tell(field, "deleted", actor or self._person())

    def _forget_values(self, field_id: str, objects: tuple[str, ...]) -> None:
        tables = {
            "lead": self.store.leads, "contact": self.store.contacts, "opportunity": self.store.opportunities,
        }  # fmt: skip
        for name in objects:
            for record in tables[name].values():
                record.pop(f"custom.{field_id}", None)

    def _person(self) -> Actor:
        return Actor(self.store.rep_id, None, "PUT", "/app/")

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────

    def schema(self, kind: str, of: str = "") -> Answer:
        """Return the fields of its own and the shared ones, in their order."""
        if kind not in (*OBJECTS, "activity", "custom_object") or bool(of) != (kind not in OBJECTS):
            raise NotFound(kind)
        fields = [
            _shown(field) | ({"required": False} if field["is_shared"] else {})
            for field in self.store.custom_fields.values()
            if kind in field["objects"]
        ]
        return 200, {
            "object_type": kind,
            "name": kind.replace("_", " ").title(),
            "organization_id": self.store.organization_id,
            "fields": fields,
        }

    def _list(self, request: Request, actor: Actor, kind: str) -> Answer:
        if kind not in _KINDS:
            raise NotFound(kind)
        rows = [_shown(field) for field in self.store.custom_fields.values() if _is_of(field, kind)]
        return listed(rows, request, 1000)

    def _get_one(self, request: Request, actor: Actor, kind: str, field_id: str) -> Answer:
        return 200, _shown(self._field(kind, field_id))

    def _field(self, kind: str, field_id: str) -> Record:
        field = found(self.store.custom_fields, field_id)
        if not _is_of(field, kind):
            raise NotFound(field_id)
        return field

    # ── Writing over the API ─────────────────────────────────────────────────────────────────────

    def _create(self, request: Request, actor: Actor, kind: str) -> Answer:
        if kind not in _KINDS:
            raise NotFound(kind)
        need_admin(actor)
        return 200, self._make(kind, json_body(request), actor, None, [])

    def _make(
        self, kind: str, body: Record, actor: Actor, field_id: str | None, shared_with: list[str]
    ) -> Record:
        errors = _errors(body, {"name": "", "type": "text"} | body)
        if errors:
            raise Invalid(errors)
        is_shared, kind_of_value = kind == "shared", str(body.get("type", "text"))
        now = self.store.bare_stamp()
        field: Record = {
            "id": field_id or self.store.new_id("cf"), "name": body["name"], "type": kind_of_value,
            "choices": list(body.get("choices") or []) if kind_of_value == "choices" else None,
            "accepts_multiple_values": bool(body.get("accepts_multiple_values")),
            "description": body.get("description"), "editable_with_roles": body.get("editable_with_roles") or [],
            "is_shared": is_shared, "organization_id": self.store.organization_id, "created_by": actor.user_id,
            "updated_by": actor.user_id, "date_created": now, "date_updated": now,
            "objects": shared_with if is_shared else [kind], "required": bool(body.get("required")),
            "custom_activity_type_id": body.get("custom_activity_type_id"),
        }  # fmt: skip
        if is_shared:
            field["associations"] = [_association(one) for one in shared_with]
        self._join_activity(field)
        self.store.custom_fields[field["id"]] = field
        self._tell(field, "created", actor)
        return _shown(field)

    def _join_activity(self, field: Record) -> None:
        """A field of a custom activity belongs to one type. Raises Invalid for a type that is not there."""
        type_id = field["custom_activity_type_id"]
        if "activity" not in field["objects"] or type_id is None:
            return
        if not isinstance(type_id, str) or type_id not in self.store.activity_types:
            raise Invalid({"custom_activity_type_id": "Object does not exist."})
        held = self.store.activity_types[type_id]
        self.store.activity_types[type_id] = held | {"fields": [*held["fields"], _shown(field)]}

    def _put(self, request: Request, actor: Actor, kind: str, field_id: str) -> Answer:
        field = self._field(kind, field_id)
        need_admin(actor)
        body = json_body(request)
        changes = {name: body[name] for name in _CHANGEABLE if name in body}
        errors = _errors(changes, field | changes)
        if field["is_shared"] and changes.get("type", field["type"]) != field["type"]:
            errors["type"] = "Value cannot be changed."
        if errors:
            raise Invalid(errors)
        shown = self.change(field_id, changes, actor)
        if "type" in changes and "type" in shown and changes["type"] != "choices":
            field["choices"] = None
        return 200, _shown(field)

    def _delete(self, request: Request, actor: Actor, kind: str, field_id: str) -> Answer:
        self._field(kind, field_id)
        need_admin(actor)
        self.delete(field_id, actor)
        return 200, {}

    # ── Shared fields: to which objects they belong ──────────────────────────────────────────────

    def _associate(self, request: Request, actor: Actor, field_id: str) -> Answer:
        field = self._field("shared", field_id)
        need_admin(actor)
        body = json_body(request)
        kind = body.get("object_type")
        if kind not in OBJECTS:
            raise Invalid({"object_type": NOT_A_CHOICE})
        if kind in field["objects"]:
            raise Invalid(text="The field is already associated with this object type.")
        roles = _roles(body)
        self._set_associations(field, [*field["associations"], _association(kind, roles)], actor)
        location = f"/api/v1/custom_field/shared/{field_id}/association/{kind}/"
        return 201, _association(kind, roles) | {"Location": location}

    def _reassociate(self, request: Request, actor: Actor, field_id: str, kind: str) -> Answer:
        field = self._associated(field_id, kind)
        need_admin(actor)
        changed = _association(kind, _roles(json_body(request)))
        rest = [changed if one["object_type"] == kind else one for one in field["associations"]]
        self._set_associations(field, rest, actor)
        return 200, changed

    def _dissociate(self, request: Request, actor: Actor, field_id: str, kind: str) -> Answer:
        field = self._associated(field_id, kind)
        need_admin(actor)
        self._set_associations(
            field, [one for one in field["associations"] if one["object_type"] != kind], actor
        )
        self._forget_values(field_id, (kind,))
        return 204, None

    def _associated(self, field_id: str, kind: str) -> Record:
        field = self._field("shared", field_id)
        if kind not in field["objects"]:
            raise NotFound(kind)
        return field

    def _set_associations(self, field: Record, associations: list[Record], actor: Actor) -> None:
        before = {"associations": field["associations"]}
        field["associations"] = associations
        field["objects"] = [one["object_type"] for one in associations]
        self._tell(field, "updated", actor, before)

    def _tell(self, field: Record, action: str, actor: Actor, before: Record | None = None) -> None:
        kind = "shared" if field["is_shared"] else field["objects"][0]
        self.log.write(f"custom_fields.{kind}", action, _shown(field), None, actor, before)


def _is_of(field: Record, kind: str) -> bool:
    return (
        bool(field["is_shared"]) if kind == "shared" else not field["is_shared"] and kind in field["objects"]
    )


def _association(kind: str, roles: list[str] | None = None) -> Record:
    return {"object_type": kind, "editable_with_roles": roles or [], "required": False}


def _roles(body: Record) -> list[str]:
    roles = body.get("editable_with_roles") or []
    if not isinstance(roles, list) or not all(isinstance(one, str) for one in roles):
        raise Invalid({"editable_with_roles": NOT_A_LIST})
    return roles


def _errors(given: Record, whole: Record) -> dict[str, Any]:
    """Return what is wrong with the given values of a field; `whole` is the field with them."""
    errors: dict[str, Any] = {}
    if not isinstance(whole["name"], str):
        errors["name"] = NOT_A_TEXT
    elif not whole["name"].strip():
        errors["name"] = "This field is required."
    if whole["type"] not in TYPES:
        errors["type"] = NOT_A_CHOICE
    elif whole.get("accepts_multiple_values") and whole["type"] not in _MULTIPLE:
        errors["accepts_multiple_values"] = "This type does not accept multiple values."
    choices = given.get("choices")
    if choices is not None and not (
        isinstance(choices, list) and all(isinstance(one, str) for one in choices)
    ):
        errors["choices"] = NOT_A_LIST
    description = given.get("description")
    if description is not None and not (
        isinstance(description, str) and len(description) <= _LONGEST_DESCRIPTION
    ):
        errors["description"] = f"The value must be no longer than {_LONGEST_DESCRIPTION} characters."
    roles = given.get("editable_with_roles")
    if roles is not None and not (isinstance(roles, list) and all(isinstance(one, str) for one in roles)):
        errors["editable_with_roles"] = NOT_A_LIST
    return errors


def _shown(field: Record) -> Record:
    hidden = {"objects"} | ({"editable_with_roles"} if field["is_shared"] else set())
    if "activity" not in field["objects"]:
        hidden |= {"required", "custom_activity_type_id"}
    return {name: value for name, value in field.items() if name not in hidden}
