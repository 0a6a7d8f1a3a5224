"""The organization: who it is, its statuses and its custom fields."""

from __future__ import annotations

from typing import Any

from sandbox.close.events import EventLog
from sandbox.close.records import NotFound
from sandbox.close.store import Actor, Record, Store
from sandbox.close.validation import Invalid

_TYPES = (
    "text",
    "number",
    "date",
    "datetime",
    "choices",
    "user",
    "contact",
    "custom_object",
    "textarea",
    "hidden",
)
_MULTIPLE = ("choices", "user", "contact", "custom_object")


class Settings:
    """Reads and changes what an administrator sets up."""

    def __init__(self, store: Store, log: EventLog) -> None:
        self.store, self.log = store, log

    def me(self) -> Record:
        """Return the key's user, with its organizations as objects."""
        user = self.store.users[self.store.user_id]
        organization = {
            "id": self.store.organization_id, "name": self.store.organization_name,
            "lead_statuses": [{"id": one["id"], "label": one["label"]} for one in self.store.statuses], "pipelines": [],
        }  # fmt: skip
        membership = {
            "organization_id": self.store.organization_id,
            "user_id": user["id"],
            "role_id": "admin",
        }
        return user | {"memberships": [membership], "organizations": [organization]}

    def organization(self, close_id: str) -> tuple[int, Record]:
        if close_id != self.store.organization_id:
            raise NotFound(close_id)
        return 200, {
            "id": close_id,
            "name": self.store.organization_name,
            "lead_statuses": self.store.statuses,
        }

    def user(self, close_id: str) -> tuple[int, Record]:
        if close_id not in self.store.users:
            raise NotFound(close_id)
        return 200, self.store.users[close_id]

    def create_status(self, label: str, close_id: str | None = None) -> Record:
        status = {
            "id": close_id or self.store.new_id("stat"),
            "label": label,
            "organization_id": self.store.organization_id,
        }
        self.store.statuses.append(status)
        return status

    # ── Custom fields ────────────────────────────────────────────────────────────────────────────

    def create_field(
        self,
        kind: str,
        name: str,
        type: str,
        choices: list[str] | None,
        multiple: bool,
        field_id: str | None = None,
    ) -> Record:
        """Add a field to leads, contacts or both. Raises Invalid."""
        if kind not in ("lead", "contact", "shared"):
            raise NotFound(kind)
        if type not in _TYPES:
            raise Invalid({"type": "Not a valid choice."})
        if not name or (multiple and type not in _MULTIPLE):
            raise Invalid({"name" if not name else "accepts_multiple_values": "This field is required."})
        field: Record = {
            "id": field_id or self.store.new_id("cf"), "name": name, "type": type,
            "choices": list(choices or []) if type == "choices" else None, "accepts_multiple_values": multiple,
            "description": None, "editable_with_roles": [], "is_shared": kind == "shared",
            "organization_id": self.store.organization_id, "created_by": self.store.rep_id,
            "updated_by": self.store.rep_id, "date_created": self.store.bare_stamp(),
            "date_updated": self.store.bare_stamp(), "objects": ["lead", "contact"] if kind == "shared" else [kind],
        }  # fmt: skip
        self.store.custom_fields[field["id"]] = field
        self._tell(field, "created")
        return _shown(field)

    def change_field(self, field_id: str, changes: Record) -> None:
        self._get(field_id).update(changes)
        self._tell(self._get(field_id), "updated")

    def delete_field(self, field_id: str) -> None:
        """Delete a field, and at once every value of it."""
        field = self._get(field_id)
        del self.store.custom_fields[field_id]
        for record in (*self.store.leads.values(), *self.store.contacts.values()):
            record.pop(f"custom.{field_id}", None)
        self._tell(field, "deleted")

    def schema(self, kind: str) -> tuple[int, Record]:
        """Return the fields of its own and the shared ones, in their order."""
        if kind not in ("lead", "contact", "opportunity"):
            raise NotFound(kind)
        fields = [_shown(field) for field in self.store.custom_fields.values() if kind in field["objects"]]
        return 200, {
            "object_type": kind,
            "name": kind.title(),
            "organization_id": self.store.organization_id,
            "fields": fields,
        }

    def fields(self, kind: str) -> tuple[int, Record]:
        if kind not in ("lead", "contact", "opportunity", "activity", "custom_object_type", "shared"):
            raise NotFound(kind)
        found = [
            _shown(field)
            for field in self.store.custom_fields.values()
            if (
                field["is_shared"]
                if kind == "shared"
                else not field["is_shared"] and kind in field["objects"]
            )
        ]
        return 200, {"data": found, "has_more": False}

    def field(self, field_id: str) -> tuple[int, Record]:
        return 200, _shown(self._get(field_id))

    def _get(self, field_id: str) -> Record:
        if field_id not in self.store.custom_fields:
            raise NotFound(field_id)
        return self.store.custom_fields[field_id]

    def _tell(self, field: Record, action: str) -> None:
        kind = "shared" if field["is_shared"] else field["objects"][0]
        actor = Actor(self.store.rep_id, None, "PUT", "/app/")
        self.log.write(f"custom_fields.{kind}", action, _shown(field), None, actor)


def _shown(field: Record) -> dict[str, Any]:
    return {name: value for name, value in field.items() if name != "objects"}
