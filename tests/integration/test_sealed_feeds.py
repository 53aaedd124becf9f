"""Sealed lists fetched from their supplier: with credentials, never on disk; what fails leaves the last good one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from tests.integration.conftest import Start
from tests.integration.feed_server import FeedServer
from tests.integration.policies import POLICY
from tests.integration.serving import Serving, reasons, texts

ENTRY = "unmistakable-fetched.example.org"
LIST = f"{ENTRY}\nother.example.net\nthird.example.net\nhttps://shared.example.org/page\n"
SECRET = "Bearer c2VjcmV0"
CENSORED = [(16, None)]


@pytest.fixture
def supplier() -> Iterator[FeedServer]:
    with FeedServer() as server:
        yield server


def publish(supplier: FeedServer, text: str, kind: str = "text/plain") -> None:
    """The list, for those who have the secret."""

    async def page(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != SECRET:
            return web.Response(status=401, text="who are you?")
        return web.Response(text=text, content_type=kind)

    supplier.pages["/list"] = page


def settings(supplier: FeedServer, path: str = "/list") -> str:
    return (
        f'[[sealed.feeds]]\nsupplier = "iwf"\nurl = "{supplier.url(path)}"\nauthorization_file = "credentials"\n'
        'allow_http = true\nallow_hosts = ["127.0.0.1"]\n'
    )


@pytest.fixture
def school(start: Start, supplier: FeedServer) -> Serving:
    publish(supplier, LIST)
    school = start(policy=POLICY, settings=settings(supplier))
    give_credentials(school, SECRET)
    return school


def give_credentials(school: Serving, text: str, mode: int = 0o600) -> Path:
    path = school.folder / "credentials"
    path.write_text(text + "\n", encoding="ascii")
    path.chmod(mode)
    return path


def is_sealed(school: Serving) -> bool:
    return reasons(school.ask(f"www.{ENTRY}")) == CENSORED


def test_a_list_is_fetched_and_in_force_and_nothing_of_it_is_on_disk(school: Serving) -> None:
    assert texts(school.ask(ENTRY)), "open before"
    run = school.cli("sealed", "update")
    assert run.returncode == 0, run.stderr
    assert "3 of 4 entries are enforced" in run.stdout
    assert "decides by it now" in run.stdout
    assert is_sealed(school)
    files = [path for path in school.folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if ENTRY.encode() in path.read_bytes()]


def test_each_update_of_the_lists_fetches_it_too(school: Serving) -> None:
    run = school.cli("lists", "update")
    assert run.returncode == 0, run.stderr
    assert is_sealed(school)
    first = school.control("status")["sealed"]["serial"]
    assert school.cli("lists", "update").returncode == 0
    assert school.control("status")["sealed"]["serial"] > first, "as young as its last fetch"


def test_wrong_credentials_leave_the_last_good_list_and_are_said(school: Serving) -> None:
    assert school.cli("sealed", "update").returncode == 0
    give_credentials(school, "Bearer wrong")
    run = school.cli("sealed", "update")
    assert run.returncode == 3
    assert "wants credentials" in run.stderr
    assert "the last good one stays" in run.stderr
    assert is_sealed(school)
    assert any("not renewed" in problem for problem in school.control("status")["problems"])
    assert SECRET not in school.said() + run.stderr + run.stdout
    give_credentials(school, SECRET)
    assert school.cli("lists", "update").returncode == 0
    assert not any("not renewed" in problem for problem in school.control("status")["problems"])


@pytest.mark.parametrize(
    ("body", "kind", "why"),
    [
        ("<html>log in</html>", "text/html", "text/html came"),
        ("", "text/plain", "no entry that DNS can enforce"),
        ("other.example.net\n", "text/plain", "Ask iwf whether the file is whole"),
    ],
    ids=["login page", "empty", "shrunk"],
)
def test_what_is_no_whole_list_is_not_taken(
    school: Serving, supplier: FeedServer, body: str, kind: str, why: str
) -> None:
    assert school.cli("sealed", "update").returncode == 0
    publish(supplier, body, kind)
    run = school.cli("sealed", "update")
    assert run.returncode == 3
    assert why in run.stderr
    assert is_sealed(school)


def test_credentials_that_others_may_read_are_refused(school: Serving) -> None:
    give_credentials(school, SECRET, mode=0o644)
    run = school.cli("sealed", "update")
    assert run.returncode == 3
    assert "chmod 600" in run.stderr


def test_a_redirect_does_not_get_the_credentials(school: Serving, supplier: FeedServer) -> None:
    with FeedServer() as elsewhere:
        elsewhere.text("/list", LIST)

        async def page(_: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": elsewhere.url("/list")})

        supplier.pages["/list"] = page
        assert school.cli("sealed", "update").returncode == 0
        assert [headers.get("Authorization") for _, headers in elsewhere.asked] == [None]


def test_without_a_feed_it_says_where_to_name_one(start: Start) -> None:
    run = start(policy=POLICY).cli("sealed", "update")
    assert run.returncode == 0
    assert "[[sealed.feeds]]" in run.stdout
