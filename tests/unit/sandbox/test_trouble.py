"""Trouble on demand, and the two ways to reach a sandbox: an adapter without sockets, and a server."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import pytest
import requests

from sandbox import CloseSandbox, HullSandbox, SandboxAdapter
from sandbox.http import Dropped, TimedOut, make_request, serve
from sandbox.moods import parse_moods
from tests.unit.sandbox.remotes import Clock, CloseApi

# ── Faults ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "status", "acted"),
    [("status:503", 503, False), ("status:429", 429, False), ("status_after:500", 500, True), ("html", 502, False), ("html_after", 200, True)],
)  # fmt: skip
def test_an_answer_in_place_of_closes(api: CloseApi, kind: str, status: int, acted: bool) -> None:
    api.close.fail_next("POST", "/lead/", kind)

    answer = api.send("POST", "/lead/", {"name": "Acme"})

    assert (answer.status, bool(api.close.leads)) == (status, acted)
    assert answer.headers["content-type"].startswith("text/html" if "html" in kind else "application/json")
    assert ("retry-after" in answer.headers and "RateLimit" in answer.headers) is (status == 429)
    assert api.send("POST", "/lead/", {"name": "Acme"}).status == 200


@pytest.mark.parametrize(
    ("kind", "error", "acted"),
    [("drop_before", Dropped, False), ("drop_after", Dropped, True), ("timeout_after", TimedOut, True)],
)
def test_no_answer_at_all(api: CloseApi, kind: str, error: type[Exception], acted: bool) -> None:
    api.close.fail_next("POST", "/lead/", kind)

    with pytest.raises(error):
        api.send("POST", "/lead/", {"name": "Acme"})

    assert bool(api.close.leads) is acted
    assert api.close.requests[-1][-1] == 0


def test_a_fault_meets_its_method_path_and_body_only(api: CloseApi) -> None:
    api.close.faults.fail_next("POST", "/lead/$", "status:500", times=2, matching="Acme", skip=1)

    statuses = [
        api.send("POST", "/lead/", {"name": name}).status
        for name in ("Acme", "Other", "Acme", "Acme", "Acme")
    ]

    assert statuses == [200, 200, 500, 500, 200]
    assert api.send("GET", "/lead/").status == 200


def test_a_star_is_any_method(api: CloseApi) -> None:
    api.close.fail_next("*", "/me/", "status:500")

    assert (api.send("GET", "/me").status, api.send("GET", "/me").status) == (500, 200)


@pytest.mark.parametrize("kind", ["status", "status:1", "drop", "html_before", ""])
def test_an_unknown_kind_is_refused(api: CloseApi, kind: str) -> None:
    with pytest.raises(ValueError, match="is not a kind of fault"):
        api.close.fail_next("GET", "/me/", kind)


@pytest.mark.parametrize(
    "text", ["GET", "GET /me/", "GET /me/=", "GET /me/=nothing", "/me/=status:500", "GET /me/=html@x"]
)
def test_a_spec_that_cannot_be_read_names_the_part(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not read|is not a kind"):
        parse_moods(text)


def test_the_same_seed_gives_the_same_trouble(clock: Clock) -> None:
    def statuses(seed: int) -> list[int]:
        moods = parse_moods("GET .*=status:429@0.3, POST /lead/=drop_after@0.5", seed)
        api = CloseApi(CloseSandbox(clock, moods=moods), clock)
        return [api.send("GET", "/me/").status for _ in range(50)]

    assert statuses(1) == statuses(1) != statuses(2)
    assert set(statuses(1)) == {200, 429}


# ── The adapter ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def session(api: CloseApi) -> requests.Session:
    session = requests.Session()
    session.auth = (api.close.api_key, "")
    session.mount("https://close.sandbox", SandboxAdapter(api.close))
    return session


def test_requests_reach_a_sandbox_without_a_socket(session: requests.Session, api: CloseApi) -> None:
    made = session.post("https://close.sandbox/api/v1/lead/", json={"name": "Ålesund"})
    listed = session.get("https://close.sandbox/api/v1/lead/", params={"_fields": "name"})

    assert made.ok and made.json()["name"] == "Ålesund"
    assert listed.headers["Content-Type"] == "application/json"
    assert listed.json()["data"] == [{"name": "Ålesund"}]
    assert session.get("https://close.sandbox/api/v1/nothing/").status_code == 404


def test_an_answer_can_be_streamed(session: requests.Session, api: CloseApi) -> None:
    api.lead()

    with session.get("https://close.sandbox/api/v1/lead/", stream=True) as answer:
        parts = list(answer.iter_content(10))

    assert len(parts) > 1 and json.loads(b"".join(parts))["total_results"] == 1


def test_a_chunked_body_is_refused(session: requests.Session, api: CloseApi) -> None:
    parts = iter([b'{"name":', b'"Acme"}'])
    answer = session.post(
        "https://close.sandbox/api/v1/lead/", data=parts, headers={"content-type": "application/json"}
    )

    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "Chunked Transfer-Encoding is not supported."},
    )
    assert not api.close.leads


@pytest.mark.parametrize(
    ("kind", "error"),
    [("drop_after", requests.exceptions.ConnectionError), ("timeout_after", requests.exceptions.ReadTimeout)],
)
def test_lost_connections_raise_what_requests_raises(
    session: requests.Session, api: CloseApi, kind: str, error: type[Exception]
) -> None:
    api.close.fail_next("GET", "/me/", kind)

    with pytest.raises(error):
        session.get("https://close.sandbox/api/v1/me/")


# ── The server ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def address(api: CloseApi) -> Iterator[str]:
    server = serve(api.close, 0)
    yield f"127.0.0.1:{server.port}"
    server.stop()


@pytest.mark.enable_socket  # the server itself is tested
def test_the_server_answers_over_a_kept_connection(api: CloseApi, address: str) -> None:
    api.close.fail_next("DELETE", "/lead/", "drop_before")
    with requests.Session() as session:
        session.auth = (api.close.api_key, "")
        made = session.post(f"http://{address}/api/v1/lead/", json={"name": "Acme"})
        session.put(f"http://{address}/api/v1/lead/{made.json()['id']}", json={"name": "Acme AS"})
        with pytest.raises(requests.exceptions.ConnectionError):
            session.delete(f"http://{address}/api/v1/lead/{made.json()['id']}/")
        listed = session.get(f"http://{address}/api/v1/lead/?_fields=name")
        page = session.get(f"http://{address}/")

    assert listed.json()["data"] == [{"name": "Acme AS"}]
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.enable_socket  # the server itself is tested
def test_the_server_ends_the_connection_of_a_chunked_body(api: CloseApi, address: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=10)
    headers = {"transfer-encoding": "chunked", "content-type": "application/json"}
    credentials = requests.auth._basic_auth_str(api.close.api_key, "")
    connection.request(
        "POST", "/api/v1/lead/", iter([b"{}"]), headers | {"authorization": credentials}, encode_chunked=True
    )

    answer = connection.getresponse()

    assert (answer.status, answer.getheader("connection")) == (400, "close")
    connection.close()


# ── A person's moves over HTTP, and the pages ────────────────────────────────────────────────────


def test_a_person_in_close_over_http(api: CloseApi) -> None:
    def act(method: str, path: str, body: object = None) -> int:
        url = f"/_sandbox/rep{path}"
        raw = json.dumps(body).encode()
        return api.close.handle(make_request(method, url, {"content-type": "application/json"}, raw)).status

    assert act("POST", "/lead", {"name": "Acme"}) == 200
    (lead_id,) = api.close.leads
    assert act("PUT", f"/lead/{lead_id}", {"url": "no address"}) == 400
    assert act("PUT", f"/lead/{lead_id}", {"name": "New"}) == 200
    assert act("PUT", "/lead/lead_x", {"name": "New"}) == 404
    assert act("DELETE", f"/lead/{lead_id}") == 200
    assert act("DELETE", "/lead") == 404
    assert act("POST", "/contact", {"name": "Gob"}) == 404
    assert act("POST", "/nothing") == 404
    assert {event["api_key_id"] for event in api.close.events} == {None}


def test_the_pages_show_what_is_held(api: CloseApi, clock: Clock) -> None:
    api.lead()
    for app in (api.close, HullSandbox(clock)):
        assert b"<!doctype html>" in app.handle(make_request("GET", "/", {}, b"")).body.lower()
        assert app.handle(make_request("GET", "/_sandbox/data", {}, b"")).status == 200
        assert app.handle(make_request("GET", "/_sandbox/status", {}, b"")).status == 200
        assert app.handle(make_request("GET", "/_sandbox/nothing", {}, b"")).status == 404
