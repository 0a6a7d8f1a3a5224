"""Obvious pairs of a Hull attribute and a Close field, for a person to accept: the same name, or one that means the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from sync.records import CloseSchema, CustomField, Direction, MappingRow, Mode, ObjectType

_STANDARD: Mapping[ObjectType, Mapping[str, str]] = {
    ObjectType.LEAD: {
        "description": "description", "addressstreet": "addresses.business.address_1",
        "addresscity": "addresses.business.city", "addressstate": "addresses.business.state",
        "addresszipcode": "addresses.business.zipcode", "addresscountry": "addresses.business.country",
    },
    ObjectType.CONTACT: {
        "title": "title", "jobtitle": "title", "position": "title",
        "phone": "phones.office", "phonenumber": "phones.office", "mobile": "phones.mobile",
        "mobilephone": "phones.mobile", "linkedin": "urls.url", "linkedinurl": "urls.url",
    },
}  # fmt: skip
# Names that mean the same, each to the one that they are compared by.
_SAME = {
    "numberofemployees": "employees", "employeecount": "employees", "ofemployees": "employees",
    "ofemployeesest": "employees", "employeesest": "employees", "companysize": "employees", "headcount": "employees",
    "sector": "industry", "annualrevenue": "revenue", "estimatedannualrevenue": "revenue", "arr": "annualrecurringrevenue",
    "mrr": "monthlyrecurringrevenue", "hq": "headquarters", "postalcode": "zipcode", "zip": "zipcode", "city": "addresscity",
    "country": "addresscountry", "state": "addressstate", "street": "addressstreet", "leadsource": "source",
}  # fmt: skip
_INBOUND: Mapping[ObjectType, tuple[str, ...]] = {
    ObjectType.LEAD: ("url", "description", "status_id", "addresses"),
    ObjectType.CONTACT: ("title", "emails", "phones", "urls"),
}


def suggest(
    object_type: ObjectType, direction: Direction, attributes: Iterable[str], schema: CloseSchema,
    rows: Iterable[MappingRow],
) -> list[MappingRow]:  # fmt: skip
    """Return rows that a person most likely wants and does not have yet, each field once. Names go without a row."""
    mapped = {row.close for row in rows if (row.object_type, row.direction) == (object_type, direction)}
    fields = schema.fields(object_type)
    if direction is Direction.INBOUND:
        offered = [*_INBOUND[object_type], *fields]
        return [MappingRow(object_type, direction, "", close) for close in offered if close not in mapped]
    found: dict[str, MappingRow] = {}
    for hull, close in _pairs(object_type, attributes, fields):
        if close not in mapped and close not in found:
            mode = Mode.IF_EMPTY if close == "description" else Mode.ALWAYS
            found[close] = MappingRow(object_type, direction, hull, close, mode)
    return list(found.values())


def _pairs(
    object_type: ObjectType, attributes: Iterable[str], fields: Mapping[str, CustomField]
) -> Iterator[tuple[str, str]]:
    """Yield attribute and field. What came from Close is not sent back there under another name."""
    targets = {alike(field.label): path for path, field in fields.items()} | dict(_STANDARD[object_type])
    for attribute in sorted(attributes, key=lambda name: (name.count("/"), len(name), name)):
        if attribute.startswith(("closeio/", "account.")):
            continue
        close = targets.get(alike(attribute.rpartition("/")[2]))
        if close:
            yield attribute, close


def alike(name: str) -> str:
    """Return what a name is compared by: letters and digits only, and one name for what means the same."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return _SAME.get(plain, plain)
