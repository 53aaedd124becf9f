"""Leavers: read from a directory in pages, and disabled only by a list that is whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.unit.accounts.school import School

from schoolgate.accounts import account_list, leavers, linked_identities, sessions
from schoolgate.accounts.errors import DirectoryUnusable, SessionEnded
from schoolgate.accounts.leavers import GoogleDirectory, GraphDirectory

ISSUER = "https://login.example/tenant/v2.0"


class Directories:
    """Graph and Google, each with pages of two people. A test puts replies before the right ones."""

    def __init__(self) -> None:
        self.people: dict[str, bool] = {}
        self.before: list[Callable[[], web.Response]] = []
        self.change: Callable[[dict[str, Any]], dict[str, Any]] = lambda page: page
        self.waited: list[float] = []
        self.server: TestServer
        self.http: aiohttp.ClientSession

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    def graph(self) -> GraphDirectory:
        return GraphDirectory(self.http, "secret", ISSUER, str(self.server.make_url("/")), self.sleep)

    def google(self) -> GoogleDirectory:
        return GoogleDirectory(self.http, "secret", ISSUER, str(self.server.make_url("/")), self.sleep)

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer secret":
            return web.json_response({"error": "no token"}, status=401)
        if self.before:
            return self.before.pop(0)()
        at = int(request.query.get("$skiptoken", request.query.get("pageToken", "0")))
        names, more = list(self.people)[at : at + 2], at + 2 < len(self.people)
        if "v1.0" in request.path:
            assert request.query["$select"] == "id,accountEnabled"
            page: dict[str, Any] = {"value": [{"id": one, "accountEnabled": self.people[one]} for one in names]}
            if more:
                page["@odata.nextLink"] = str(request.url.update_query({"$skiptoken": str(at + 2)}))
        else:
            assert request.query["customer"] == "my_customer"
            page = {"users": [{"id": one, "suspended": not self.people[one]} for one in names]} if names else {}
            if more:
                page["nextPageToken"] = str(at + 2)
        return web.json_response(self.change(page))


@pytest.fixture
async def directories() -> AsyncIterator[Directories]:
    made = Directories()
    application = web.Application()
    application.router.add_get("/{rest:.*}", made.answer)
    made.server = TestServer(application, host="127.0.0.1")
    await made.server.start_server()
    async with aiohttp.ClientSession() as http:
        made.http = http
        yield made
    await made.server.close()


async def _linked(school: School, *names: str) -> dict[str, account_list.Account]:
    made = {}
    for name in names:
        made[name] = await school.account(name)
        async with school.store.change() as change:
            await linked_identities.link(
                change, made[name].id, ISSUER, f"sub-{name}", f"id-{name}", actor="uid:0", now_us=school.now
            )
    return made


async def _active(school: School) -> set[str]:
    return {one.login for one in await account_list.all_accounts(school.store) if one.is_active}


@pytest.mark.parametrize("kind", ["graph", "google"])
async def test_who_left_or_was_disabled_is_disabled_here(school: School, directories: Directories, kind: str) -> None:
    people = await _linked(school, "alice", "bob", "carol", "dave", "erin")
    await school.account("local")
    opened = await school.session(people["bob"])
    directories.people = {f"id-{name}": name != "carol" for name in ("alice", "carol", "dave", "erin")}
    left = await leavers.disable_leavers(school.store, getattr(directories, kind)(), now_us=school.now)
    assert set(left) == {people["bob"].id, people["carol"].id}
    assert await _active(school) == {"alice", "dave", "erin", "local"}
    with pytest.raises(SessionEnded):
        await sessions.check(school.store, opened.token, school.now)
    entries = await school.entries("account.disabled")
    assert {(one["actor"], one["detail"]["why"]) for one in entries} == {("job:leavers", "left the directory")}
    assert await leavers.disable_leavers(school.store, getattr(directories, kind)(), now_us=school.now) == []


@pytest.mark.parametrize("kind", ["graph", "google"])
async def test_an_empty_directory_disables_no_account(
    small_school: School, directories: Directories, kind: str
) -> None:
    await _linked(small_school, "alice")
    for people in ({}, {"id-alice": False}):
        directories.people = dict(people)
        with pytest.raises(DirectoryUnusable, match="no active person"):
            await leavers.disable_leavers(
                small_school.store, getattr(directories, kind)(), now_us=small_school.now, accepts_many=True
            )
    assert await _active(small_school) == {"alice"}


async def test_many_leavers_at_once_wait_for_a_person(small_school: School, directories: Directories) -> None:
    names = [f"n{at}" for at in range(8)]
    await _linked(small_school, *names)
    directories.people = {"id-n0": True, "id-n1": True}
    with pytest.raises(DirectoryUnusable, match="6 of 8"):
        await leavers.disable_leavers(small_school.store, directories.graph(), now_us=small_school.now)
    assert await _active(small_school) == set(names)
    await leavers.disable_leavers(small_school.store, directories.graph(), now_us=small_school.now, accepts_many=True)
    assert await _active(small_school) == {"n0", "n1"}


@pytest.mark.parametrize(("said", "waits"), [("7", 7.0), ("100000", 60.0), ("soon", 5.0), ("-1", 0.0)])
async def test_a_busy_directory_is_asked_again_when_it_says(directories: Directories, said: str, waits: float) -> None:
    directories.people = {"a": True, "b": True, "c": True}
    directories.before = [lambda: web.json_response({}, status=429, headers={"Retry-After": said})] * 2
    assert await directories.graph().active_people() == {"a", "b", "c"}
    assert directories.waited == [waits] * 2


@pytest.mark.parametrize("kind", ["graph", "google"])
@pytest.mark.parametrize(
    "broken",
    [
        lambda: web.json_response({}, status=429),
        lambda: web.json_response({"value": [], "users": []}, status=500),
        lambda: web.json_response({"error": {"code": "x"}, "value": []}),
        lambda: web.json_response({"value": 7, "users": 7}),
        lambda: web.json_response({"value": [7], "users": [7]}),
        lambda: web.json_response({"value": [{"id": "a"}], "users": [{"id": "a"}]}),
        lambda: web.json_response({"value": [{"accountEnabled": True}], "users": [{"suspended": False}]}),
        lambda: web.Response(text="<html>"),
        lambda: web.json_response([]),
    ],
    ids=["busy", "status", "error", "number", "people", "no-state", "no-id", "html", "list"],
)
async def test_a_list_that_is_not_whole_is_no_list(
    directories: Directories, kind: str, broken: Callable[[], web.Response]
) -> None:
    directories.people = {"a": True, "b": True, "c": True}
    directories.before = [broken] * 5
    with pytest.raises(DirectoryUnusable):
        await getattr(directories, kind)().active_people()


async def test_a_list_that_breaks_off_at_its_second_page_disables_no_account(
    small_school: School, directories: Directories
) -> None:
    await _linked(small_school, "alice", "bob", "carol")
    directories.people = {f"id-{name}": True for name in ("alice", "bob", "carol")}
    pages = 0

    def broken(page: dict[str, Any]) -> dict[str, Any]:
        nonlocal pages
        pages += 1
        return {"error": "gone"} if pages == 2 else page

    directories.change = broken
    with pytest.raises(DirectoryUnusable, match="not whole"):
        await leavers.disable_leavers(small_school.store, directories.graph(), now_us=small_school.now)
    assert len(await _active(small_school)) == 3


async def test_the_token_is_not_sent_to_another_server(directories: Directories) -> None:
    directories.people = {"a": True}
    directories.change = lambda page: page | {"@odata.nextLink": "http://127.0.0.2:9/v1.0/users"}
    with pytest.raises(DirectoryUnusable, match="another server"):
        await directories.graph().active_people()


async def test_pages_without_end_are_given_up(directories: Directories, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leavers, "MOST_PAGES", 3)
    directories.people = {"a": True}
    directories.change = lambda page: page | {"nextPageToken": "0"}
    with pytest.raises(DirectoryUnusable, match="more than 3 pages"):
        await directories.google().active_people()


async def test_a_directory_that_is_away_is_named(directories: Directories) -> None:
    away = replace(directories.google(), base="http://127.0.0.1:9/")
    with pytest.raises(DirectoryUnusable, match="cannot be reached"):
        await away.active_people()
