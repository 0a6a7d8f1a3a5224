"""Questions that need records of their own. Each makes them through the desk, which removes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync.close import search
from sync.close.probe import Reply
from sync.close.questions import (
    Desk,
    Finding,
    Question,
    agrees,
    differs,
    question,
    settled,
    unclear,
)

Record = Mapping[str, Any]

# How long an event that may never come is waited for.
_QUIET = 10.0
_SETTLE = 60.0  # `sync.engine.retry.SETTLE_AFTER`
_WORKER = "sync/engine/retry.py, SETTLE_AFTER"
_LOCAL_PHONE = "8004445555"
_MOMENT = "2009-02-13T23:31:30.000Z"
_TRANSFORMS = "sync/mapping/transforms.py"
_ERRORS = "sync/close/errors.py, flatten_fields"


# ── When a write is seen ─────────────────────────────────────────────────────────────────────────


@question(
    "event-lag",
    "How long until an own write is in the event log?",
    reading="less than 60 seconds",
    where=_WORKER,
    writes=True,
)
def event_lag(desk: Desk) -> Finding:
    lead = desk.make_lead()
    found, passed = desk.until(lambda: _event(desk, lead, "created"))
    return _seen(desk, bool(found), passed)


@question(
    "search-lag",
    "How long until an own write is found by search?",
    reading="less than 60 seconds",
    where=_WORKER,
    writes=True,
)
def search_lag(desk: Desk) -> Finding:
    lead = desk.make_lead()
    query = search.by_field("lead", "name", desk.marker)
    body = {"query": query, "_fields": {"lead": ["id"]}, "_limit": 10}
    found, passed = desk.until(lambda: _hit(desk.probe.search(body).rows(), lead))
    return _seen(desk, bool(found), passed)


def _hit(rows: list[Record], lead: Record) -> Record | None:
    return next((row for row in rows if row.get("id") == lead["id"]), None)


def _seen(desk: Desk, was_seen: bool, passed: float) -> Finding:
    if was_seen:
        return settled(passed < _SETTLE, f"after {passed:.1f} s")
    if desk.patience < _SETTLE:
        return unclear(f"not within {desk.patience:g} s; give it more --patience")
    return differs(f"not within {desk.patience:g} s")


@question(
    "event-key",
    "Is the part of an API key before the dot the id that events show?",
    reading="yes",
    where="sync/close/client.py, api_key_id",
    writes=True,
)
def event_key(desk: Desk) -> Finding:
    lead = desk.make_lead()
    event, _ = desk.until(lambda: _event(desk, lead, "created"))
    if event is None:
        return unclear(f"no event within {desk.patience:g} s")
    told, key = str(event.get("api_key_id") or ""), desk.probe.api_key
    if not told:
        return differs("the event names no key")
    is_so = "." in key and told == key.partition(".")[0]
    return settled(is_so, "yes" if is_so else f"it shows another id, {told[:12]}…")


@question(
    "read-after-write",
    "Does a lead that is read right after a write have the new value?",
    reading="yes",
    where="sync/close/client.py, get_lead",
    writes=True,
)
def read_after_write(desk: Desk) -> Finding:
    lead = desk.make_lead(description="before")
    desk.put("lead", lead, description="after").value()
    told = desk.get("lead", lead).value().get("description")
    return settled(told == "after", "yes" if told == "after" else f"it has the value `{told}`")


@question(
    "noop-put",
    "Does a PUT that changes nothing move `date_updated`, or make an event?",
    reading="neither",
    where="sync/engine/echo.py",
    writes=True,
)
def noop_put(desk: Desk) -> Finding:
    lead = desk.make_lead(description="Nothing changes")
    desk.until(lambda: _event(desk, lead, "created"), min(desk.patience, _QUIET))
    before = desk.get("lead", lead).value()
    after = desk.put("lead", lead, description="Nothing changes").value()
    moved = before.get("date_updated") != after.get("date_updated")
    event, _ = desk.until(lambda: _event(desk, lead, "updated"), min(desk.patience, _QUIET))
    told = "an event came" if event else "no event came"
    return settled(not moved and not event, f"date_updated {'moved' if moved else 'stayed'}; {told}")


@question(
    "event-consolidation",
    "Do two quick updates of a lead become one event?",
    reading="yes; the event keeps its id and moves",
    where="sync/services/event_log.py, pull_events",
    writes=True,
)
def event_consolidation(desk: Desk) -> Finding:
    lead = desk.make_lead()
    desk.put("lead", lead, description="first").value()
    desk.put("lead", lead, description="second").value()
    found, passed = desk.until(lambda: _with_text(desk, lead, "second"))
    if found is None:
        return unclear(f"the second update is not in the log after {passed:.0f} s")
    events = _updates(desk, lead)
    return settled(len(events) == 1, f"{len(events)} event{'s' if len(events) != 1 else ''}")


def _with_text(desk: Desk, lead: Record, text: str) -> Record | None:
    seen = (event for event in _updates(desk, lead) if (event.get("data") or {}).get("description") == text)
    return next(seen, None)


def _updates(desk: Desk, lead: Record) -> list[Record]:
    return desk.events(object_id=lead["id"], action="updated")


def _event(desk: Desk, lead: Record, action: str) -> Record | None:
    return next(iter(desk.events(object_id=lead["id"], action=action)), None)


# ── Values: what is refused, what comes back otherwise ───────────────────────────────────────────


@question(
    "phone-region",
    "In which region is a phone number without a country read?",
    reading="US",
    where=f"{_TRANSFORMS}, DEFAULT_REGION",
    writes=True,
)
def phone_region(desk: Desk) -> Finding:
    reply = desk.try_contact(desk.make_lead(), phones=[{"phone": _LOCAL_PHONE, "type": "office"}])
    if not reply.is_ok:
        return unclear(f"{_LOCAL_PHONE} is refused. {_answered(reply)}")
    (phone,) = reply.value()["phones"]
    told = f"{_LOCAL_PHONE} became {phone.get('phone')}, country {phone.get('country') or 'not told'}"
    return settled(phone.get("phone") == f"+1{_LOCAL_PHONE}", told)


@question(
    "phone-refused",
    "How is a phone number that is none refused?",
    reading="400, at phones.0.phone",
    where=_ERRORS,
    writes=True,
)
def phone_refused(desk: Desk) -> Finding:
    phones = [{"phone": "not a number", "type": "office"}]
    return _refused(desk.try_contact(desk.make_lead(), phones=phones), "phones.0.phone")


@question(
    "email-refused",
    "How is an e-mail address that is none refused, alone and inside a new lead?",
    reading="400, at emails.0.email and contacts.0.emails.0.email",
    where=_ERRORS,
    writes=True,
)
def email_refused(desk: Desk) -> Finding:
    emails = [{"email": "nobody", "type": "office"}]
    alone = _refused(desk.try_contact(desk.make_lead(), emails=emails), "emails.0.email")
    nested = desk.try_lead(contacts=[{"name": desk.name("Ada"), "emails": emails}])
    inside = _refused(nested, "contacts.0.emails.0.email")
    both = alone.verdict is inside.verdict
    return Finding(alone.verdict, f"{alone.answer}; inside a lead {inside.answer}") if both else inside


@question(
    "email-kept",
    "Is an e-mail address trimmed, and its case kept?",
    reading="trimmed; compared without regard to case",
    where=f"{_TRANSFORMS}, email",
    writes=True,
)
def email_kept(desk: Desk) -> Finding:
    sent = " Ada.Lovelace@Example.COM "
    reply = desk.try_contact(desk.make_lead(), emails=[{"email": sent, "type": "office"}])
    if not reply.is_ok:
        return differs(_answered(reply))
    (entry,) = reply.value()["emails"]
    told = str(entry.get("email"))
    return settled(told.lower() == sent.strip().lower(), f"`{sent}` became `{told}`")


@question(
    "email-twice",
    "May two contacts of one lead have the same e-mail address?",
    reading="yes",
    where="sync/engine/identity.py",
    writes=True,
)
def email_twice(desk: Desk) -> Finding:
    lead, emails = desk.make_lead(), [{"email": "ada@example.com", "type": "office"}]
    desk.make_contact(lead, emails=emails)
    second = desk.try_contact(lead, emails=emails)
    return settled(second.is_ok, "yes" if second.is_ok else _answered(second))


@question(
    "lead-url",
    "Does a lead's web address need a scheme, and does it come back as it was sent?",
    reading="it is sent with one and comes back unchanged",
    where=f"{_TRANSFORMS}, url",
    writes=True,
)
def lead_url(desk: Desk) -> Finding:
    sent = "https://close-connector-check.example/Path"
    told = desk.make_lead(url=sent).get("url")
    plain = desk.try_lead(url="close-connector-check.example")
    bare = f"becomes `{plain.value().get('url')}`" if plain.is_ok else f"is refused. {_answered(plain)}"
    return settled(told == sent, f"`{sent}` becomes `{told}`; without a scheme it {bare}")


@question(
    "lead-unknown-key",
    "Is an unknown key in a new lead ignored?",
    reading="yes",
    where="sandbox/close/validation.py, clean_lead",
    writes=True,
)
def lead_unknown_key(desk: Desk) -> Finding:
    reply = desk.try_lead(close_connector_check=1)
    return settled(reply.is_ok, _answered(reply))


@question(
    "contact-unknown-key",
    "Is an unknown key in a contact refused?",
    reading="yes, with a 400",
    where="sandbox/close/validation.py, clean_contact",
    writes=True,
)
def contact_unknown_key(desk: Desk) -> Finding:
    contact = desk.make_contact(desk.make_lead())
    reply = desk.put("contact", contact, title="Checked", close_connector_check=1)
    return settled(reply.status == 400, _answered(reply))


@question(
    "custom-unknown",
    "How is a value for a custom field that does not exist refused?",
    reading="400, naming the key",
    where=_ERRORS,
    writes=True,
)
def custom_unknown(desk: Desk) -> Finding:
    key = f"custom.cf_{'0' * 43}"
    return _refused(desk.put("lead", desk.make_lead(), **{key: "x"}), key)


@question(
    "lead-date-created",
    "Is a `date_created` in a new lead honoured?",
    reading="no",
    where="sandbox/close/validation.py, clean_lead",
    writes=True,
)
def lead_date_created(desk: Desk) -> Finding:
    reply = desk.try_lead(date_created="2020-01-02T03:04:05+00:00")
    if not reply.is_ok:
        return differs(_answered(reply))
    is_kept = str(reply.value().get("date_created")).startswith("2020-01-02")
    return settled(not is_kept, "yes" if is_kept else "no, it is ignored")


# ── Custom fields: existing ones, or with `--with-fields` ones made for the purpose ──────────────


@question(
    "choice-refused",
    "How is a value that is not among a field's choices refused?",
    reading="400, naming the key",
    where=_ERRORS,
    writes=True,
)
def choice_refused(desk: Desk) -> Finding:
    field = _field(desk, "choices", choices=["Retail", "Banking"])
    if field is None:
        return _no_field("choices")
    key = f"custom.{field}"
    return _refused(desk.put("lead", desk.make_lead(), **{key: desk.name("no such choice")}), key)


@question(
    "date-field",
    "What becomes of a moment in a custom field of type date?",
    reading="the day in UTC",
    where=f"{_TRANSFORMS}, day",
    writes=True,
)
def date_field(desk: Desk) -> Finding:
    return _normalised(desk, "date", "2009-02-13")


@question(
    "datetime-field",
    "What becomes of a moment in a custom field of type datetime?",
    reading="the same in UTC, without a fraction",
    where=f"{_TRANSFORMS}, moment",
    writes=True,
)
def datetime_field(desk: Desk) -> Finding:
    return _normalised(desk, "datetime", "2009-02-13T23:31:30+00:00")


def _normalised(desk: Desk, kind: str, expected: str) -> Finding:
    field = _field(desk, kind)
    if field is None:
        return _no_field(kind)
    reply = desk.put("lead", desk.make_lead(), **{f"custom.{field}": _MOMENT})
    if not reply.is_ok:
        return differs(_answered(reply))
    told = reply.value().get(f"custom.{field}")
    return settled(told == expected, f"`{_MOMENT}` became `{told}`")


def _field(desk: Desk, kind: str, **values: Any) -> str | None:
    """Return the id of a lead field of a type that everybody may set; make one if that is allowed."""
    schema = desk.probe.get("/custom_field_schema/lead/").value().get("fields") or []
    for field in schema:
        if field.get("type") == kind and not _is_special(field):
            return str(field["id"]).removeprefix("custom.")
    return str(desk.make_field(type=kind, **values)["id"]) if desk.with_fields else None


def _is_special(field: Record) -> bool:
    return bool(field.get("accepts_multiple_values") or field.get("editable_with_roles"))


def _no_field(kind: str) -> Finding:
    return unclear(f"leads have no plain custom field of type {kind}; --with-fields makes one for the check")


# ── Moved, merged, deleted ───────────────────────────────────────────────────────────────────────


@question(
    "contact-move",
    "Can a contact be moved to another lead by its `lead_id`?",
    reading="yes, and it keeps its id",
    where="sync/services/links.py, seen_contact",
    writes=True,
)
def contact_move(desk: Desk) -> Finding:
    here, there = desk.make_lead(), desk.make_lead()
    contact = desk.make_contact(here)
    reply = desk.put("contact", contact, lead_id=there["id"])
    if not reply.is_ok:
        return differs(_answered(reply))
    return _is_on(desk, contact, there)


@question(
    "merge-contacts",
    "Do contacts keep their ids when their lead is merged into another?",
    reading="yes",
    where="sync/services/links.py, seen_contact",
    writes=True,
)
def merge_contacts(desk: Desk) -> Finding:
    source, destination = desk.make_lead(), desk.make_lead()
    contact = desk.make_contact(source)
    desk.merge(source, destination).value()
    return _is_on(desk, contact, destination)


def _is_on(desk: Desk, contact: Record, lead: Record) -> Finding:
    """Tell whether a contact is on a lead now; some time may pass until it is."""
    found, _ = desk.until(lambda: _found_on(desk, contact, lead), min(desk.patience, _QUIET))
    if found:
        return agrees("yes, with the same id")
    reply = desk.get("contact", contact)
    return differs("it stays where it was" if reply.is_ok else f"its id is gone. {_answered(reply)}")


def _found_on(desk: Desk, contact: Record, lead: Record) -> bool | None:
    reply = desk.get("contact", contact)
    return True if reply.is_ok and reply.value().get("lead_id") == lead["id"] else None


@question(
    "merged-lead",
    "What does a lead that was merged into another answer?",
    reading="404",
    where="sync/close/errors.py, _refusal",
    writes=True,
)
def merged_lead(desk: Desk) -> Finding:
    source, destination = desk.make_lead(), desk.make_lead()
    desk.merge(source, destination).value()
    return _gone(desk, source)


@question(
    "deleted-lead",
    "What does a lead that was deleted answer?",
    reading="404",
    where="sync/close/errors.py, _refusal",
    writes=True,
)
def deleted_lead(desk: Desk) -> Finding:
    lead = desk.make_lead()
    desk.delete_lead(lead).value()
    return _gone(desk, lead)


def _gone(desk: Desk, lead: Record) -> Finding:
    found, _ = desk.until(lambda: _refusal_of(desk, lead), min(desk.patience, _QUIET))
    if found is None:
        return differs("it answers as before")
    return settled(found.status == 404, _answered(found))


def _refusal_of(desk: Desk, lead: Record) -> Reply | None:
    reply = desk.get("lead", lead)
    return None if reply.is_ok and reply.value().get("id") == lead["id"] else reply


@question(
    "contact-without-lead",
    "Does a contact without `lead_id` make a lead of its own?",
    reading="yes, named after it; so it is never sent without one",
    where="sync/close/client.py, create_contact",
    writes=True,
)
def contact_without_lead(desk: Desk) -> Finding:
    reply = desk.try_contact(None)
    if not reply.is_ok:
        return differs(_answered(reply))
    contact = reply.value()
    if not contact.get("lead_id"):
        return differs("it has no lead")
    lead = desk.get("lead", {"id": contact["lead_id"]}).value()
    is_so = lead.get("name") == contact.get("name")
    return settled(is_so, "yes, named after it" if is_so else "yes, under another name")


# ── In words ─────────────────────────────────────────────────────────────────────────────────────


def _refused(reply: Reply, path: str) -> Finding:
    """Agree with a 400 that names a field."""
    if reply.is_ok:
        return differs("it is accepted")
    return settled(reply.status == 400 and path in reply.refused_fields, _answered(reply))


def _answered(reply: Reply) -> str:
    return "it is accepted" if reply.is_ok else f"{reply.status}: “{reply.words}”"


QUESTIONS: tuple[Question, ...] = (
    event_lag, search_lag, event_key, read_after_write, noop_put, event_consolidation, phone_region, phone_refused, email_refused,
    email_kept, email_twice, lead_url, lead_unknown_key, contact_unknown_key, custom_unknown, lead_date_created,
    choice_refused, date_field, datetime_field, contact_move, merge_contacts, merged_lead, deleted_lead,
    contact_without_lead,
)  # fmt: skip
