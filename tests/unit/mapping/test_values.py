"""Values: how they are normalised, converted and compared."""

from __future__ import annotations

from typing import Any

import pytest

from sync.mapping import transforms
from sync.mapping.naming import RESERVED, attribute_name
from sync.mapping.transforms import UnusableValueError, host, same, snake_case
from sync.records import CustomField

HOSTS: list[tuple[Any, str | None]] = [
    ("acme.com", "acme.com"), ("ACME.COM", "acme.com"), ("Acme.Com", "acme.com"), (" acme.com ", "acme.com"), ("acme.com.", "acme.com"),
    ("www.acme.com", "acme.com"), ("WWW.acme.com", "acme.com"), ("www.acme.com.", "acme.com"), ("http://acme.com", "acme.com"),
    ("https://acme.com", "acme.com"), ("HTTPS://ACME.COM", "acme.com"), ("https://acme.com/", "acme.com"), ("https://www.acme.com/about", "acme.com"),
    ("acme.com/about", "acme.com"), ("acme.com:443", "acme.com"), ("http://acme.com:8080/x", "acme.com"), ("http://acme.com?utm=1", "acme.com"),
    ("http://acme.com#top", "acme.com"), ("//acme.com/x", "acme.com"), ("ftp://acme.com", "acme.com"), ("https://user:pw@acme.com", "acme.com"),
    ("user@acme.com", "acme.com"), ("shop.acme.com", "shop.acme.com"), ("a.b.c.acme.com", "a.b.c.acme.com"), ("acme.co.uk", "acme.co.uk"),
    ("www.acme.co.uk", "acme.co.uk"), ("acme-group.com", "acme-group.com"), ("4acme.com", "4acme.com"), ("acme2.com", "acme2.com"),
    ("a_b.acme.com", "a_b.acme.com"), ("acme.museum", "acme.museum"), ("acme.io", "acme.io"), ("münchen.de", "xn--mnchen-3ya.de"),
    ("http://MÜNCHEN.de/x", "xn--mnchen-3ya.de"), ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"), ("株式会社.jp", "xn--6oqv20b1zgzxr.jp"),
    ("straße.de", "xn--strae-oqa.de"), ("acme.com/a b", "acme.com"), ("thebluthcompany.tumblr.com", "thebluthcompany.tumblr.com"),
    ("", None), (" ", None), (None, None), (0, None), (True, None), ([], None), ({}, None), ("acme", None), ("localhost", None),
    ("not a url", None), ("n/a", None), ("-", None), ("http://", None), ("https:///path", None), (".com", None), ("com", None),
    ("co.uk", None), ("www.com", None), ("10.0.0.1", None), ("http://127.0.0.1:80/", None), ("[::1]", None), ("http://[::1]/", None),
    ("acme..com", None), ("-acme.com", None), ("acme-.com", None), ("http://exa mple.com", None), ("a" * 64 + ".com", None),
    ("x." * 130 + "com", None), ("acme.123", None),
]  # fmt: skip


@pytest.mark.parametrize(("spelling", "plain"), HOSTS, ids=[repr(one)[:30] for one, _ in HOSTS])
def test_a_host_is_plain_or_nothing(spelling: Any, plain: str | None) -> None:
    assert host(spelling) == plain


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Industry", "industry"), ("FTEs", "ft_es"), ("Company ID", "company_id"), ("# of Employees (est.)", "of_employees_est"),
        ("ARR $ / year", "arr_year"), ("Société – Pays", "societe_pays"), ("source.UTM_campaign", "source_utm_campaign"),
        ("Is Customer?", "is_customer"), ("v2 API", "v_2_api"), ("Straße", "strasse"), ("leadScore", "lead_score"), ("部門", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_label_becomes_the_name_that_customers_have(label: str, name: str) -> None:
    assert snake_case(label) == name


def test_equal_labels_get_different_names() -> None:
    taken: set[str] = set()
    for number in range(1, 4):
        name = attribute_name("Industry", f"cf_{number}", taken)
        taken.add(name)

    assert taken == {"industry", "industry_2", "industry_3"}


@pytest.mark.parametrize("label", ["Name", "Status", "Emails", "部門", "Id"])
def test_no_custom_field_takes_a_standard_name(label: str) -> None:
    name = attribute_name(label, "cf_AbC", ())

    assert name not in RESERVED
    assert name
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("415 555 0100", "+14155550100"),
        ("(212) 736-5000", "+12127365000"),
        ("+33 1 42 68 53 00", "+33142685300"),
        ("+1-800-444-5555", "+18004445555"),
    ],
)
def test_phones_are_compared_in_e164(given: str, normal: str) -> None:
    assert transforms.phone(given) == normal


@pytest.mark.parametrize("bad", ["call me", "555", "", "+", None, "x" * 50, 12, [], "+1"])
def test_what_is_no_phone_is_said_so(bad: Any) -> None:
    with pytest.raises(UnusableValueError, match="phone"):
        transforms.phone(bad)


@pytest.mark.parametrize("bad", ["", "a", "a@", "@b.com", "a b@c.com", "a@b", None, 1, "a@b.com,c@d.com"])
def test_what_is_no_email_is_said_so(bad: Any) -> None:
    with pytest.raises(UnusableValueError, match="e-mail"):
        transforms.email(bad)


CHOICES = CustomField("cf", "Tier", "choices", ("Gold", "Silver"))


@pytest.mark.parametrize(
    ("value", "field", "converted"),
    [
        ("a", CustomField("cf", "F", "text"), "a"), (1, CustomField("cf", "F", "text"), "1"), (False, CustomField("cf", "F", "text"), "false"),
        (["a", 1], CustomField("cf", "F", "text"), "a, 1"), ("12.5", CustomField("cf", "F", "number"), 12.5), (0, CustomField("cf", "F", "number"), 0),
        ("7", CustomField("cf", "F", "number"), 7), (True, CustomField("cf", "F", "number"), 1),
        ("2020-01-31T23:30:00-02:00", CustomField("cf", "F", "date"), "2020-02-01"), ("2020-01-31", CustomField("cf", "F", "date"), "2020-01-31"),
        ("2020-01-31", CustomField("cf", "F", "datetime"), "2020-01-31T00:00:00+00:00"), (0, CustomField("cf", "F", "date"), "1970-01-01"),
        ("gold", CHOICES, "Gold"), (["Gold"], CustomField("cf", "F", "choices", ("Gold",), multiple=True), ["Gold"]),
        ("Gold", CustomField("cf", "F", "choices", ("Gold",), multiple=True), ["Gold"]),
    ],
)  # fmt: skip
def test_a_value_becomes_what_the_field_takes(value: Any, field: CustomField, converted: Any) -> None:
    assert transforms.for_custom_field(value, field) == converted


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"a": 1}, CustomField("cf", "F", "text")), ("many", CustomField("cf", "F", "number")), ("nan", CustomField("cf", "F", "number")),
        ("soon", CustomField("cf", "F", "date")), ("2020-13-45", CustomField("cf", "F", "date")), ("Bronze", CHOICES), (["Gold", "Silver"], CHOICES),
        (1e308, CustomField("cf", "F", "datetime")),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_said_so(value: Any, field: CustomField) -> None:
    with pytest.raises(UnusableValueError):
        transforms.for_custom_field(value, field)


@pytest.mark.parametrize(
    ("first", "second", "kind", "is_same"),
    [
        (None, "", "text", True), (None, [], "text", True), ("", 0, "number", False), (0, None, "number", False), (False, None, "text", False),
        ("a", "a ", "text", True), ("a", "A", "text", False), (1, "1", "number", True), (1, 1.0, "number", True), ("1", 1, "text", True),
        ("2020-01-01", "2020-01-01T10:00:00Z", "date", True), ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00+00:00", "datetime", True),
        ("2020-01-01T01:00:00+01:00", "2020-01-01T00:00:00Z", "datetime", True), ("acme.com", "https://www.ACME.com/x", "url", True),
        ("acme.com", "acme.org", "url", False), ("A@B.com", "a@b.com ", "email", True), ("(415) 555-0100", "+14155550100", "phone", True),
        (["a", "b"], ["b", "a"], "choices", True), (["a"], ["a", "b"], "choices", False), ("a", ["a"], "choices", True), ("x", "y", "number", False),
    ],
)  # fmt: skip
def test_two_values_mean_the_same(first: Any, second: Any, kind: str, is_same: bool) -> None:
    assert same(first, second, kind) is is_same
    assert same(second, first, kind) is is_same
