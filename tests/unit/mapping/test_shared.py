"""Which domains and addresses name one company or person, and which are shared by many."""

from __future__ import annotations

import pytest

from sync.mapping.shared import names_company, names_person
from sync.mapping.transforms import host
from sync.records import SyncSettings

SETTINGS = SyncSettings(
    always_identities=("gmail.com", "sales@acme.com"), never_identities=("supplier.com", "jane@acme.com")
)

HOSTS = [
    ("acme.com", True), ("shop.acme.com", True), ("xn--mnchen-3ya.de", True), ("hotmail.com", False), ("googlemail.com", False),
    ("outlook.com", False), ("gmx.de", False), ("web.de", False), ("yahoo.co.uk", False), ("mail.ru", False), ("qq.com", False),
    ("icloud.com", False), ("proton.me", False), ("hey.com", False), ("mailinator.com", False), ("facebook.com", False),
    ("de-de.facebook.com", False), ("m.facebook.com", False), ("uk.linkedin.com", False), ("linktr.ee", False), ("notfacebook.com", True),
    ("wixsite.com", False), ("acme.wixsite.com", True), ("myshopify.com", False), ("acme.myshopify.com", True), ("docs.google.com", False),
    ("example.com", True), ("gmail.com", True), ("supplier.com", False), ("eu.supplier.com", False), ("othersupplier.com", True),
]  # fmt: skip


@pytest.mark.parametrize(("name", "names"), HOSTS)
def test_which_hosts_name_a_company(name: str, names: bool) -> None:
    assert host(name) == name
    assert names_company(name, SETTINGS) is names


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("jo@acme.com", True), ("jo@gmail.com", True), ("info@acme.com", False), ("info+eu@acme.com", False), ("no-reply@acme.com", False),
        ("kontakt@acme.de", False), ("ventas@acme.es", False), ("information.desk@acme.com", True), ("infosys@acme.com", True),
        ("sales@acme.com", True), ("sales@other.com", False), ("jane@acme.com", False), ("jo@supplier.com", True),
    ],
)  # fmt: skip
def test_which_addresses_name_a_person(address: str, names: bool) -> None:
    assert names_person(address, SETTINGS) is names
