"""Sample data that looks like a real company's: the same for the same seed.

Hull holds 120 accounts in three segments and 300 users; Close holds 80 leads, 40 of which are companies that Hull knows
under another spelling of their domain.
"""

from __future__ import annotations

import random
import unicodedata
from typing import Any

from sandbox.close import CloseSandbox
from sandbox.hull import HullSandbox

Record = dict[str, Any]

SEGMENTS = (
    ("59f09bc7f9c5a94af600076d", "Enterprise prospects", {"attribute": "tier", "equals": "enterprise"}),
    ("59f09bc7f9c5a94af600076e", "Mid-market prospects", {"attribute": "tier", "equals": "mid_market"}),
    ("59f09bc7f9c5a94af600076f", "Customers", {"attribute": "is_customer", "equals": True}),
)

INDUSTRY = "cf_IndustryOfTheLead00000000000000000000000001"
EMPLOYEES = "cf_EmployeesOfTheLead0000000000000000000000002"
CUSTOMER_SINCE = "cf_CustomerSince00000000000000000000000000003"
LAST_REVIEWED = "cf_LastReviewed000000000000000000000000000004"
TIER = "cf_TierOfTheLead00000000000000000000000000005"
PRODUCTS = "cf_ProductsInUse000000000000000000000000000006"
OWNER = "cf_AccountOwner0000000000000000000000000000007"
HULL_ID = "cf_HullIdHidden0000000000000000000000000000008"
REGION = "cf_RegionShared0000000000000000000000000000009"
SENIORITY = "cf_SeniorityOfTheContact00000000000000000000010"
ROLE = "cf_RoleOfTheContact0000000000000000000000000011"

_COMPANIES = """Aldermoor Robotics|Bright Harbor Foods|Cinderpath Energy|Dovetail Logistics|Eastgate Biologics|Fernhill Software
Gullwing Aviation|Hollow Oak Furniture|Ironbark Mining|Juniper Health Group|Kestrel Insurance|Lanternlight Media|Marrow Bay Seafood
Northlight Optics|Oakline Realty|Pinecrest Schools|Quillon Legal|Redwater Brewing|Saltmarsh Ventures|Thistle & Thread
Umber Ceramics|Vantage Payments|Willowbrook Clinics|Xenia Textiles|Yarrow Cosmetics|Zephyr Wind Power|Anchor Point Shipping
Bluestem Agriculture|Copperfield Studios|Driftwood Hotels|Emberlane Security|Foxglove Pharma|Granite Peak Outfitters|Heronsgate Bank
Inkwell Publishing|Jadestone Jewelry|Kingfisher Travel|Lodestar Analytics|Millrace Engineering|Nightjar Games|Orchard Street Foods
Palisade Construction|Quarry Hill Stone|Ravenscroft Partners|Silverfin Aquatics|Tidewater Telecom|Upland Dairy|Vesper Lighting
Westmere Airlines|Yellowtail Music|Amberjack Fisheries|Birchwood Timber|Cobalt Chemicals|Dunecrest Resorts|Elkhorn Motors
Flintlock Tools|Glasshouse Nurseries|Highfield Academy|Islay Spirits|Jetty Marine|Société Générale de Robinets|Müller & Söhne GmbH
株式会社さくら|Ægir Havbrug|Łódź Maszyny|Café Órgano|Ñandú Textil|Ström & Ångström AB|Zürich Präzision|Crème Brûlée & Co 🍮""".replace(
    "\n", "|"
).split("|")
_SUFFIXES = ("Labs", "Group", "Holdings", "International", "Works")
_FIRST = "Ada Grace Alan Edsger Barbara Donald Radia Ken Margaret Linus Frances Dennis Jürgen Zoë François Søren Łucja Noël Björk Renée 花子 太郎 Olu Priya Wei Fatima Diego Ingrid Mateo Yara".split()  # noqa: SIM905 - easier to read than sixty quotes
_LAST = "Okafor Lindqvist Nakamura Schäfer O'Brien García Novák Haddad Petrov Silva Iyer Kowalski Dubois Ferrari Andersen Mbeki Cohen Tanaka Müller Jensen Rossi Costa Ivanova Brown Nguyen Kim Singh Ali Walker Meyer".split()  # noqa: SIM905 - easier to read than sixty quotes
_INDUSTRIES = ("Software", "Manufacturing", "Logistics", "Health", "Energy", "Finance", "Food", "Education")
_CITIES = ("Berlin", "Lyon", "Austin", "Osaka", "Toronto", "Bergen", "São Paulo", "Nairobi")
_TITLES = (
    "CEO",
    "CTO",
    "VP Sales",
    "Head of Marketing",
    "Operations Manager",
    "Data Engineer",
    "Buyer",
    "Office Manager",
)
_STATUSES = ("Potential", "Qualified", "Customer", "Bad Fit")
_LONG = "They asked for references in their own industry, and want to see how returns are handled. " * 12


def load_sample(close: CloseSandbox, hull: HullSandbox, seed: int = 0) -> None:
    """Fill both remotes."""
    chance = random.Random(seed)
    accounts = [_account(number, chance) for number in range(120)]
    users = _users(accounts, chance)
    _set_up_close(close)
    for lead in _leads(close, accounts, users, chance):
        close.rep_create_lead(lead)
    for segment_id, name, predicate in SEGMENTS:
        hull.add_segment("account", segment_id, name, predicate)
    hull.add_segment(
        "user", "59f09bc7f9c5a94af6000770", "People with a title", {"attribute": "has_title", "equals": True}
    )
    _add_in_turn(hull, accounts, users)


def _add_in_turn(hull: HullSandbox, accounts: list[Record], users: list[tuple[Record, str | None]]) -> None:
    """Add users among the accounts, so that some are told before the account they belong to."""
    early, late = users[::3], [user for number, user in enumerate(users) if number % 3]
    for user, account_id in early:
        hull.add_user(user, account_id)
    for account in accounts:
        hull.add_account(account)
    for user, account_id in late:
        hull.add_user(user, account_id)


# ── Hull ─────────────────────────────────────────────────────────────────────────────────────────


def _account(number: int, chance: random.Random) -> Record:
    stem = _COMPANIES[number % len(_COMPANIES)]
    name = stem if number < len(_COMPANIES) else f"{stem} {_SUFFIXES[number % len(_SUFFIXES)]}"
    account: Record = {
        "id": f"5a{number:022x}", "name": name, "domain": f"{_slug(name) or f'sakura-{number}'}.com",
        "tier": ("enterprise", "mid_market")[number % 2], "is_customer": number % 5 == 0,
        "industry": chance.choice(_INDUSTRIES), "employees": chance.randrange(8, 9000), "city": chance.choice(_CITIES),
        "annual_revenue": chance.randrange(200_000, 90_000_000), "tags": chance.sample(["abm", "inbound", "event", "partner"], 2),
        "description": _LONG.strip() if number % 20 == 7 else f"{name} makes things people in {chance.choice(_CITIES)} need.",
    }  # fmt: skip
    if number % 6:
        account["external_id"] = f"crm-{1000 + number}"
    return account


def _users(accounts: list[Record], chance: random.Random) -> list[tuple[Record, str | None]]:
    counts = [chance.choice((0, 1, 2, 2, 3, 3, 4, 8)) for _ in accounts]
    homes = [account for account, count in zip(accounts, counts, strict=True) for _ in range(count)]
    while len(homes) < 294:
        homes.append(accounts[len(homes) % 120])
    return [_user(number, home, chance) for number, home in enumerate([*homes[:294], *[None] * 6])]


def _user(number: int, home: Record | None, chance: random.Random) -> tuple[Record, str | None]:
    first, last = _FIRST[number % len(_FIRST)], _LAST[(number * 7) % len(_LAST)]
    domain = home["domain"] if home else "example.org"
    user: Record = {
        "id": f"5b{number:022x}", "first_name": first, "last_name": last, "name": f"{first} {last}",
        "title": chance.choice(_TITLES), "phone": _phone(number, chance), "has_title": number % 2 == 0,
        "linkedin_url": f"https://www.linkedin.com/in/{_slug(first) or 'person'}-{number}", "signed_up_at": f"2025-0{1 + number % 9}-11T08:00:00Z",
    }  # fmt: skip
    if number % 25 != 11:
        user["email"] = f"{_slug(first) or 'person'}.{_slug(last)}{number}@{domain}"
    return user, home["id"] if home else None


def _phone(number: int, chance: random.Random) -> str:
    if number % 30 == 4:
        return chance.choice(("call me", "555"))
    line = f"{chance.randrange(200, 999)}{chance.randrange(1000, 9999)}"
    spellings = (
        f"+1415{line}",
        f"(212) {line[:3]}-{line[3:]}",
        f"+1 303 {line[:3]} {line[3:]}",
        f"+33 1 42 68 {line[3:5]} {line[5:]}",
    )
    return spellings[number % 4]


# ── Close ────────────────────────────────────────────────────────────────────────────────────────


def _set_up_close(close: CloseSandbox) -> None:
    fields = (
        ("lead", "Industry", "text", None, False, INDUSTRY),
        ("lead", "# of Employees (est.)", "number", None, False, EMPLOYEES),
        ("lead", "Customer since", "date", None, False, CUSTOMER_SINCE),
        ("lead", "Last reviewed", "datetime", None, False, LAST_REVIEWED),
        ("lead", "Tier", "choices", ["Enterprise", "Mid market", "Small"], False, TIER),
        ("lead", "Products", "choices", ["Sync", "Reports", "Alerts"], True, PRODUCTS),
        ("lead", "Account owner", "user", None, False, OWNER),
        ("lead", "Hull id", "hidden", None, False, HULL_ID),
        ("shared", "Region", "text", None, False, REGION),
        ("contact", "Seniority", "text", None, False, SENIORITY),
        ("contact", "Role", "choices", ["Decides", "Advises", "Blocks"], False, ROLE),
    )
    for kind, name, type_, choices, multiple, field_id in fields:
        close.create_custom_field(kind, name, type_, choices, multiple, field_id)


def _leads(
    close: CloseSandbox, accounts: list[Record], users: list[tuple[Record, str | None]], chance: random.Random
) -> list[Record]:
    shared = [
        _lead(close, number, _respelled(accounts[number]), accounts[number], users, chance)
        for number in range(40)
    ]
    others = [
        _lead(close, 40 + number, {"name": f"{chance.choice(_LAST)} & {chance.choice(_LAST)} {number}", "url": f"http://www.lead-only-{number}.net"}, None, users, chance)
        for number in range(40)
    ]  # fmt: skip
    mixed = [*shared, *others]
    chance.shuffle(mixed)
    return mixed


def _respelled(account: Record) -> Record:
    """The same company as a rep typed it."""
    domain = account["domain"]
    spellings = (
        f"https://WWW.{domain}/about", f"http://{domain}:443/", domain.upper(), f"www.{domain}.", f"http://{domain}/?utm=1#top",
    )  # fmt: skip
    number = int(account["id"][2:], 16)
    return {"name": f"{account['name']}, Inc.", "url": spellings[number % len(spellings)]}


def _lead(
    close: CloseSandbox, number: int, named: Record, account: Record | None, users: list[tuple[Record, str | None]],
    chance: random.Random,
) -> Record:  # fmt: skip
    lead: Record = named | {
        "description": "" if number % 3 else f"Met at the fair in {chance.choice(_CITIES)}.", "status": _STATUSES[number % 4],
        "addresses": _addresses(number, chance), "contacts": _people(number, account, users, chance),
        f"custom.{EMPLOYEES}": chance.randrange(5, 5000), f"custom.{TIER}": chance.choice(("Enterprise", "Mid market", "Small")),
        f"custom.{REGION}": chance.choice(("EMEA", "AMER", "APAC")),
    }  # fmt: skip
    if number % 2:
        lead |= {
            f"custom.{PRODUCTS}": ["Sync", "Reports"],
            f"custom.{OWNER}": close.user_ids[1],
            f"custom.{CUSTOMER_SINCE}": "2023-05-17",
        }
    if number % 4 == 0:
        lead |= {
            f"custom.{LAST_REVIEWED}": "2026-01-12T09:30:00+00:00",
            f"custom.{HULL_ID}": "unknown",
            f"custom.{INDUSTRY}": chance.choice(_INDUSTRIES),
        }
    return lead


def _addresses(number: int, chance: random.Random) -> list[Record]:
    if number % 3 == 2:
        return []
    first = {
        "label": "business",
        "address_1": f"{number + 1} Market St",
        "city": chance.choice(_CITIES),
        "country": "US",
    }
    return [first, {"label": "mailing", "city": "Bergen", "zipcode": "5003", "country": "NO"}][
        : 1 + (number % 5 == 0)
    ]


def _people(
    number: int, account: Record | None, users: list[tuple[Record, str | None]], chance: random.Random
) -> list[Record]:
    people = []
    known = [user for user, home in users if account and home == account["id"] and user.get("email")]
    if known and number % 2 == 0:
        people.append(_person(known[0]["name"], known[0]["email"].upper(), number))
    for extra in range(number % 3):
        name = f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"
        people.append(_person(name, f"lead{number}.person{extra}@lead-only-{number}.net", number + extra))
    return people


def _person(name: str, email: str, number: int) -> Record:
    person: Record = {
        "name": name, "title": _TITLES[number % len(_TITLES)], "emails": [{"email": email, "type": "office"}],
        "phones": [{"phone": f"+1 646 555 {1000 + number:04d}", "type": ("office", "mobile")[number % 2]}],
        f"custom.{SENIORITY}": ("Junior", "Senior")[number % 2], f"custom.{ROLE}": ("Decides", "Advises")[number % 2],
    }  # fmt: skip
    if number % 3 == 0:
        person["emails"].append({"email": f"home{number}@mail.example.net", "type": "home"})
        person["urls"] = [{"url": f"https://people.example.net/{number}", "type": "url"}]
    return person


def _slug(text: str) -> str:
    plain = (
        unicodedata.normalize("NFKD", text.replace("Ł", "L").replace("Æ", "Ae"))
        .encode("ascii", "ignore")
        .decode()
    )
    return "-".join("".join(one if one.isalnum() else " " for one in plain).lower().split()).replace(
        "-inc", ""
    )
