"""Programs, and what an attacker sends, at the API of a real console beside a real control process."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.failures.console_process import Browser, ConsoleProcess
from tests.failures.control_process import Control
from tests.failures.people import account, by, session, token_of

from schoolgate.accounts.roles import Role
from schoolgate.console.api.api_client import ApiClient, ApiProblem
from schoolgate.console.api.request_limits import GUESS_BURST, TOKEN_BURST
from schoolgate.console.console_process import ENDS_WITHIN_S

EVERYTHING = ["policy", "status", "log", "lists", "alerts", "account", "explain", "exceptions", "reports", "session"]
POLICY = """format = 1
allowed_clients = ["127.0.0.0/8"]
strictest = "all"
[policies.all]
[segments.all]
prefixes = ["127.0.0.0/8"]
policy = "all"
"""
MOST_RESIDENT_KIB = 120 * 1024


@pytest.fixture(scope="module")
def manager(control: Control, console: ConsoleProcess) -> UUID:
    """The network manager."""
    return account(control, "nina", Role.network_manager)


@pytest.fixture
def token(control: Control, manager: UUID) -> str:
    """Of the network manager, for everything."""
    return token_of(control, manager, EVERYTHING)


@pytest.fixture
def two_tokens(control: Control, manager: UUID) -> list[str]:
    """Of the network manager, for status."""
    return [token_of(control, manager, ["status"]) for _ in range(2)]


@pytest.fixture
def watching_token(control: Control, console: ConsoleProcess) -> str:
    """Of a leaver-to-be, for the log."""
    return token_of(control, account(control, "wanda", Role.network_manager), ["log"])


class Answer:
    """What came back; `value` of JSON."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def value(self) -> Any:
        return json.loads(self.text)

    @property
    def kind(self) -> str:
        """The kind of a problem, which says the same as its status."""
        assert self.headers["Content-Type"].startswith("application/problem+json"), self.text
        assert self.value["status"] == self.status
        return str(self.value["type"]).removeprefix("/api/v1/problems#")


def ask(console: ConsoleProcess, method: str, path: str, token: str = "", body: Any = None, **headers: str) -> Answer:
    """One request. `body`: octets, or what becomes JSON."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    if body is not None and "Content-Type" not in sent:
        sent["Content-Type"] = "application/json"
    octets = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    with closing(console.connection()) as connection:
        connection.request(method, f"/api/v1/{path}", octets, sent)
        return Answer(connection.getresponse())


def client(console: ConsoleProcess, token: str) -> ApiClient:
    return ApiClient(console.address, token, console.context())


def applied(console: ConsoleProcess, token: str, text: str, **headers: str) -> Answer:
    return ask(console, "POST", "policy/apply", token, {"text": text, "reason": "a test"}, **headers)


@pytest.mark.parametrize("role", [Role.teacher, Role.governor, Role.head, Role.network_manager])
def test_a_token_gives_what_its_account_may_and_no_more(control: Control, console: ConsoleProcess, role: Role) -> None:
    from schoolgate.operations import rights

    one = token_of(control, account(control, f"one-{role}", role), EVERYTHING)
    for name in ("status.home", "policy.revisions", "account.list", "alerts.list", "reports.list"):
        answer = ask(console, "GET", name.replace(".", "/"), one)
        may = rights.may([role], name)
        assert (answer.status == 200) is may, (name, answer.text)
        assert may or answer.kind == "right-missing"


def test_a_token_is_for_its_scopes_alone(control: Control, console: ConsoleProcess, manager: UUID) -> None:
    one = token_of(control, manager, ["policy.revisions"])
    assert ask(console, "GET", "policy/revisions", one).status == 200
    for path in ("policy/show", "status/home"):
        answer = ask(console, "GET", path, one)
        assert (answer.status, answer.kind) == (403, "scope-missing")


def test_without_a_good_token_nothing_is_opened(
    control: Control, console: ConsoleProcess, manager: UUID, token: str
) -> None:
    for given in ("", "Basic bmluYTp4", "Bearer", "Bearer a b", f"Bearer {token}, Bearer {token}", token):
        answer = ask(console, "GET", "status/home", Authorization=given)
        assert (answer.status, answer.kind) == (401, "token-missing"), given
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="schoolgate"'
    expired = ask(console, "GET", "status/home", token_of(control, manager, ["status"], lasts_us=1))
    assert (expired.status, expired.kind) == (401, "token-refused")
    answer = ask(console, "GET", "status/home", "sgt_" + "a" * 43)
    assert (answer.status, answer.kind) == (401, "token-refused")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_revoked_token_and_one_of_a_disabled_account_are_out_at_once(
    control: Control, console: ConsoleProcess
) -> None:
    leaver = account(control, "leo", Role.network_manager)
    one, other = token_of(control, leaver, ["status"]), token_of(control, leaver, ["status"])
    assert ask(console, "GET", "status/home", one).status == 200
    listed = by(control, session(control, leaver), "session.tokens")["result"]
    assert by(control, session(control, leaver), "session.revoke_token", {"token": listed[0]["id"]})["ok"]
    assert sorted(ask(console, "GET", "status/home", each).status for each in (one, other)) == [200, 401]
    assert control.cli("account", "disable", "leo").returncode == 0
    assert {ask(console, "GET", "status/home", each).status for each in (one, other)} == {401}


def test_a_token_in_an_address_is_refused_and_a_cookie_opens_nothing(
    control: Control, console: ConsoleProcess, manager: UUID, token: str
) -> None:
    for path in (f"status/home?access_token={token}", f"status/home?x={token}", f"status/home?token={token}"):
        for given in ("", token):
            answer = ask(console, "GET", path, given)
            assert (answer.status, answer.kind) == (400, "token-in-address")
            assert token not in answer.text
    browser = Browser(console, {"__Host-session": session(control, manager)})
    assert browser.get("/").status == 200
    for answer in (browser.get("/api/v1/status/home"), browser.post("/api/v1/policy/block")):
        assert answer.status == 401
        assert "Set-Cookie" not in answer.headers


def test_no_page_of_another_site_reads_an_answer(console: ConsoleProcess, token: str) -> None:
    answer = ask(console, "GET", "status/home", token, Origin="https://attacker.example")
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert ask(console, "OPTIONS", "status/home", Origin="https://attacker.example").status == 405


@pytest.mark.parametrize(
    "path", ["session/list", "session/begin", "account/nothing", "a/b", "policy", "policy/show/x", "%2e%2e/x"]
)
def test_what_is_not_of_the_api_is_not_there(console: ConsoleProcess, token: str, path: str) -> None:
    assert ask(console, "POST", path, token, {}).kind == "unknown-operation"


def test_changes_are_not_done_by_get_and_only_these_methods_are(console: ConsoleProcess, token: str) -> None:
    answer = ask(console, "GET", "policy/block?name=a.example", token)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    for method in ("PUT", "DELETE", "PATCH", "HEAD"):
        assert ask(console, method, "policy/show", token).status == 405


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"name=a.example", "application/x-www-form-urlencoded", (415, "content-type")),
        (b'{"name": "a.example"}', "text/plain", (415, "content-type")),
        (b"{}", "application/json; charset=utf-16", (415, "content-type")),
        (b"{", "application/json", (400, "unreadable")),
        (b"[]", "application/json", (400, "unreadable")),
        (b"\xff\xfe", "application/json", (400, "unreadable")),
        (b'{"name": NaN}', "application/json", (400, "unreadable")),
        (b'{"a":' * 100_000, "application/json", (400, "unreadable")),
        (b'{"name":' + b"[" * 900 + b"]" * 900 + b"}", "application/json", (400, "unreadable")),
        (b'{"name": "' + b"a" * 2_000_000 + b'"}', "application/json", (413, "too-large")),
        (b'{"name": 5, "reason": [], "x": 1}', "application/json", (422, "arguments")),
        (json.dumps({f"x{one}": 1 for one in range(50_000)}).encode(), "application/json", (422, "arguments")),
        (b'{"name": "\\ud800", "reason": "a"}', "application/json", (400, "unreadable")),
        (b'{"name": "a\\u0000.example", "reason": "a"}', "application/json", (422, "refused")),
        (b'{"name": "<script>.example", "reason": "a"}', "application/json", (422, "refused")),
        (b"{}", "application/json", (422, "arguments")),
    ],
    ids=[
        "a form", "text", "utf-16", "cut off", "a list", "no text", "no number", "deep", "deep and whole", "2 MB",
        "kinds", "50,000 names", "half a character", "a zero", "a tag", "nothing",
    ],
)  # fmt: skip
def test_a_body_that_is_none_is_refused_with_its_reason(
    console: ConsoleProcess, token: str, body: bytes, kind: str, expected: tuple[int, str]
) -> None:
    answer = ask(console, "POST", "policy/block", token, body, **{"Content-Type": kind})
    assert (answer.status, answer.kind) == expected, answer.text[:500]
    assert len(answer.text) < 5_000, "what was sent does not come back"


def test_each_mistake_is_named(console: ConsoleProcess, token: str) -> None:
    answer = ask(console, "POST", "policy/block", token, {"name": 5, "other": 1, "segments": "x"})
    assert len(answer.value["mistakes"]) >= 3
    assert {one.split(":")[0] for one in answer.value["mistakes"]} >= {"name", "other", "segments"}
    answer = ask(console, "GET", "log/search?most=x&most=2&wrong=1", token)
    assert answer.kind == "arguments" and len(answer.value["mistakes"]) == 2


async def test_an_address_holds_values_lists_and_parts(console: ConsoleProcess, token: str) -> None:
    async with client(console, token) as school:
        found = await school.get(
            "log.search", {"filters[name]": "example.com", "filters[actions]": ["block", "allow"], "most": 5}
        )
        assert found["rows"] == []
        found = await school.get("alerts.list", {"is_all": "true", "severities": ["notice", "urgent"]})
        assert found["alerts"] == []
        with pytest.raises(ApiProblem) as wrong:
            await school.get("alerts.list", {"most": "many", "severities": ["loud"]})
    assert wrong.value.kind == "arguments" and len(wrong.value.mistakes) == 2


def test_two_who_save_at_once_do_not_overwrite_each_other(console: ConsoleProcess, token: str) -> None:
    assert applied(console, token, POLICY).status == 200
    shown = ask(console, "GET", "policy/show", token)
    etag = shown.headers["ETag"]
    assert ask(console, "GET", "policy/show", token, If_None_Match=etag).status == 304
    assert applied(console, token, POLICY + "# first\n", If_Match=etag).status == 200
    late = applied(console, token, POLICY + "# second\n", If_Match=etag)
    assert (late.status, late.kind) == (412, "stale-match")
    number = int(etag.strip('"'))
    late = ask(console, "POST", "policy/apply", token, {"text": POLICY, "reason": "late", "expected": number})
    assert (late.status, late.kind) == (409, "stale")
    assert ask(console, "GET", "policy/show", token).value["text"].endswith("# first\n")
    for odd in ("*", "W/" + etag, f"{etag}, {etag}", '"x"'):
        assert applied(console, token, POLICY, If_Match=odd).status == 400
    other = ask(console, "POST", "policy/block", token, {"name": "a.example", "reason": "x"}, If_Match=etag)
    assert other.status == 400, "a condition that cannot be kept is not left out"


def test_the_same_request_again_does_nothing_twice(
    control: Control, console: ConsoleProcess, manager: UUID, token: str
) -> None:
    applied(console, token, POLICY)
    games = {"name": "games.example", "reason": "asked by the head"}
    first, again = (ask(console, "POST", "policy/block", token, games, Idempotency_Key="k1") for _ in range(2))
    assert first.status == again.status == 200 and first.text == again.text
    on_record = [one for one in control.audit() if one["detail"].get("name") == "games.example"]
    assert len(on_record) == 1, "begun once"
    other = ask(console, "POST", "policy/block", token, {**games, "name": "x.example"}, Idempotency_Key="k1")
    assert (other.status, other.kind) == (422, "idempotency-mismatch")
    own = token_of(control, manager, ["policy"])
    assert ask(console, "POST", "policy/block", own, games, Idempotency_Key="k1").text != first.text, "another's key"
    assert ask(console, "POST", "policy/block", token, games, Idempotency_Key="a" * 101).status == 400


def test_a_kept_answer_is_not_for_a_revoked_token(control: Control, console: ConsoleProcess) -> None:
    leaver = account(control, "lena", Role.network_manager)
    one = token_of(control, leaver, ["suggestions"])
    first = ask(console, "POST", "suggestions/look", one, {"days": 1}, Idempotency_Key="k")
    assert first.status == 200, first.text
    assert control.cli("account", "disable", "lena").returncode == 0
    assert ask(console, "POST", "suggestions/look", one, {"days": 1}, Idempotency_Key="k").status == 401


async def test_long_work_says_how_far_it_is_and_then_its_result(console: ConsoleProcess, token: str) -> None:
    async with client(console, token) as school:
        found = [one async for one in school.events("policy.revisions")]
        assert [one.name for one in found] == ["result"]
        await school.post("policy.apply", {"text": POLICY, "reason": "a test"})
        failed = [one async for one in school.events("policy.show", {"number": 10_000})]
    assert [one.name for one in failed] == ["problem"]
    assert failed[0].value["status"] == 422


async def test_the_live_log_goes_on_where_it_was_and_ends_with_the_token(
    control: Control, console: ConsoleProcess, watching_token: str
) -> None:
    async with client(console, watching_token) as school:
        stream = school.events("log.live")
        first = await anext(stream)
        assert first.name == "rows" and first.identity
        await stream.aclose()
        stream = school.events("log.live", after="unknown.1")
        assert [(await anext(stream)).name for _ in range(2)] == ["gap", "rows"]
        assert control.cli("account", "disable", "wanda").returncode == 0
        async with asyncio.timeout(5):
            ended = [one async for one in stream]
    assert [one.value["type"] for one in ended] == ["/api/v1/problems#token-refused"]


async def test_an_update_of_the_lists_is_followed_to_its_end(console: ConsoleProcess, token: str) -> None:
    async with client(console, token) as school:
        found = [one async for one in school.events("lists.update")]
    names = [one.name for one in found]
    assert "progress" in names[:-1] and names[-1] in ("result", "problem"), names


def test_open_streams_do_not_hold_up_the_end_of_the_console(control: Control, manager: UUID, tmp_path: Path) -> None:
    own = Control(tmp_path)
    own.state = control.state
    own.config.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{control.state}"\n', encoding="utf-8")
    console = ConsoleProcess(own)
    console.start()
    with closing(console.connection()) as connection:
        one = token_of(control, manager, ["log"])
        headers = {"Authorization": f"Bearer {one}", "Accept": "text/event-stream"}
        connection.request("GET", "/api/v1/log/live", headers=headers)
        assert connection.getresponse().readline().startswith(b"id: ")
        begun = time.monotonic()
        assert console.end() == 0, console.said()
        assert time.monotonic() - begun < ENDS_WITHIN_S / 2
    assert "Traceback" not in console.said()


async def test_streams_are_bounded(console: ConsoleProcess, token: str) -> None:
    async with client(console, token) as school:
        streams = [school.events("log.live") for _ in range(4)]
        for one in streams[:3]:
            await anext(one)
        with pytest.raises(ApiProblem) as refused:
            await anext(streams[3])
        assert refused.value.kind == "too-many" and refused.value.retry_after_s > 0
        for one in streams:
            await one.aclose()


async def test_one_token_does_not_hold_up_the_others(console: ConsoleProcess, two_tokens: list[str]) -> None:
    greedy, other = two_tokens

    async with client(console, greedy) as school:

        async def once() -> tuple[str, int]:
            try:
                await school.get("policy.show")
            except ApiProblem as error:
                return error.kind, error.retry_after_s
            raise AssertionError("a scope is missing")

        answers = [one for _ in range(8) for one in await asyncio.gather(*(once() for _ in range(TOKEN_BURST // 4)))]
    kinds = {kind for kind, _ in answers}
    assert kinds == {"scope-missing", "too-many"}
    assert all(wait >= 1 for kind, wait in answers if kind == "too-many")
    assert ask(console, "GET", "status/home", other).status == 200


def test_the_document_is_served_to_anyone_and_no_memory_is_taken_by_it(console: ConsoleProcess) -> None:
    answer = ask(console, "GET", "openapi.json")
    assert answer.value["openapi"] == "3.1.0"
    assert not [path for path in answer.value["paths"] if "/session/" in path]
    assert ask(console, "GET", "openapi.json", If_None_Match=answer.headers["ETag"]).status == 304
    assert "stale" in ask(console, "GET", "problems").value
    assert console.resident_kib() < MOST_RESIDENT_KIB


def test_who_guesses_tokens_is_slowed_down_and_no_neighbour_is(
    control: Control, console: ConsoleProcess, token: str
) -> None:
    """The last test of this file: its address is slowed down afterwards."""
    assert ask(console, "GET", "status/home", token).status == 200
    with closing(console.connection()) as connection:
        statuses = []
        for one in range(GUESS_BURST * 2):
            headers = {"Authorization": f"Bearer sgt_{one:043d}"}
            connection.request("GET", "/api/v1/status/home", headers=headers)
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
    assert statuses[0] == 401 and statuses[-1] == 429
    assert ask(console, "GET", "status/home", token).status == 200, "it was good before"
