"""Versions of a connector's settings: noted with every save, compared in words, and put back in force."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Field

from accounts.models import User
from sync.models import ConfigurationVersion, Connector, SegmentAction
from sync.records import Conflict, Direction, MappingRow, Mode, ObjectType, OnNull
from sync.services.config_steps import Place, differing, row_options, words, write_rows

# What a connector is called, whose it is, whether it runs and where its credentials go is not put back with the rest.
_NOT_SETTINGS = frozenset(
    {
        "id", "public_id", "organization", "slug", "name", "enabled", "hull_connector_id", "hull_secret", "hull_api_url",
        "hull_firehose_url", "close_api_key", "close_api_url", "created_at", "updated_at", "home",
    }
)  # fmt: skip
_ACTION = ("object_type", "segment", "makes", "text", "due_in_days", "assigned_to", "activity_type", "fields", "enabled")  # fmt: skip
# By these an action is the same one as before, whatever else of it changed: it keeps what became of it so far.
_SAME_ACTION = ("object_type", "segment", "makes")
_CREDENTIALS = {"hull_secret": "Hull secret", "close_api_key": "Close API key"}

Author = User | str


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two versions: `what` in words, before and after; None where there was nothing."""

    what: str
    before: Any
    after: Any


def setting_names() -> tuple[str, ...]:
    """Return the connector's fields that a version holds."""
    return tuple(
        field.name for field in Connector._meta.concrete_fields if field.editable and field.name not in _NOT_SETTINGS
    )  # fmt: skip


def note(
    connector: Connector, changed: Collection[str], *, by: Author, said: str = "", now: datetime
) -> ConfigurationVersion:
    """Write down what is in force from now on, under the connector's version. Must run in the transaction of the save."""
    return ConfigurationVersion.objects.create(
        connector=connector, number=connector.version, settings=_settings(connector), rows=_rows(connector),
        actions=_actions(connector), changed=sorted(changed), author=by if isinstance(by, User) else None,
        author_name=str(by)[:200], note=said.strip()[:500], created_at=now,
    )  # fmt: skip


def find(connector: Connector, number: int) -> ConfigurationVersion | None:
    """Return a version, None when it is older than versions are."""
    return ConfigurationVersion.objects.filter(connector=connector, number=number).first()


def find_before(version: ConfigurationVersion) -> ConfigurationVersion | None:
    """Return the version that was in force before."""
    rows = ConfigurationVersion.objects.filter(connector=version.connector_id, number__lt=version.number)
    return rows.order_by("-number").first()


# ── Comparing ────────────────────────────────────────────────────────────────────────────────────


def changes_of(version: ConfigurationVersion) -> list[Difference]:
    """Return what a save changed; of a connector's first version everything that was set."""
    return list(differences(find_before(version), version)) + [
        Difference(name, "stored", "entered anew")
        for field, name in _CREDENTIALS.items()
        if field in version.changed
    ]


def differences(
    before: ConfigurationVersion | None, after: ConfigurationVersion | None
) -> Iterator[Difference]:
    """Yield what differs between two versions, settings first, then each table's rows."""
    old, new = (_said(version) for version in (before, after))
    for what in dict.fromkeys([*old, *new]):
        if old.get(what) != new.get(what):
            yield Difference(what, old.get(what), new.get(what))


def _said(version: ConfigurationVersion | None) -> dict[str, Any]:
    """Return everything a version says, by what it is about in words. Defaults of a first version say nothing."""
    if version is None:
        return {_label(name): Connector._meta.get_field(name).get_default() for name in setting_names()}  # type: ignore[union-attr]
    said = {_label(name): value for name, value in version.settings.items()}
    for place, rows in _by_place(version.rows).items():
        kind, way = place
        table = (
            f"{kind.value.capitalize()}s, {'Hull → Close' if way is Direction.OUTBOUND else 'Close → Hull'}"
        )
        said |= {f"{table}: {row.hull or '(standard name)'} and {row.close}": words(row) for row in rows}
        if rows:
            said[f"{table}: order"] = [row.close for row in rows]
    for action in version.actions:
        said[f"On entering {action['segment']}: {action['makes'].replace('_', ' ').lower()}"] = action
    return said


def _label(name: str) -> str:
    field = Connector._meta.get_field(name) if name in setting_names() else None
    words_of = str(field.verbose_name) if isinstance(field, Field) else name.replace("_", " ")
    return f"{words_of[:1].upper()}{words_of[1:]}"


# ── Putting one back ─────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def put_back(version: ConfigurationVersion) -> set[str]:
    """Make a connector's settings those of a version. Returns what changed, as `configuration_changed` wants it named.

    A setting that the version does not know, since it is newer, stays as it is.
    """
    connector = version.connector
    known = {name: value for name, value in version.settings.items() if name in setting_names()}
    changed = differing(connector, known)
    for name, value in changed.items():
        setattr(connector, name, value)
    if changed:
        connector.save(update_fields=[*changed, "updated_at"])
    names = set(changed)
    if _rows(connector) != version.rows:
        _put_rows_back(connector, version.rows)
        names.add("mappings")
    if _actions(connector) != version.actions:
        _put_actions_back(connector, version.actions)
        names.add("mappings")
    return names


def copy(source: Connector, target: Connector) -> None:
    """Give a connector the settings, the mapping and the actions of another one. Must run inside a transaction."""
    for name, value in _settings(source).items():
        setattr(target, name, value)
    target.save()
    _put_rows_back(target, _rows(source))
    _put_actions_back(target, _actions(source))


def _put_rows_back(connector: Connector, rows: Iterable[Mapping[str, Any]]) -> None:
    wanted = _by_place(rows)
    for place in _places():
        write_rows(connector, place, wanted.get(place, []))


def _put_actions_back(connector: Connector, wanted: Iterable[Mapping[str, Any]]) -> None:
    """Those that are the same keep their history; one that comes back begins with who enters from now on."""
    stored = {tuple(getattr(one, name) for name in _SAME_ACTION): one for one in connector.segment_actions.all()}  # fmt: skip
    kept = set()
    for values in wanted:
        name = tuple(values[part] for part in _SAME_ACTION)
        action = stored.get(name) or SegmentAction(connector=connector)
        for field, value in values.items():
            setattr(action, field, value)
        action.save()
        kept.add(action.pk)
    connector.segment_actions.exclude(pk__in=kept).delete()


# ── What a version holds ─────────────────────────────────────────────────────────────────────────


def _settings(connector: Connector) -> dict[str, Any]:
    return {name: getattr(connector, name) for name in setting_names()}


def _rows(connector: Connector) -> list[dict[str, Any]]:
    return [
        {
            "object_type": row.object_type, "direction": row.direction, "hull": row.hull, "close": row.close,
            **row_options(row.as_row()),
        }
        for row in connector.mappings.order_by("object_type", "direction", "position", "pk")
    ]  # fmt: skip


def _actions(connector: Connector) -> list[dict[str, Any]]:
    rows = connector.segment_actions.order_by("object_type", "pk")
    return [{name: getattr(row, name) for name in _ACTION} for row in rows]


def _by_place(rows: Iterable[Mapping[str, Any]]) -> dict[Place, list[MappingRow]]:
    found: dict[Place, list[MappingRow]] = {}
    for row in rows:
        place = ObjectType(row["object_type"]), Direction(row["direction"])
        read = MappingRow(
            *place, row["hull"], row["close"], Mode(row["mode"]), OnNull(row["on_null"]), Conflict(row["conflict"]),
            row["transform"],
        )  # fmt: skip
        found.setdefault(place, []).append(read)
    return found


def _places() -> list[Place]:
    return [(object_type, direction) for object_type in ObjectType for direction in Direction]
