"""The typed client close-dot-io, with models of our own as its documentation shows. It drops what does not fit its models."""

import json
import sys

from close_dot_io import CloseClient, Contact, Lead, NoteActivity, Opportunity, Webhook
from pydantic import Field

given = json.load(sys.stdin)
client = CloseClient(api_key=given["key"])
client.base_url = given["url"]
raw = []
dispatch = client.dispatch


def counted(*args, **kwargs):
    """Remember what came, to tell what the models dropped."""
    answer = dispatch(*args, **kwargs)
    raw.append(
        {
            "asked": kwargs.get("endpoint") or args[0],
            "records": len(answer.get("data", [])),
            "cursor": answer.get("cursor"),
        }
    )
    return answer


client.dispatch = counted


class Person(Contact):
    """A contact with a custom field."""

    seniority: str | None = Field(alias=f"custom.{given['seniority']}", default=None)


class Company(Lead):
    """A lead with custom fields and people of that kind."""

    contacts: list[Person] = []
    industry: str | None = Field(alias=f"custom.{given['industry']}", default=None)


def plain(model):
    return model.model_dump(mode="json", by_alias=True)


def all_of(kind):
    return {"type": "object_type", "object_type": kind}


got = {}
person = Person.create_from_email("ada@typed.example", name="Ada", title="Founder", seniority="Senior")
company = client.save(
    Company.create_from_contact(person, name="Typed Ltd", status_label="Qualified", industry="Typing")
)
got["created"] = plain(company)
company.industry, company.status_label = "Printing", "Customer"
got["updated"] = plain(client.save(company))
second = client.save(
    Person(
        name="Bob",
        emails=[{"email": "bob@typed.example"}],
        phones=[{"phone": "+14155550101", "type": "mobile"}],
    ),
    lead_id=company.id,
)
got["contact_created"] = plain(second)
second.add_email("bob@home.example")
second.title = "Engineer"
got["contact_saved_again"] = plain(client.save(second))
deal = client.save(
    Opportunity(lead_id=company.id, status_label="Active", value=125000, confidence=70, note="First deal")
)
got["opportunity_created"] = plain(deal)
deal.status_label, deal.note = "Won", "Signed"
got["opportunity_won"] = plain(client.save(deal))
got["read"] = plain(client.get(Company, resource_id=company.id))
note = client.save(NoteActivity(type="Note", lead_id=company.id, note="Typed."))
got["note"] = plain(note)
got["notes"] = [plain(one) for one in client.list(NoteActivity)]
doomed = client.save(Company(name="Doomed"))
client.delete(doomed)
got["doomed"] = plain(doomed)
hooks = client.list(Webhook)
got["webhooks"] = [plain(one) for one in hooks]
for hook in hooks:
    client.delete(hook)
got["webhooks_after"] = [plain(one) for one in client.list(Webhook)]

del raw[:]
got["leads"] = [plain(one) for one in client.list(Company, max_results=1000)]
got["contacts"] = [plain(one) for one in client.list(Person, max_results=1000)]
got["opportunities"] = [plain(one) for one in client.list(Opportunity, max_results=1000)]
got["listed"] = list(raw)
del raw[:]
got["leads_found"] = [
    plain(one) for one in client.get_leads(Company, query={"query": all_of("lead")}, max_results=1000)
]
got["contacts_found"] = [
    plain(one) for one in client.get_contacts(Person, query={"query": all_of("contact")}, max_results=1000)
]
got["searched"] = list(raw)
json.dump(got, sys.stdout)
