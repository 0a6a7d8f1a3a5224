"""What ours does with each recorded input: the same, or something better, said in one line and checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sync.models import Change
from tests.vectors.replay import Replay


@dataclass(frozen=True)
class Same:
    """We send what the original sent."""


@dataclass(frozen=True)
class Better:
    """What we do instead and why, and what shows it."""

    words: str
    check: Callable[[Replay], bool]


Verdict = Same | Better


def names(replay: Replay, method: str = "POST") -> list[str]:
    """Return the names in our writes of one method, in order."""
    return [body.get("name") for verb, _, body in replay.our_writes() if verb == method]


def leads(replay: Replay) -> list[str]:
    return sorted(lead["name"] for lead in replay.world.close.leads.values())


def contacts(replay: Replay) -> list[str]:
    return sorted(contact["name"] for contact in replay.world.close.contacts.values())


def reason(replay: Replay, key: str) -> tuple[str, str]:
    change = Change.objects.filter(key__endswith=key).latest("pk")
    return change.state, change.reason


def body(replay: Replay, place: int = 0) -> dict[str, object]:
    return dict(replay.our_writes()[place][2])


def accounts(replay: Replay) -> int:
    return len(replay.world.hull.accounts)


def answer(replay: Replay) -> dict[str, object]:
    return dict(replay.answers[0].json())


def domains(replay: Replay) -> set[str | None]:
    return {(claims["account"] or {}).get("domain") for claims in replay.claims()}


def is_paused(replay: Replay, words: str) -> bool:
    replay.world.connector.refresh_from_db()
    return words in replay.world.connector.pause_reason


def emails(replay: Replay, name: str) -> list[str]:
    return [entry["email"] for entry in replay.world.contact(name)["emails"]]


ACCOUNT = "5c0000000000000000000001"
USER = "5d0000000000000000000001"

VERDICTS: dict[str, Verdict] = {
    "A01_create_lead_status_set": Same(),
    "A02_create_status_NA": Same(),
    "A04_create_status_missing": Same(),
    "A05_update_with_closeio_id": Same(),
    "A07_not_in_segment": Same(),
    "A08_no_segments_configured": Same(),
    "A10_ident_external_id_missing": Same(),
    "A11_value_types": Better(
        "Values are converted to the field's type: false and a list become text, an object is left out and named in the outcome, instead of a request that Close refuses whole.",
        lambda r: (
            body(r)["custom.lcf_SEsiyYXWSiVAXoYrotnkxmdvoKl7PwTB4qUKaA984K7"] == "a, b"
            and body(r)["custom.lcf_ccdI9aCmfQGhYF5BHdoOyEaPHDeD5CzBEEFulCoOH2s"] == "false"
            and "custom.lcf_hIv0xPP2HVwZDzJxaahHAiv3SOS9Igq9JuXcZ11et7Y" not in body(r)
        ),
    ),
    "A13_duplicates_without_indexed_at": Same(),
    "A14_two_accounts_without_id": Better(
        "Accounts without a Hull id are told apart by their external id or domain: both become leads, where the original kept only the last.",
        lambda r: leads(r) == ["A", "B"],
    ),
    "A16_domain_ident_to_custom_field": Same(),
    "A17_incomplete_mapping_rows": Same(),
    "A19_url_mapping_overridden": Better(
        "A row that maps an attribute to the web address is honoured, where the original wrote the domain over it.",
        lambda r: body(r)["url"] == "https://www.madkudu.com/x",
    ),
    "A20_post_400": Better(
        "A refused record is kept with Close's own words, visible and replayable, where the original acknowledged it and lost it.",
        lambda r: reason(r, ACCOUNT) == ("FAILED", "REJECTED"),
    ),
    "A22_post_429": Better(
        "A rate limit is waited out and the lead is made, where the original lost it.",
        lambda r: leads(r) == ["Madkudu"] and reason(r, ACCOUNT) == ("DONE", "NEW"),
    ),
    "A23_post_500": Better(
        "After a server error the event log is asked, then the lead is made once, where the original lost it.",
        lambda r: leads(r) == ["Madkudu"] and reason(r, ACCOUNT) == ("DONE", "NEW"),
    ),
    "A25_connection_reset_once": Better(
        "A dropped connection is repeated only after Close's event log shows that the first request made nothing: one lead, never two.",
        lambda r: leads(r) == ["Madkudu"] and len(r.our_writes()) == 2,
    ),
    "A26_connection_reset_always_mixed": Better(
        "The record whose connection is always dropped waits alone and is tried again; the original told Hull that all went well and lost it.",
        lambda r: leads(r) == ["Good", "Madkudu"] and reason(r, "5c02") == ("PENDING", "UNKNOWN_RESULT"),
    ),
    "A28_slow_6s": Better(
        "The notification is stored and answered at once, however slow Close is; the original answered 503 and had everything sent again.",
        lambda r: r.answers[0].status_code == 200 and leads(r) == ["Madkudu"],
    ),
    "A29_cache_key_undefined": Better(
        "Two accounts become two leads, where the original wrote the second over the first.",
        lambda r: leads(r) == ["Madkudu", "Victim"],
    ),
    "A31_same_account_new_message": Better(
        "The second message updates the lead that the first one made, where the original made a twin.",
        lambda r: leads(r) == ["Madkudu 2"] and [verb for verb, _, _ in r.our_writes()] == ["POST", "PUT"],
    ),
    "A32_put_404_deleted_lead": Better(
        "A lead that was deleted in Close is remembered as such and marked in Hull, where the original got 404 for every message for ever.",
        lambda r: (
            r.our_writes() == []
            and reason(r, ACCOUNT) == ("DONE", "DELETED_REMOTELY")
            and any("closeio/deleted_at" in told for told in r.our_records().values())
        ),
    ),
    "A34_no_api_key": Better(
        "The record waits until a key is entered, and the connector says so, where the original dropped it.",
        lambda r: reason(r, ACCOUNT)[0] == "PENDING" and is_paused(r, "No Close API key"),
    ),
    "A35_init_401": Better(
        "What Close offers to map is known from before, so that one refused look at it does not cost the record.",
        lambda r: leads(r) == ["Madkudu"],
    ),
    "A37_ident_claims": Better(
        "The anonymous id names a lead that Close no longer has: it counts as deleted and is not made again, where the original made a new one.",
        lambda r: r.our_writes() == [] and reason(r, ACCOUNT) == ("DONE", "DELETED_REMOTELY"),
    ),
    "A38_outbound_emails_on_lead": Better(
        "A row that maps to something a lead does not have is reported on the connector and left out, where the original sent it to be refused or ignored.",
        lambda r: set(body(r)) == {"name", "url"} and "emails" in " ".join(r.world.connector.problems),
    ),
    "A40_firehose_error": Better(
        "What Hull refuses is kept and can be sent again, where the original lost the new lead's id and made a twin at the next message.",
        lambda r: (
            leads(r) == ["Madkudu"]
            and Change.objects.filter(direction="INBOUND", state="FAILED", reason="REJECTED").count() == 1
        ),
    ),
    "E01_trigger_export": Better(
        "The same answer; everything is then read page by page in the background, where the original asked for an export that it can no longer unpack.",
        lambda r: answer(r) == {"ok": True} and r.our_writes() == [],
    ),
    "E02_handle_export_none": Same(),
    "F01_basic": Same(),
    "F02_addresses_same_label": Same(),
    "F04_status_unknown": Same(),
    "F05_contact_without_email": Same(),
    "F07_nulls": Same(),
    "F08_url_forms": Better(
        "Hosts become domain claims without `www.`, port and path, and what is no host becomes none, where the original claimed an empty domain and made one account of unrelated leads.",
        lambda r: (
            domains(r) == {"madkudu.com", "example.com", "sub.example.co.uk", None} and "" not in domains(r)
        ),
    ),
    "F10_ident_external_id_missing": Same(),
    "F11_ident_domain_custom": Same(),
    "F13_page2_500": Better(
        "A page that fails is read again from where it stopped: all 250 leads arrive, where the original lost 150 and moved on.",
        lambda r: accounts(r) == 250,
    ),
    "F14_last_sync_seconds": Same(),
    "F16_last_sync_iso": Better(
        "The position is ours, typed, and taken from Close's own times; a setting in Hull cannot break it.",
        lambda r: accounts(r) == 1,
    ),
    "F17_last_sync_missing": Better(
        "The first run reads everything, where the original looked back two days and never saw older leads.",
        lambda r: accounts(r) == 1,
    ),
    "F19_firehose_400": Better(
        "What Hull refuses is kept, with the reason, where the original reported success and moved on.",
        lambda r: Change.objects.filter(direction="INBOUND", state="FAILED", reason="REJECTED").exists(),
    ),
    "F20_no_contacts_key": Same(),
    "F22_auth_401": Better(
        "A refused key pauses the connector with its reason, where the original reported success.",
        lambda r: is_paused(r, "refuses the API key"),
    ),
    "F23_lead_list_401": Better(
        "A refused key pauses the connector with its reason and the position stays, where the original moved on.",
        lambda r: is_paused(r, "refuses the API key") and accounts(r) == 0,
    ),
    "F25_connector_from_api_stale": Same(),
    "F26_contact_many_types": Same(),
    "F28_empty_result": Same(),
    "F29_overlapping_fetch": Better(
        "A second fetch finds the first one's work and sends nothing again, where the original sent everything twice.",
        lambda r: len(r.claims()) == 2 < r.observed["hull_traits_count"],
    ),
    "F31_429_on_list": Better(
        "While Close asks to wait, nothing is skipped: the position stays until the page is read, where the original reported success and moved on.",
        lambda r: (
            accounts(r) == 0 and r.world.connector.backfilled_at is None and r.world.connector.is_active
        ),
    ),
    "O_fields-account-ident": Same(),
    "O_fields-contact-in": Same(),
    "O_fields-contact-out": Same(),
    "O_fields-lead-in": Same(),
    "O_fields-lead-out": Same(),
    "O_leadstatuses": Same(),
    "S01_status_ok": Same(),
    "S02_status_no_key": Better(
        "Without a key the status is setupRequired, Hull's own word for it, and the message says what to do.",
        lambda r: answer(r)["status"] == "setupRequired" and "No Close API key" in str(answer(r)["messages"]),
    ),
    "S04_status_no_key_no_segments": Better(
        "Both problems are told and the worse one counts, where the original let a warning hide the error.",
        lambda r: answer(r)["status"] == "setupRequired" and len(list(answer(r)["messages"])) == 2,
    ),
    "S05_status_invalid_key": Better(
        "The key is tried with a real call: a key that Close refuses is an error, where the original said ok to any text.",
        lambda r: answer(r)["status"] == "error" and "refuses the API key" in str(answer(r)["messages"]),
    ),
    "U01_create_contact": Same(),
    "U02_no_account": Same(),
    "U04_account_without_closeio_id": Better(
        "The account qualifies, so its lead is made, with the contact in the same request, where the original skipped the user.",
        lambda r: leads(r) == ["Madkudu"] and contacts(r) == ["Ada Example"] and len(r.our_writes()) == 1,
    ),
    "U05_update_contact": Better(
        "Our e-mail and phone are added and what the rep had entered stays, where the original replaced the lists.",
        lambda r: emails(r, "Ada Example") == ["gob@example.com", "ada@example.com"],
    ),
    "U07_not_in_segment": Same(),
    "U08_duplicates": Same(),
    "U10_put_404": Better(
        "A contact that is gone in Close is remembered as such and marked in Hull, where the original got 404 for ever.",
        lambda r: r.our_writes() == [] and reason(r, USER)[1] == "DELETED_REMOTELY",
    ),
    "U11_nulls": Same(),
    "U13_put_overwrites_emails": Better(
        "The e-mails and phones that Hull does not know stay, in their order, where the original wiped them.",
        lambda r: len(emails(r, "Ada Example")) >= 3,
    ),
    "U14_connection_reset": Better(
        "The notification is answered 200 once it is stored. The lead that Hull names is gone in Close, so the user waits for its account, where the original tried to add to it and answered 500.",
        lambda r: (
            r.answers[0].status_code == 200
            and r.our_writes() == []
            and reason(r, USER) == ("WAITING", "PARENT_NOT_LINKED")
        ),
    ),
    "U16_mixed_no_account_loses_all": Better(
        "A user without an account is skipped alone, where the original failed the whole notification.",
        lambda r: r.answers[0].status_code == 200 and "Ada Example" in contacts(r),
    ),
    "U17_null_closeio_id": Same(),
    "U19_timeout_contact": Better(
        "A request that timed out is found in Close by its event: one contact, where the original made three.",
        lambda r: contacts(r).count("Ada Example") == 1,
    ),
}
