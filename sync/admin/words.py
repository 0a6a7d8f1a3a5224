"""What results, reasons and states mean, and what a person does next: the words of every list and page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from sync.engine.explaining import Verdict
from sync.engine.plan import DoneReason, FailureMode, Reason, Result, SkipReason, WaitReason
from sync.engine.preview import Effect
from sync.models import Change, Run
from sync.queries import Health

# A text, or one that is translated when it is shown.
Text = Any


@dataclass(frozen=True, slots=True)
class Words:
    """`label` names it, `meaning` is one sentence, `move` is what to do next; empty when nothing is to be done."""

    label: Text
    meaning: Text
    move: Text = ""

    def __str__(self) -> str:
        return f"{self.meaning} {self.move}".strip()


_REASONS: Mapping[Reason, Words] = {
    DoneReason.NEW: Words(_("New"), _("The record was created on the other side.")),
    DoneReason.ADOPTED: Words(
        _("Adopted"), _("A record that was there already was linked, instead of making a second one.")
    ),
    DoneReason.CHANGED: Words(_("Changed"), _("Values were written.")),
    DoneReason.IN_SYNC: Words(_("In sync"), _("Nothing differed, so nothing was sent.")),
    DoneReason.DELETED: Words(
        _("Deleted"),
        _(
            "The record was deleted in Close, by a rep or because it has left; Hull keeps it and gets closeio/deleted_at."
        ),
    ),
    DoneReason.MERGED: Words(
        _("Merged"),
        _("The lead was merged into another one in Close; the account now carries the survivor's id."),
    ),
    DoneReason.MARKED: Words(
        _("Marked"), _("The record has left the other side; its lead in Close got the status that says so.")
    ),
    DoneReason.UNLINKED: Words(
        _("Unlinked"), _("The record has left one side, and the two are not kept in step any more.")
    ),
    SkipReason.NOT_IN_SEGMENT: Words(
        _("Not in segment"),
        _("The record is in none of the segments named on the connector."),
        _("Add the segment, or change the record so that it enters one."),
    ),
    SkipReason.NO_SEGMENTS: Words(
        _("No segments"),
        _("No segment is named on the connector, so nothing is sent to Close."),
        _("Name one under “What goes out”."),
    ),
    SkipReason.NO_USER: Words(
        _("no contact"),
        _("Hull keeps events of users only, and the lead has no contact in Hull."),
        _("Nothing to do; add a contact to the lead if its events matter."),
    ),
    SkipReason.NO_IDENTIFIER: Words(
        _("No identifier"),
        _(
            "The account lacks the configured identifier, or the user has neither a name nor a usable e-mail address."
        ),
        _("Fill it in Hull; the next notification brings the record back."),
    ),
    SkipReason.PARENT_NOT_LINKED: Words(
        _("Account not in Close"),
        _("The user belongs to no account in Hull, or to one that is not a lead in Close."),
        _("It goes out by itself as soon as the account does."),
    ),
    SkipReason.ECHO: Words(_("Echo"), _("Our own write came back from Close and said nothing new.")),
    SkipReason.STALE: Words(
        _("Stale"), _("An older state of the record arrived after a newer one, and was left out.")
    ),
    SkipReason.NOTHING_MAPPED: Words(
        _("Nothing mapped"),
        _("No field of this object is mapped in this direction."),
        _("Add a row to the mapping."),
    ),
    SkipReason.DIRECTION_OFF: Words(
        _("Direction off"),
        _("This direction is switched off for the connector."),
        _("Switch it on if it should run."),
    ),
    SkipReason.DELETED_REMOTELY: Words(
        _("Deleted in Close"),
        _("The record was deleted in Close, so it is not made again."),
        _("To bring it back, restore it in Close."),
    ),
    SkipReason.MERGED_INTO_OTHER: Words(
        _("Merged into another"),
        _("The lead was merged into one that another Hull account is linked to."),
        _("Merge the two accounts in Hull, or leave it: only the other account is kept in step."),
    ),
    SkipReason.DELETED_IN_HULL: Words(
        _("Deleted in Hull"),
        _("The record was deleted in Hull; Close keeps it."),
        _("Delete it in Close if it should go."),
    ),
    SkipReason.ANOTHER_CONTACT: Words(
        _("Another contact of the same user"),
        _("The user's attributes in Hull come from its own contact, not from this one."),
    ),
    SkipReason.FLIPPING: Words(
        _("Paused field"),
        _("A field of this record went back and forth and is paused."),
        _("Find out which tools write it, stop one of them, then resume the field on the link's page."),
    ),
    WaitReason.AMBIGUOUS_MATCH: Words(
        _("Ambiguous match"),
        _("Several records in Close fit, or the one that fits is linked to another Hull record."),
        _("Open the change and choose one, or merge the records in Close and replay."),
    ),
    WaitReason.TRANSIENT: Words(
        _("Temporary trouble"),
        _("Close, Hull or the network was in trouble."),
        _("Nothing to do: it is tried again with growing pauses."),
    ),
    WaitReason.RATE_LIMITED: Words(
        _("Rate limited"),
        _("Close asked to wait."),
        _("Nothing to do: it goes on at the time Close named."),
    ),
    WaitReason.UNKNOWN_RESULT: Words(
        _("Unknown result"),
        _("A request to create was sent and no answer came."),
        _(
            "Nothing to do: Close's event log tells whether it was carried out, and until then nothing is posted again."
        ),
    ),
    WaitReason.PARENT_PENDING: Words(
        _("Waits for its account"),
        _("The user's account is not in Close yet, because it is held or was refused."),
        _("Settle the account; the user follows by itself."),
    ),
    WaitReason.TWIN_PENDING: Words(
        _("Waits for its twin"),
        _("Another record with the same identifier is being created just now."),
        _("Nothing to do: it is looked at again as soon as the other one is there."),
    ),
    WaitReason.CONFLICT: Words(
        _("Conflict"),
        _("A field was changed on both sides, and its mapping asks a person."),
        _("Open the change and choose whose value stays."),
    ),
    WaitReason.NEEDS_APPROVAL: Words(
        _("Needs approval"),
        _("The run would have written more than the brake allows."),
        _("Look at the sample under “Approvals”, then approve or reject it."),
    ),
    WaitReason.PAUSED: Words(
        _("Paused record"),
        _("A person took this record out of the sync; what arrives about it is kept."),
        _("Resume it on its page when it may go on."),
    ),
    FailureMode.CONFIGURATION: Words(
        _("Configuration"),
        _("A setting does not fit what Close has; the message names it."),
        _("Change the setting; what failed because of it is tried again by itself."),
    ),
    FailureMode.REJECTED: Words(
        _("Rejected"),
        _("Close or Hull refused this record; the message holds its own words."),
        _("Correct the value in Hull or the mapping, then replay."),
    ),
    FailureMode.EXHAUSTED: Words(
        _("Attempts spent"),
        _("All attempts failed; the message holds the last trouble."),
        _("Replay when the trouble is over."),
    ),
    FailureMode.TIMED_OUT: Words(
        _("Timed out"),
        _("The work on this record did not end in time."),
        _("Replay; if it happens again, tell your administrator."),
    ),
    FailureMode.INTERNAL: Words(
        _("Internal error"),
        _("Something unforeseen happened; the message and the log hold the details."),
        _("Replay after an upgrade."),
    ),
}

REASONS: Mapping[str, Words] = {reason.value: words for reason, words in _REASONS.items()}

RESULTS: Mapping[str, Words] = {
    Result.CREATED.value: Words(_("Created"), _("A record was made on the other side.")),
    Result.UPDATED.value: Words(_("Updated"), _("Values were changed on the other side.")),
    Result.UNCHANGED.value: Words(_("Unchanged"), _("Both sides agreed; no request was made.")),
    Result.SKIPPED.value: Words(_("Skipped"), _("It does not qualify; the reason says which rule.")),
    Result.PENDING.value: Words(
        _("Pending"), _("Not done yet: it is tried again by itself, or waits for a person's choice.")
    ),
    Result.FAILED.value: Words(_("Failed"), _("A person is needed.")),
    Result.DRY_RUN.value: Words(_("Dry run"), _("It would have been written.")),
}

HEALTH: Mapping[str, Words] = {
    Health.BROKEN.value: Words(_("Stopped by an error"), "", _("Correct the setting; saving it resumes the connector.")),
    Health.UNFINISHED.value: Words(_("Not set up"), "", _("Enter what is missing on the connector, then test it.")),
    Health.ATTENTION.value: Words(_("Needs attention"), "", _("Open what failed or is held, then replay or choose.")),
    Health.SILENT.value: Words(
        _("Silent"), _("Close has not been read for much longer than agreed."), _("See that a worker and the scheduler run.")
    ),
    Health.PAUSED.value: Words(_("Paused"), "", _("Resume it; what waits goes on.")),
    Health.RUNNING.value: Words(_("Running"), ""),
    Health.OFF.value: Words(_("Switched off"), _("Nothing is read or sent."), _("Switch it on to start.")),
}  # fmt: skip

# What a connector may come into, and out of again.
ALERTS: Mapping[str, Words] = {
    "FAILING": Words(_("Failing"), _("It stopped, or many records failed within an hour.")),
    "SILENT": Words(_("Silent"), _("Nothing was read, or nothing changed for longer than usual.")),
    "BUDGET": Words(_("Rate limit"), _("What waits takes more than an hour at Close's rate limit.")),
    "BRAKE": Words(_("Waits for approval"), _("A run would have written more than the brake allows.")),
}

# What a field's rule makes of the values on both sides.
VERDICTS: Mapping[Verdict, Words] = {
    Verdict.IN_STEP: Words(_("In step"), _("The other side holds it.")),
    Verdict.NEXT: Words(_("Written next"), _("The next sync writes it.")),
    Verdict.OTHER_SIDE: Words(
        _("Close's value stays"), _("It was changed in Close since both sides last agreed, and in Hull it was not.")
    ),
    Verdict.NOT_EMPTY: Words(_("Not written"), _("The row is written only if empty, and the field holds something.")),
    Verdict.ONLY_NEW: Words(_("Not written"), _("The row is written only when the record is created.")),
    Verdict.CONFLICT: Words(_("Waits for a choice"), _("Both sides changed it."), _("Open the change in the queue and choose.")),
    Verdict.PAUSED: Words(_("Paused field"), _("It went back and forth."), _("Resume it on the link's page.")),
    Verdict.LEFT_OUT: Words(_("Blocked"), _("The other side does not take this value."), _("Correct it in Hull, or the row.")),
    Verdict.PARKED: Words(_("Row rests"), _("The field is gone or has another type."), _("Correct the row in the mapping.")),
    Verdict.RECORD: Words(_("Not written"), _("The record itself is skipped or held; see above.")),
    Verdict.NOTHING: Words(_("Nothing there"), _("Neither side holds a value.")),
}  # fmt: skip

# What an edit of the settings would do to a record, the gravest first.
EDITS: Mapping[Effect, Text] = {
    Effect.DELETED: _("Deleted"),
    Effect.CLEARED: _("With an emptied field"),
    Effect.CREATED: _("Created"),
    Effect.CHANGED: _("Changed"),
    Effect.HELD: _("Held or failed"),
    Effect.SKIPPED: _("Skipped"),
    Effect.UNCHANGED: _("Unchanged"),
}

# Colours of badges, by the theme's names; those that are not listed stay grey.
VARIANTS: Mapping[str, str] = {
    Result.CREATED.value: "success",
    Result.UPDATED.value: "info",
    Result.PENDING.value: "warning",
    Result.FAILED.value: "danger",
    Result.DRY_RUN.value: "primary",
    Change.State.HELD.value: "warning",
    Change.State.PAUSED.value: "warning",
    Run.State.RUNNING.value: "info",
    Run.State.FINISHED.value: "success",
    Run.State.STOPPED.value: "danger",
    Health.BROKEN.value: "danger",
    Health.UNFINISHED.value: "warning",
    Health.ATTENTION.value: "danger",
    Health.SILENT.value: "warning",
    Health.PAUSED.value: "warning",
    Health.RUNNING.value: "success",
}

# What the brake counts, as it reads after a number.
EFFECTS: Mapping[str, Text] = {
    "creates": _("new records"),
    "clears": _("records with an emptied field"),
    "deletes": _("deletions in Close"),
}

OBJECTS: Mapping[str, Text] = {"LEAD": _("Lead"), "CONTACT": _("Contact")}
DIRECTIONS: Mapping[str, Text] = {"OUTBOUND": _("Hull → Close"), "INBOUND": _("Close → Hull")}


def reason_words(reason: str) -> Words:
    """Return the words of a reason, also of one that this version does not know."""
    return REASONS.get(reason) or Words(reason.replace("_", " ").capitalize(), "")
