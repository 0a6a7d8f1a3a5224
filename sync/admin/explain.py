"""“Find a record”: why one company or person is as it is on both sides, and the moves on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from accounts.access import may
from accounts.admin.scoped import principal_of
from accounts.permissions import Permission
from sync import tasks
from sync.admin import audit, cells, story
from sync.admin.base import change_page, redirect, visible_connectors
from sync.admin.mapping import rule_words
from sync.admin.words import DIRECTIONS, EDITS, OBJECTS, VERDICTS, reason_words
from sync.engine.explaining import FieldStory, Verdict
from sync.engine.preview import Effect, Line
from sync.models import Change, CloseField, Connector, Run
from sync.records import Direction, ObjectType
from sync.services import affected, pausing, record_story, versions
from sync.services.record_story import RecordStory

_VARIANTS = {
    Verdict.IN_STEP: "success", Verdict.NEXT: "info", Verdict.CONFLICT: "danger", Verdict.LEFT_OUT: "danger",
    Verdict.PAUSED: "warning", Verdict.PARKED: "warning",
}  # fmt: skip
_TITLES = {
    Direction.OUTBOUND: ("From Hull to Close", "Value in Hull", "Value in Close"),
    Direction.INBOUND: ("From Close to Hull", "Value in Close, as Hull takes it", "What Hull was told"),
}


_SAID = {"sync": "Synced", "pause": "Paused", "resume": "Resumed"}


def address(connector: Connector, name: str) -> str:
    """Return where a record is explained."""
    return f"{reverse('admin:sync_link_explain')}?{urlencode({'connector': connector.pk, 'q': name})}"


class ExplainPages:
    """Mixed into the links' admin: a page to look at, and the moves that post to it."""

    def get_urls(self) -> list[Any]:
        guarded = self.admin_site.admin_view  # type: ignore[attr-defined]  # mixed into an admin
        return [
            path("explain/", guarded(self.explain_view), name="sync_link_explain"),
            path("explain/move/", guarded(require_POST(self.move_view)), name="sync_link_move"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def explain_view(self, request: HttpRequest) -> HttpResponse:
        """Find records by name, domain, e-mail address or id, and tell the story of one."""
        connectors = list(visible_connectors(request).select_related("organization").order_by("name"))
        asked = request.GET.get("q", "").strip()
        chosen = next((one for one in connectors if str(one.pk) == request.GET.get("connector")), None)
        searched = [chosen] if chosen else connectors
        found = (
            [(one, record) for one in searched for record in record_story.find(one, asked)] if asked else []
        )
        context = self.admin_site.each_context(request) | {  # type: ignore[attr-defined]
            "title": gettext("Find a record"), "connectors": connectors, "chosen": chosen, "asked": asked,
        }  # fmt: skip
        if len(found) == 1:
            connector, record = found[0]
            record_story.tell(connector, record)
            context |= _page(connector, record) | {
                "chosen": connector, "may_run": may(principal_of(request), Permission.RUN, connector.organization),
            }  # fmt: skip
        elif found:
            context["choices"] = [_choices(found)]
        return TemplateResponse(request, "sync/admin/explain.html", context)

    def move_view(self, request: HttpRequest) -> HttpResponse:
        """Sync, pause or resume one record."""
        connector = (
            visible_connectors(request).select_related("organization").filter(pk=_number(request)).first()
        )
        if connector is None or not may(principal_of(request), Permission.RUN, connector.organization):
            raise Http404
        object_type = (
            ObjectType(request.POST["object"]) if request.POST.get("object") in OBJECTS else ObjectType.LEAD
        )
        names = request.POST.get("hull_id", "")[:250], request.POST.get("close_id", "")[:120]
        moves = {"sync": _sync, "pause": _pause, "resume": _resume}
        move = moves.get(request.POST.get("move", ""))
        if move and any(names):
            audit.note(
                request, connector, f"{_SAID[request.POST['move']]} the record {names[1] or names[0]}."
            )
            move(request, connector, object_type, names)
        return redirect(request, address(connector, names[1] or names[0]))


# ── The moves ────────────────────────────────────────────────────────────────────────────────────


def _sync(
    request: HttpRequest, connector: Connector, object_type: ObjectType, names: tuple[str, str]
) -> None:
    count = affected.queue_one(connector, object_type, *names, now=timezone.now())
    for direction in Direction:
        tasks.nudge(connector.pk, direction, trigger=Run.Trigger.PERSON)
    if count:
        messages.success(request, gettext("It is in the queue, before everything else."))
    else:
        messages.info(request, gettext("It is in the queue already."))


def _pause(
    request: HttpRequest, connector: Connector, object_type: ObjectType, names: tuple[str, str]
) -> None:
    reason = request.POST.get("reason", "")
    pausing.pause(connector, object_type, *names, by=str(request.user), reason=reason, now=timezone.now())
    messages.success(request, gettext("Paused. What arrives about it is kept, and nothing of it is written."))


def _resume(
    request: HttpRequest, connector: Connector, object_type: ObjectType, names: tuple[str, str]
) -> None:
    pausing.resume(connector, object_type, *names, now=timezone.now())
    for direction in Direction:
        tasks.nudge(connector.pk, direction, trigger=Run.Trigger.PERSON)
    messages.success(request, gettext("Resumed. It goes on with what arrived meanwhile."))


def _number(request: HttpRequest) -> int:
    given = request.POST.get("connector", "")
    return int(given) if given.isdecimal() and len(given) < 19 else 0


# ── What is shown ────────────────────────────────────────────────────────────────────────────────


def _choices(found: Sequence[tuple[Connector, RecordStory]]) -> story.Table:
    table = story.Table(
        gettext("Several records fit"),
        [gettext("Record"), gettext("What"), gettext("In Close"), gettext("In Hull"), gettext("Connector")],
    )
    for connector, record in found:
        name = cells.link(
            address(connector, record.close_id or record.hull_id), record.label or record.hull_id
        )
        table.rows.append(
            [name, OBJECTS[record.object_type], record.close_id or cells.NOTHING, record.hull_id or cells.NOTHING, connector.name]
        )  # fmt: skip
    return table


def _page(connector: Connector, record: RecordStory) -> dict[str, Any]:
    labels = {f"custom.{one.close_id}": one.label for one in CloseField.objects.filter(connector=connector)}
    tables = [_fields(connector, record, direction, labels) for direction in Direction]
    now = timezone.now()
    told = story.Table(
        gettext("All that Hull told"), [gettext("Attribute"), gettext("Value")], story.pairs(record.told)
    )
    history = story.outcomes_table(record.outcomes[:20], now)
    return {
        "record": record,
        "kind": OBJECTS[record.object_type],
        "state": story.link_state(record.link) if record.link else cells.badge(gettext("Only in Hull")),
        "places": _places(connector, record),
        "facts": _facts(connector, record),
        "queue": [one for one in (record.outbound, record.inbound) if one and one.state in _OPEN],
        "next_steps": [_step(line, labels) for line in record.next_steps],
        "tables": [table for table in (*tables, history) if table.rows],
        "more": [table for table in (told,) if table.rows],
    }


_OPEN = (
    Change.State.PENDING, Change.State.WAITING, Change.State.HELD, Change.State.FAILED, Change.State.PAUSED,
)  # fmt: skip


def _places(connector: Connector, record: RecordStory) -> list[SafeString]:
    lead_id = record.link.parent_close_id if record.link else ""
    in_close = cells.close_link(
        record.object_type, record.close_id, lead_id, gettext("Open in Close"), of=connector
    )
    return [*([SafeString(in_close)] if in_close else []), cells.hull_link(connector, gettext("Open Hull"))]


def _facts(connector: Connector, record: RecordStory) -> list[tuple[str, Any]]:
    link, out = record.link, record.outbound
    facts: list[tuple[str, Any]] = [
        (gettext("Connector"), cells.link(change_page(connector), connector.name)),
        (gettext("In Hull"), record.hull_id or gettext("not known there")),
        (gettext("In Close"), record.close_id or gettext("not there")),
        (gettext("Hull last told of it"), cells.ago(out.record_at or out.queued_at) if out else "never"),
    ]
    if link:
        facts += [
            (gettext("Last changed in Close"), cells.ago(link.close_updated_at, never=gettext("not known"))),
            (gettext("Hull was last told"), cells.ago(link.sent_at)),
            (gettext("Linked"), cells.ago(link.paired_at) if link.hull_id else gettext("not paired")),
        ]
    return facts


def _step(line: Line, labels: dict[str, str]) -> SafeString:
    """Say in a sentence what the next sync would do in one direction."""
    way = DIRECTIONS[line.direction]
    if line.effect in (Effect.UNCHANGED, Effect.SKIPPED, Effect.HELD):
        words = reason_words(line.reason)
        return format_html("<strong>{}</strong>: nothing. {}", way, f"{words.label}: {words}")
    fields = ", ".join(labels.get(name, name) for name in line.values)
    return format_html(
        "<strong>{}</strong>: {}{}.", way, EDITS[line.effect].lower(), f": {fields}" if fields else ""
    )


def _fields(
    connector: Connector, record: RecordStory, direction: Direction, labels: dict[str, str]
) -> story.Table:
    title, source, held = _TITLES[direction]
    is_out = direction is Direction.OUTBOUND
    headers = [
        gettext("Attribute in Hull"),
        *([gettext("Field in Close")] if is_out else []),
        source,
        held,
        gettext("Last written"),
        gettext("What happens"),
    ]
    table = story.Table(title, headers)
    for one in record.fields:
        if one.direction is not direction:
            continue
        field = [
            cells.stacked(
                labels.get(one.close, one.close),
                rule_words(one.row) if one.row else gettext("always, without a row"),
            )
        ]
        table.rows.append(
            [
                one.hull or "(standard name)", *(field if is_out else []), _value(one.source),
                _value(one.held), _written(connector, record, one), _verdict(one),
            ]
        )  # fmt: skip
    return table


def _written(connector: Connector, record: RecordStory, one: FieldStory) -> SafeString | str:
    """Say when we last wrote a field, and under which version of the settings."""
    outcome = record.last_written(one)
    link = record.link
    if outcome is None and one.direction is Direction.INBOUND and link and one.target in link.sent:
        return cells.ago(link.sent_at)
    if outcome is None:
        return gettext("not by this connector")
    when = cells.link(change_page(outcome), cells.ago(outcome.created_at))
    version = versions.find(connector, outcome.version)
    under = (
        cells.link(change_page(version), gettext("version {version}").format(version=outcome.version))
        if version
        else gettext("version {version}").format(version=outcome.version)
    )
    return cells.stacked(when, under)


def _value(value: Any) -> SafeString:
    return cells.broken(story.readable(value))


def _verdict(one: FieldStory) -> SafeString:
    words = VERDICTS[one.verdict]
    badge = cells.badge(words.label, _VARIANTS.get(one.verdict, ""))
    return cells.wide(cells.stacked(badge, one.note or words.meaning, words.move), 11)
