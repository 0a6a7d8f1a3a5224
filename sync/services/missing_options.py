"""Options and users that Hull's values asked for and Close does not have: counted per field, and told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sync.mapping.outbound import LeftOut
from sync.mapping.validation import Problem
from sync.models import CloseField, Connector

# Per field; a free text that is mapped to a field of choices would ask for a new one with each record.
MOST = 500
_TOLD = 3
_LONGEST = 250

# A field's object and Close id, and the option that was asked of it.
Asked = tuple[str, str, str]


def as_stored(left_out: Iterable[LeftOut]) -> list[dict[str, str]]:
    """Return what a change keeps of the fields that were left out, each once."""
    pairs = dict.fromkeys((one.path, one.option[:_LONGEST]) for one in left_out)
    return [{"field": path, "option": option} for path, option in pairs]


def asked(object_type: str, stored: Sequence[dict[str, str]]) -> Counter[Asked]:
    """Return what one record asks of custom fields, from what its change keeps."""
    custom = (one for one in stored if one["field"].startswith("custom."))
    return Counter((object_type, one["field"].removeprefix("custom."), one["option"]) for one in custom)


def count(connector_id: int, before: Counter[Asked], after: Counter[Asked]) -> None:
    """Note on the fields how many records ask for what, from what some records asked before and ask now.

    Must run inside a transaction.
    """
    moved = {name: after[name] - before[name] for name in before | after if after[name] != before[name]}
    if not moved:
        return
    fields = CloseField.objects.select_for_update().filter(
        connector_id=connector_id, close_id__in={close_id for _, close_id, _ in moved}
    )
    for field in fields.order_by("pk"):
        own = {name[2]: by for name, by in moved.items() if name[:2] == (field.object_type, field.close_id)}
        field.missing_options = _moved(field.missing_options, own)
        field.save(update_fields=["missing_options"])


def _moved(counted: dict[str, int], own: dict[str, int]) -> dict[str, int]:
    moved = counted | {
        option: counted.get(option, 0) + by
        for option, by in own.items()
        if option in counted or len(counted) < MOST
    }
    return {option: number for option, number in moved.items() if number > 0}


def missing(field: CloseField) -> dict[str, int]:
    """Return what a field still lacks, with how many records ask for it, the most wanted first."""
    there = {str(option).strip().casefold() for option in field.choices}
    lacking = {
        option: number
        for option, number in field.missing_options.items()
        if option.strip().casefold() not in there
    }
    return dict(sorted(lacking.items(), key=lambda item: (-item[1], item[0])))


def problems(connector: Connector) -> tuple[Problem, ...]:
    """Say which fields lack what Hull's values ask of them."""
    fields = connector.close_fields.filter(missing_since=None).exclude(missing_options={})
    return tuple(_problem(field, lacking) for field in fields if (lacking := missing(field)))


def _problem(field: CloseField, lacking: dict[str, int]) -> Problem:
    what, remedy = ("user", "Write it as the e-mail address of a user of Close, or invite that person.")
    if field.type == "choices":
        what, remedy = ("option", "Add it on the field's page under Close fields, or map another value.")
    told = [f"“{option}”: {number:,} record{'s' * (number > 1)}" for option, number in lacking.items()]
    further = [f"and {len(told) - _TOLD:,} more"] if len(told) > _TOLD else []
    return Problem(f"{field.label} has no {what} {'; '.join([*told[:_TOLD], *further])}.", remedy)
