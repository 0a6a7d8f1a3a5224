"""Hull's records in every documented spelling."""

from __future__ import annotations

from typing import Any

import pytest

from sync.hull.parsing import parse_changes, parse_export_line, parse_message, plain_attributes
from sync.records import HullAccount, ObjectType


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ({"traits_closeio/title": "CEO"}, {"closeio/title": "CEO"}),
        ({"email": "a@b.com", "traits_email": "x@y.com"}, {"email": "a@b.com"}),
        ({"traits_email": "x@y.com", "email": "a@b.com"}, {"email": "a@b.com"}),
        ({"email": None, "traits_email": "x@y.com"}, {"email": "x@y.com"}),
        ({"traits_email": "x@y.com", "email": None}, {"email": "x@y.com"}),
        ({"traits_n": None, "n": 0}, {"n": 0}),
        ({"n": False, "traits_n": True}, {"n": False}),
    ],
)
def test_the_prefix_of_attributes_is_taken_off(given: dict[str, Any], plain: dict[str, Any]) -> None:
    assert plain_attributes(given) == plain


SEGMENTS = [
    ({"segments": [{"id": "s1"}, {"id": "s2"}]}, ("s1", "s2")),
    ({"segments": ["s1", "s1"]}, ("s1",)),
    ({"segments": []}, ()),
    ({"segment_ids": ["s1"]}, ("s1",)),
    ({"segments": [{"id": "s1"}], "segment_ids": ["s2"]}, ("s1",)),
    ({"segments": None, "segment_ids": ["s2", None, {}]}, ("s2",)),
    ({"user": {"id": "u1", "segment_ids": ["s3"]}}, ("s3",)),
    ({}, None),
    ({"segments": "s1"}, None),
]


@pytest.mark.parametrize(("told", "ids"), SEGMENTS)
def test_the_segments_of_a_user(told: dict[str, Any], ids: tuple[str, ...] | None) -> None:
    message = parse_message({"user": {"id": "u1"}} | told, ObjectType.CONTACT)
    assert message.user is not None
    assert message.user.segment_ids == ids


@pytest.mark.parametrize(
    ("told", "ids"),
    [
        ({"account_segments": [{"id": "s1"}]}, ("s1",)),
        ({"account_segment_ids": ["s1"]}, ("s1",)),
        ({"account": {"id": "a1", "segment_ids": ["s1"]}}, ("s1",)),
        ({"segments": [{"id": "a user's segment"}], "segment_ids": ["x"]}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("object_type", ObjectType)
def test_the_segments_of_an_account(
    told: dict[str, Any], ids: tuple[str, ...] | None, object_type: ObjectType
) -> None:
    message = parse_message({"user": {"id": "u1"}, "account": {"id": "a1"}} | told, object_type)
    assert message.account is not None
    assert message.account.segment_ids == ids


@pytest.mark.parametrize("account", [None, {}, [], "a1"])
def test_a_user_without_an_account(account: Any) -> None:
    message = parse_message({"user": {"id": "u1"}, "account": account}, ObjectType.CONTACT)
    assert message.user is not None
    assert (message.user.account, message.account) == (None, None)


def test_a_users_account_comes_with_it() -> None:
    raw = {
        "message_id": "m1",
        "user": {"id": "u1"},
        "account": {"id": "a1"},
        "account_segments": [{"id": "s1"}],
    }
    message = parse_message(raw, ObjectType.CONTACT)
    assert message.user is not None
    assert message.user.account == message.account == HullAccount({"id": "a1"}, ("s1",))
    assert message.message_id == "m1"


@pytest.mark.parametrize(
    ("raw", "object_type", "problem"),
    [
        ({"account": {"id": "a1"}}, ObjectType.CONTACT, "no user"),
        ({"user": {}}, ObjectType.CONTACT, "no user"),
        ({"user": "u1"}, ObjectType.CONTACT, "no user"),
        ({"user": {"id": "u1"}}, ObjectType.LEAD, "no account"),
        (None, ObjectType.LEAD, "not an object"),
        ("text", ObjectType.CONTACT, "not an object"),
    ],
)
def test_a_message_about_nobody(raw: Any, object_type: ObjectType, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_message(raw, object_type)


def test_changes_are_named_as_mappings_name_attributes() -> None:
    changes = {
        "is_new": False,
        "user": {"traits_closeio/title": ["A", "B"], "anonymous_ids[1]": [None, "x"]},
        "account": {"industry": ["A", "B"]},
        "segments": {"entered": []},
    }
    assert parse_changes(changes) == {
        "is_new": False,
        "user": {"closeio/title": ["A", "B"], "anonymous_ids": [None, "x"]},
        "account": {"industry": ["A", "B"]},
        "segments": {"entered": []},
    }
    assert parse_changes(None) == parse_changes([]) == {}


def test_a_line_of_a_user_extract() -> None:
    line = {"id": "u1", "traits_n": 1, "segment_ids": ["s1"], "account": {"id": "a1", "segment_ids": ["s2"]}}
    message = parse_export_line(line, ObjectType.CONTACT)
    assert message.user is not None
    assert message.user.attributes == {"id": "u1", "n": 1, "segment_ids": ["s1"]}
    assert message.user.segment_ids == ("s1",)
    assert message.user.account is not None
    assert message.user.account.segment_ids == ("s2",)


def test_a_line_of_an_account_extract() -> None:
    message = parse_export_line({"id": "a1", "segment_ids": ["s1"]}, ObjectType.LEAD)
    assert (message.user, message.account) == (
        None,
        HullAccount({"id": "a1", "segment_ids": ["s1"]}, ("s1",)),
    )


@pytest.mark.parametrize("line", [None, [], {}, "text"])
def test_a_line_that_is_no_record(line: Any) -> None:
    with pytest.raises(ValueError, match="it "):
        parse_export_line(line, ObjectType.LEAD)
