"""The official client of Close, as a script would use it. Reads where to go, prints what it got."""

import json
import sys
import time

from closeio_api import API, APIError, ValidationError

given = json.load(sys.stdin)
api = API(given["url"], given["key"])
got = {}


def every(path, **params):
    """All records of a list, page by page, with how many requests it took."""
    records, asked = [], 0
    while True:
        page = api.get(path, params={**params, "_skip": len(records), "_limit": 100})
        records, asked = records + page["data"], asked + 1
        if not page["has_more"]:
            return {"records": records, "requests": asked, "total_results": page.get("total_results")}


def refused(act):
    """What the client says of a request that is refused."""
    try:
        act()
    except ValidationError as error:
        return {"kind": "ValidationError", "status": error.response.status_code, "errors": error.errors, "field_errors": error.field_errors}  # fmt: skip
    except APIError as error:
        return {"kind": "APIError", "status": error.response.status_code, "body": error.response.json()}
    return {"kind": "accepted"}


def records():
    """Leads and contacts: made, changed, removed."""
    lead = api.post("lead", given["lead"])
    got["created"] = lead
    got["updated"] = api.put(f"lead/{lead['id']}", given["patch"])
    contact = api.post("contact", {**given["contact"], "lead_id": lead["id"]})
    got["contact_created"] = contact
    got["contact_updated"] = api.put(f"contact/{contact['id']}", given["contact_patch"])
    got["contact_read"] = api.get(f"contact/{contact['id']}")
    got["lead_read"] = api.get(f"lead/{lead['id']}")
    got["lead_chosen"] = api.get(f"lead/{lead['id']}", params={"_fields": "id,name,contacts"})
    doomed = api.post("lead", {"name": "Doomed", "contacts": [{"name": "Doomed too"}]})
    got["doomed"] = doomed
    got["contact_deleted"] = api.delete(f"contact/{doomed['contacts'][0]['id']}")
    got["deleted"] = api.delete(f"lead/{doomed['id']}")
    got["gone"] = refused(lambda: api.get(f"lead/{doomed['id']}"))
    got["gone_put"] = refused(lambda: api.put(f"lead/{doomed['id']}", {"name": "x"}))
    into, source = (
        api.post("lead", {"name": "Stays"}),
        api.post("lead", {"name": "Goes", "contacts": [{"name": "Moves"}]}),
    )
    got["merged"] = {"said": api.post("lead/merge", {"source": source["id"], "destination": into["id"]}), "into": into["id"], "source": source}  # fmt: skip


def beside_leads(lead_id):
    """What hangs on a lead."""
    got["opportunity_created"] = api.post(
        "opportunity", {"lead_id": lead_id, "value": 500000, "confidence": 40, "note": "first"}
    )
    opportunity_id = got["opportunity_created"]["id"]
    won = next(one["id"] for one in api.get("status/opportunity")["data"] if one["type"] == "won")
    got["opportunity_won"] = api.put(f"opportunity/{opportunity_id}", {"status_id": won})
    got["task_created"] = api.post(
        "task", {"_type": "lead", "lead_id": lead_id, "text": "Call back", "date": "2026-12-01"}
    )
    got["task_done"] = api.put(f"task/{got['task_created']['id']}", {"is_complete": True})
    got["note_created"] = api.post("activity/note", {"lead_id": lead_id, "note": "Met at the fair."})
    got["note_updated"] = api.put(f"activity/note/{got['note_created']['id']}", {"note": "Met twice."})
    got["notes"] = api.get("activity/note", params={"lead_id": lead_id})["data"]
    got["task_open"] = api.post("task", {"_type": "lead", "lead_id": lead_id, "text": "Still open"})
    got["lead_with_everything"] = api.get(f"lead/{lead_id}")
    got["activities"] = api.get("activity", params={"lead_id": lead_id})["data"]


def settings():
    """Webhooks, custom fields, who we are."""
    got["me"] = api.get("me")
    hook = api.post(
        "webhook",
        {
            "url": "http://127.0.0.1:9/hook",
            "events": [{"object_type": "lead", "action": "created"}],
            "verify_ssl": False,
        },
    )
    got["webhook_created"] = hook
    got["webhook_paused"] = api.put(f"webhook/{hook['id']}", {"status": "paused"})
    got["webhook_read"] = api.get(f"webhook/{hook['id']}")
    got["webhooks"] = api.get("webhook")["data"]
    got["webhook_deleted"] = api.delete(f"webhook/{hook['id']}")
    got["webhook_gone"] = refused(lambda: api.get(f"webhook/{hook['id']}"))
    got["field_created"] = api.post(
        "custom_field/lead", {"name": "Met at", "type": "choices", "choices": ["Fair", "Web"]}
    )
    got["field_renamed"] = api.put(
        f"custom_field/lead/{got['field_created']['id']}", {"name": "First met at"}
    )
    got["fields"] = api.get("custom_field/lead")["data"]
    got["schema"] = api.get("custom_field_schema/lead")


def errors(lead_id):
    """What is refused, and how the client reads it."""
    got["refused"] = {
        "bad email in a lead": refused(lambda: api.post("lead", {"name": "x", "contacts": [{"name": "y", "emails": [{"email": "fine@example.com"}, {"email": "not an address"}]}]})),
        "bad email": refused(lambda: api.post("contact", {"name": "y", "lead_id": lead_id, "emails": [{"email": "nope"}]})),
        "no such status": refused(lambda: api.put(f"lead/{lead_id}", {"status_id": "stat_nothing"})),
        "no such choice": refused(lambda: api.put(f"lead/{lead_id}", {f"custom.{given['tier']}": "Gigantic"})),
        "no such lead": refused(lambda: api.post("contact", {"name": "y", "lead_id": "lead_nothing"})),
        "too large a page": refused(lambda: api.get("lead", params={"_limit": 100000})),
        "too far": refused(lambda: api.get("lead", params={"_skip": 10000000})),
        "wrong key": refused(lambda: api.get("me", api_key="api_wrong.key")),
        "no such address": refused(lambda: api.get("nothing_of_the_kind")),
    }  # fmt: skip


def searching():
    """Pages, search cursors, the event log."""
    for number in range(given["more"]):
        api.post("lead", {"name": f"Paged {number:03d}", "contacts": [{"name": f"Person {number:03d}"}]})
    got["leads"], got["contacts"] = every("lead", _fields="id,name"), every("contact", _fields="id,name")
    everything = {
        "query": {"type": "object_type", "object_type": "lead"},
        "_limit": 1,
        "include_counts": True,
    }
    for _ in range(20):  # what was written a moment ago may not be in the index yet
        got["count"] = api.post("data/search", everything)["count"]
        if got["count"]["total"] == got["leads"]["total_results"]:
            break
        time.sleep(1)
    body = {
        "query": {"type": "object_type", "object_type": "lead"}, "_fields": {"lead": ["id", "name"]}, "_limit": 30,
        "sort": [{"direction": "asc", "field": {"type": "regular_field", "object_type": "lead", "field_name": "date_created"}}],
    }  # fmt: skip
    got["search"] = []
    while True:
        page = api.post("data/search", body)
        got["search"].append(page["data"])
        if not page["cursor"]:
            break
        body["cursor"] = page["cursor"]
    params, got["events"] = {}, []
    while True:
        page = api.get("event", params=params)
        got["events"].append(page["data"])
        if not page["cursor_next"]:
            break
        params["_cursor"] = page["cursor_next"]
    overridden = api.post(
        "lead", {"_params": {"_limit": 3, "_fields": "id"}}, headers={"x-http-method-override": "GET"}
    )
    got["overridden"] = overridden


records()
beside_leads(got["created"]["id"])
settings()
errors(got["created"]["id"])
searching()
json.dump(got, sys.stdout)
