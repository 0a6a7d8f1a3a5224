"""What results, reasons and states mean, and what a person does next: the words of every list and page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sync.engine.explaining import Verdict
from sync.engine.plan import DoneReason, FailureMode, Reason, Result, SkipReason, WaitReason
from sync.engine.preview import Effect
from sync.models import Change, Run
from sync.queries import Health


@dataclass(frozen=True, slots=True)
class Words:
    """`label` names it, `meaning` is one sentence, `move` is what to do next; empty when nothing is to be done."""

    label: str
    meaning: str
    move: str = ""

    def __str__(self) -> str:
        return f"{self.meaning} {self.move}".strip()


_REASONS: Mapping[Reason, Words] = {
    DoneReason.NEW: Words("New", "The record was created on the other side."),
    DoneReason.ADOPTED: Words(
        "Adopted", "A record that was there already was linked, instead of making a second one."
    ),
    DoneReason.CHANGED: Words("Changed", "Values were written."),
    DoneReason.IN_SYNC: Words("In sync", "Nothing differed, so nothing was sent."),
    DoneReason.DELETED: Words(
        "Deleted",
        "The record was deleted in Close, by a rep or because it has left; Hull keeps it and gets closeio/deleted_at.",
    ),
    DoneReason.MERGED: Words(
        "Merged", "The lead was merged into another one in Close; the account now carries the survivor's id."
    ),
    DoneReason.MARKED: Words(
        "Marked", "The record has left the other side; its lead in Close got the status that says so."
    ),
    DoneReason.UNLINKED: Words(
        "Unlinked", "The record has left one side, and the two are not kept in step any more."
    ),
    SkipReason.NOT_IN_SEGMENT: Words(
        "Not in segment",
        "The record is in none of the segments named on the connector.",
        "Add the segment, or change the record so that it enters one.",
    ),
    SkipReason.NO_SEGMENTS: Words(
        "No segments",
        "No segment is named on the connector, so nothing is sent to Close.",
        "Name one under “What goes out”.",
    ),
    SkipReason.NO_USER: Words(
        "no contact",
        "Hull keeps events of users only, and the lead has no contact in Hull.",
        "Nothing to do; add a contact to the lead if its events matter.",
    ),
    SkipReason.NO_IDENTIFIER: Words(
        "No identifier",
        "The account lacks the configured identifier, or the user has neither a name nor a usable e-mail address.",
        "Fill it in Hull; the next notification brings the record back.",
    ),
    SkipReason.PARENT_NOT_LINKED: Words(
        "Account not in Close",
        "The user belongs to no account in Hull, or to one that is not a lead in Close.",
        "It goes out by itself as soon as the account does.",
    ),
    SkipReason.ECHO: Words("Echo", "Our own write came back from Close and said nothing new."),
    SkipReason.STALE: Words(
        "Stale", "An older state of the record arrived after a newer one, and was left out."
    ),
    SkipReason.NOTHING_MAPPED: Words(
        "Nothing mapped",
        "No field of this object is mapped in this direction.",
        "Add a row to the mapping.",
    ),
    SkipReason.DIRECTION_OFF: Words(
        "Direction off",
        "This direction is switched off for the connector.",
        "Switch it on if it should run.",
    ),
    SkipReason.DELETED_REMOTELY: Words(
        "Deleted in Close",
        "The record was deleted in Close, so it is not made again.",
        "To bring it back, restore it in Close.",
    ),
    SkipReason.MERGED_INTO_OTHER: Words(
        "Merged into another",
        "The lead was merged into one that another Hull account is linked to.",
        "Merge the two accounts in Hull, or leave it: only the other account is kept in step.",
    ),
    SkipReason.DELETED_IN_HULL: Words(
        "Deleted in Hull",
        "The record was deleted in Hull; Close keeps it.",
        "Delete it in Close if it should go.",
    ),
    SkipReason.ANOTHER_CONTACT: Words(
        "Another contact of the same user",
        "The user's attributes in Hull come from its own contact, not from this one.",
    ),
    SkipReason.FLIPPING: Words(
        "Paused field",
        "A field of this record went back and forth and is paused.",
        "Find out which tools write it, stop one of them, then resume the field on the link's page.",
    ),
    WaitReason.AMBIGUOUS_MATCH: Words(
        "Ambiguous match",
        "Several records in Close fit, or the one that fits is linked to another Hull record.",
        "Open the change and choose one, or merge the records in Close and replay.",
    ),
    WaitReason.TRANSIENT: Words(
        "Temporary trouble",
        "Close, Hull or the network was in trouble.",
        "Nothing to do: it is tried again with growing pauses.",
    ),
    WaitReason.RATE_LIMITED: Words(
        "Rate limited",
        "Close asked to wait.",
        "Nothing to do: it goes on at the time Close named.",
    ),
    WaitReason.UNKNOWN_RESULT: Words(
        "Unknown result",
        "A request to create was sent and no answer came.",
        "Nothing to do: Close's event log tells whether it was carried out, and until then nothing is posted again.",
    ),
    WaitReason.PARENT_PENDING: Words(
        "Waits for its account",
        "The user's account is not in Close yet, because it is held or was refused.",
        "Settle the account; the user follows by itself.",
    ),
    WaitReason.TWIN_PENDING: Words(
        "Waits for its twin",
        "Another record with the same identifier is being created just now.",
        "Nothing to do: it is looked at again as soon as the other one is there.",
    ),
    WaitReason.CONFLICT: Words(
        "Conflict",
        "A field was changed on both sides, and its mapping asks a person.",
        "Open the change and choose whose value stays.",
    ),
    WaitReason.NEEDS_APPROVAL: Words(
        "Needs approval",
        "The run would have written more than the brake allows.",
        "Look at the sample under “Approvals”, then approve or reject it.",
    ),
    WaitReason.PAUSED: Words(
        "Paused record",
        "A person took this record out of the sync; what arrives about it is kept.",
        "Resume it on its page when it may go on.",
    ),
    FailureMode.CONFIGURATION: Words(
        "Configuration",
        "A setting does not fit what Close has; the message names it.",
        "Change the setting; what failed because of it is tried again by itself.",
    ),
    FailureMode.REJECTED: Words(
        "Rejected",
        "Close or Hull refused this record; the message holds its own words.",
        "Correct the value in Hull or the mapping, then replay.",
    ),
    FailureMode.EXHAUSTED: Words(
        "Attempts spent",
        "All attempts failed; the message holds the last trouble.",
        "Replay when the trouble is over.",
    ),
    FailureMode.TIMED_OUT: Words(
        "Timed out",
        "The work on this record did not end in time.",
        "Replay; if it happens again, tell your administrator.",
    ),
    FailureMode.INTERNAL: Words(
        "Internal error",
        "Something unforeseen happened; the message and the log hold the details.",
        "Replay after an upgrade.",
    ),
}

REASONS: Mapping[str, Words] = {reason.value: words for reason, words in _REASONS.items()}

RESULTS: Mapping[str, Words] = {
    Result.CREATED.value: Words("Created", "A record was made on the other side."),
    Result.UPDATED.value: Words("Updated", "Values were changed on the other side."),
    Result.UNCHANGED.value: Words("Unchanged", "Both sides agreed; no request was made."),
    Result.SKIPPED.value: Words("Skipped", "It does not qualify; the reason says which rule."),
    Result.PENDING.value: Words(
        "Pending", "Not done yet: it is tried again by itself, or waits for a person's choice."
    ),
    Result.FAILED.value: Words("Failed", "A person is needed."),
    Result.DRY_RUN.value: Words("Dry run", "It would have been written."),
}

HEALTH: Mapping[str, Words] = {
    Health.BROKEN.value: Words("Stopped by an error", "", "Correct the setting; saving it resumes the connector."),
    Health.UNFINISHED.value: Words("Not set up", "", "Enter what is missing on the connector, then test it."),
    Health.ATTENTION.value: Words("Needs attention", "", "Open what failed or is held, then replay or choose."),
    Health.SILENT.value: Words(
        "Silent", "Close has not been read for much longer than agreed.", "See that a worker and the scheduler run."
    ),
    Health.PAUSED.value: Words("Paused", "", "Resume it; what waits goes on."),
    Health.RUNNING.value: Words("Running", ""),
    Health.OFF.value: Words("Switched off", "Nothing is read or sent.", "Switch it on to start."),
}  # fmt: skip

# What a connector may come into, and out of again.
ALERTS: Mapping[str, Words] = {
    "FAILING": Words("Failing", "It stopped, or many records failed within an hour."),
    "SILENT": Words("Silent", "Nothing was read, or nothing changed for longer than usual."),
    "BUDGET": Words("Rate limit", "What waits takes more than an hour at Close's rate limit."),
    "BRAKE": Words("Waits for approval", "A run would have written more than the brake allows."),
}

# What a field's rule makes of the values on both sides.
VERDICTS: Mapping[Verdict, Words] = {
    Verdict.IN_STEP: Words("In step", "The other side holds it."),
    Verdict.NEXT: Words("Written next", "The next sync writes it."),
    Verdict.OTHER_SIDE: Words(
        "Close's value stays", "It was changed in Close since both sides last agreed, and in Hull it was not."
    ),
    Verdict.NOT_EMPTY: Words("Not written", "The row is written only if empty, and the field holds something."),
    Verdict.ONLY_NEW: Words("Not written", "The row is written only when the record is created."),
    Verdict.CONFLICT: Words("Waits for a choice", "Both sides changed it.", "Open the change in the queue and choose."),
    Verdict.PAUSED: Words("Paused field", "It went back and forth.", "Resume it on the link's page."),
    Verdict.LEFT_OUT: Words("Blocked", "The other side does not take this value.", "Correct it in Hull, or the row."),
    Verdict.PARKED: Words("Row rests", "The field is gone or has another type.", "Correct the row in the mapping."),
    Verdict.RECORD: Words("Not written", "The record itself is skipped or held; see above."),
    Verdict.NOTHING: Words("Nothing there", "Neither side holds a value."),
}  # fmt: skip

# What an edit of the settings would do to a record, the gravest first.
EDITS: Mapping[Effect, str] = {
    Effect.DELETED: "Deleted",
    Effect.CLEARED: "With an emptied field",
    Effect.CREATED: "Created",
    Effect.CHANGED: "Changed",
    Effect.HELD: "Held or failed",
    Effect.SKIPPED: "Skipped",
    Effect.UNCHANGED: "Unchanged",
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
EFFECTS: Mapping[str, str] = {
    "creates": "new records",
    "clears": "records with an emptied field",
    "deletes": "deletions in Close",
}

OBJECTS: Mapping[str, str] = {"LEAD": "Lead", "CONTACT": "Contact"}
DIRECTIONS: Mapping[str, str] = {"OUTBOUND": "Hull → Close", "INBOUND": "Close → Hull"}


def reason_words(reason: str) -> Words:
    """Return the words of a reason, also of one that this version does not know."""
    return REASONS.get(reason) or Words(reason.replace("_", " ").capitalize(), "")
