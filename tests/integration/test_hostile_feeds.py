"""Feeds that are broken, bought or taken over: the last good list stays, the reason is said, and it ends soon."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.feed_school import DAWN, School, lists_dir, names
from tests.integration.feed_server import FeedServer

from schoolgate.lists.fetch import Fetcher
from schoolgate.lists.snapshots import SnapshotStore

GOOD = names(200)
HTML = "<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body><form>...</form></body></html>\n"


@pytest.fixture(scope="module")
def server() -> Iterator[FeedServer]:
    with FeedServer() as serving:
        yield serving


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, server: FeedServer) -> Path:
    """A school whose feed was good yesterday."""
    folder = tmp_path_factory.mktemp("school")
    lists_dir(folder / "lists")
    school = School(folder)
    server.text("/feed", GOOD, ETag='"yesterday"')
    school.choose(url=server.url("/feed"))
    assert school.update().exit_code == 0
    return folder


@pytest.fixture
def school(template: Path, tmp_path: Path, server: FeedServer) -> School:
    folder = tmp_path / "school"
    shutil.copytree(template, folder, symlinks=True)
    server.pages.clear()
    server.asked.clear()
    server.redirect("/redirect", "/feed")
    return School(folder, now=DAWN + dt.timedelta(hours=2))


def _answer(body: bytes, *headers: str) -> bytes:
    """An HTTP answer as it stands on the wire."""
    return "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: text/plain", *headers, "", ""]).encode() + body


def _tar_that_is_cut() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        info = tarfile.TarInfo("blacklists/jeux/domains")
        info.size = len(GOOD)
        archive.addfile(info, io.BytesIO(GOOD.encode()))
    return packed.getvalue()[:2048]


def _zip_of(name: str, octets: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, octets)
    return packed.getvalue()


def _matryoshka() -> bytes:
    octets = GOOD.encode()
    for _ in range(6):
        octets = gzip.compress(octets)
    return octets


Serve = Callable[[FeedServer], None]
OWN = "sign-in.example.org\nschool.example.org\nwww.school.example.org\nboard.example.org\n"
PROTECTED = OWN + "".join(f"host-{n}.updates.example.org\n" for n in range(20)) + GOOD

HOSTILE: dict[str, tuple[Serve, str]] = {
    "truncated": (lambda s: s.raw("/feed", _answer(GOOD[:900].encode(), "Content-Length: 4090")), "cut the answer off"),
    "chunks cut": (
        lambda s: s.raw("/feed", _answer(b"400\r\nhalf.example.com\n", "Transfer-Encoding: chunked")),
        "cut the answer off",
    ),
    "reset": (
        lambda s: s.raw("/feed", _answer(b"a.example.com\n", "Content-Length: 9000"), reset=True),
        "cut the answer",
    ),
    "closed at once": (lambda s: s.raw("/feed", b""), "cannot be reached"),
    "no HTTP": (lambda s: s.raw("/feed", b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "does not speak HTTP"),
    "gzip cut": (
        lambda s: s.text("/feed", gzip.compress(GOOD.encode())[:-20], Content_Encoding="gzip"),
        "cut off or damaged inside",
    ),
    "gzip file cut": (lambda s: s.text("/feed", gzip.compress(GOOD.encode())[:-20]), "cut off or damaged inside"),
    "gzip bomb": (lambda s: s.text("/feed", gzip.compress(b"0" * 8_000_000)), "it is a bomb"),
    "gzip bomb on the way": (
        lambda s: s.text("/feed", gzip.compress(b"0" * 8_000_000), Content_Encoding="gzip"),
        "it is a bomb",
    ),
    "zip bomb": (lambda s: s.text("/feed", _zip_of("list.txt", b"0" * 8_000_000)), "it is a bomb"),
    "archives in archives": (lambda s: s.text("/feed", _matryoshka()), "archive in an archive"),
    "tar cut": (lambda s: s.text("/feed", _tar_that_is_cut()), "cut off"),
    "endless": (lambda s: s.endless("/feed", b"endless.example.com\n" * 1000), "it has no end"),
    "larger than a feed": (lambda s: s.raw("/feed", _answer(b"", "Content-Length: 99999999")), "99999999 octets"),
    "hanging before the answer": (lambda s: s.raw("/feed", b"", hang=True), "silent or too slow"),
    "hanging in the body": (
        lambda s: s.raw("/feed", _answer(b"a.example.com\n", "Content-Length: 9000"), hang=True),
        "silent or too slow",
    ),
    "huge header": (lambda s: s.raw("/feed", _answer(b"", f"X-Padding: {'x' * 100_000}")), "does not speak HTTP"),
    "a thousand headers": (
        lambda s: s.raw("/feed", _answer(b"", *(f"X-{number}: x" for number in range(1000)))),
        "does not speak HTTP",
    ),
    "one huge line": (lambda s: s.text("/feed", "x" * 200_000), "no known list dialect|cannot be read"),
    "empty": (lambda s: s.text("/feed", ""), "it is empty"),
    "blank": (lambda s: s.text("/feed", "\n \n\t\n" * 100), "it is empty|no name"),
    "comments only": (lambda s: s.text("/feed", "# Title: nothing today\n" * 50), "no known list dialect|no name"),
    "login page": (lambda s: s.text("/feed", HTML, Content_Type="text/html; charset=utf-8"), "text/html came"),
    "login page as text": (lambda s: s.text("/feed", "\n\n" + HTML), "web page"),
    "page with names": (lambda s: s.text("/feed", HTML + GOOD), "web page"),
    "404 with a list": (lambda s: s.text("/feed", GOOD, status=404), "404.*the list is gone"),
    "500 with a list": (lambda s: s.text("/feed", GOOD, status=500), "500"),
    "403": (lambda s: s.text("/feed", "", status=403), "403.*credentials"),
    "206": (lambda s: s.text("/feed", GOOD, status=206), "206"),
    "one line": (lambda s: s.text("/feed", "game-1.example.com\n"), "shrank from 200 names to 1"),
    "shrunk": (lambda s: s.text("/feed", names(90)), "shrank from 200 names to 90"),
    "grown 50 times": (lambda s: s.text("/feed", names(10_000)), "grew from 200 names to 10000"),
    "whole suffixes only": (lambda s: s.text("/feed", "*.com\n||com^\n.\nco.uk\n"), "no name that can be used"),
    "whole suffixes among names": (
        lambda s: s.text("/feed", "".join(f"{a}{b}\n" for a in "abcdefgh" for b in "abcdefgh") + GOOD),
        "whole suffixes",
    ),
    "the school's own services": (
        lambda s: s.text("/feed", PROTECTED),
        "24 lines for names that must stay open are left out: board",
    ),
    "binary": (lambda s: s.text("/feed", bytes(range(256)) * 40), "not text|cannot be read|no name"),
    "an image": (lambda s: s.text("/feed", GOOD, Content_Type="image/png"), "image/png came"),
    "brotli unasked": (lambda s: s.text("/feed", GOOD, Content_Encoding="br"), "packed as br"),
    "junk": (lambda s: s.text("/feed", "not a name at all, really\n" * 300 + GOOD), "lines not read"),
    "redirect to file": (lambda s: s.redirect("/feed", "file:///etc/passwd"), "points to file"),
    "redirect to ftp": (lambda s: s.redirect("/feed", "ftp://192.0.2.1/list"), "points to ftp"),
    "redirect to ourselves": (lambda s: s.redirect("/feed", "http://[::1]:5300/"), "this machine's own"),
    "redirect to a number": (lambda s: s.redirect("/feed", "http://2130706433/"), "nothing is fetched|cannot be"),
    "redirect to localhost": (lambda s: s.redirect("/feed", "http://localhost:1/"), "this machine's own"),
    "redirect to mapped": (lambda s: s.redirect("/feed", "http://[::ffff:127.0.0.1]:1/"), "nothing is fetched"),
    "redirect to the metadata": (lambda s: s.redirect("/feed", "http://169.254.169.254/latest/"), "is link-local"),
    "redirect to a neighbour": (lambda s: s.redirect("/feed", "http://10.0.0.1/"), "is private"),
    "redirect with a password": (lambda s: s.redirect("/feed", "http://a:b@example.com/"), "with a password"),
    "redirect nowhere": (lambda s: s.redirect("/feed", ""), "without saying where"),
    "redirect loop": (lambda s: s.redirect("/feed", "/redirect"), "more than 5 redirects"),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_feed_leaves_the_last_good_and_says_why(hostile: str, school: School, server: FeedServer) -> None:
    serve, reason = HOSTILE[hostile]
    before = school.state().good
    assert before is not None
    serve(server)
    if hostile.startswith("hanging"):
        school.limits = replace(school.limits, silent_s=0.3)
    report = school.update()
    (outcome,) = report.outcomes
    assert (report.exit_code, outcome.kind) in ((3, "failed"), (3, "held"))
    assert re.search(reason, outcome.message), outcome.message
    state = school.state()
    assert state.good == before, "its true age goes on"
    assert state.failure == outcome.message
    assert state.failing_since == school.now
    assert school.serial() == report.serial == 1
    assert not (school.state_dir / "lists" / "fetching").exists(), "nothing is left lying about"


def test_the_last_good_still_closes_after_all_of_it(school: School, server: FeedServer) -> None:
    server.text("/feed", HTML)
    school.update()
    assert school.said_of("www.game-7.example.com") == {"games"}
    assert SnapshotStore(school.state_dir).serials() == (1,)


def test_a_dripping_server_is_left_by_the_clock(school: School, server: FeedServer) -> None:
    ticks = iter(range(0, 10_000_000, 3600))
    school.fetcher = Fetcher(school.folder, clock=lambda: float(next(ticks)))
    server.endless("/feed", b"drip.example.com\n")
    (outcome,) = school.update().outcomes
    assert "it drips" in outcome.message


def test_a_server_that_says_unchanged_to_the_first_question_is_not_believed(school: School, server: FeedServer) -> None:
    server.text("/other", "", status=304)
    school.choose("other", url=server.url("/other"))
    server.text("/feed", GOOD)
    outcomes = {one.feed: one for one in school.update().outcomes}
    assert '"not modified", and nothing was there before' in outcomes["other"].message
    assert outcomes["feed"].kind == "unchanged"


def test_an_etag_that_lies_is_believed_for_a_week_only(school: School, server: FeedServer) -> None:
    """The same ETag for other content: found when the whole is asked for again."""
    server.conditional("/feed", names(200, "new"), '"yesterday"')
    assert school.update().outcomes[0].kind == "unchanged"
    school.now += dt.timedelta(days=8)
    assert school.update().outcomes[0].kind == "changed"
    assert school.said_of("new-3.example.com") == {"games"}


def test_an_etag_that_never_repeats_makes_no_news(school: School, server: FeedServer) -> None:
    server.text("/feed", GOOD, ETag='"today"')
    report = school.update()
    assert (report.outcomes[0].kind, report.built) == ("unchanged", None)
    assert school.state().good is not None
    assert school.state().good.etag == '"today"'  # type: ignore[union-attr]


def test_mixed_encodings_and_homoglyphs_cost_their_lines_only(school: School, server: FeedServer) -> None:
    strange = "g\u0430me-homoglyph.example.com\nbücher.example.com\nxn--bcher-kva.example.net\nGAME-UP.EXAMPLE.COM.\n"
    body = GOOD.encode() + strange.encode() + "caf\xe9.example.com\n".encode("latin-1") + b"\xff\xfe\x00bad\n"
    server.text("/feed", body)
    assert school.update().outcomes[0].kind == "changed"
    assert school.said_of("xn--bcher-kva.example.com") == {"games"}
    assert school.said_of("game-up.example.com") == {"games"}
    assert school.said_of("game-homoglyph.example.com") == set(), "the Latin name is another name"


def test_a_list_of_two_shapes_and_one_in_utf16_lose_no_line(school: School, server: FeedServer) -> None:
    server.text("/feed", GOOD + "0.0.0.0 hosts.example.com\n||filter.example.com^$popup\n*.wild.example.com # x\n")
    assert school.update().exit_code == 0
    for name in ("game-7.example.com", "hosts.example.com", "a.filter.example.com", "wild.example.com"):
        assert school.said_of(name) == {"games"}
    server.text("/feed", (GOOD + "utf16.example.com\n").encode("utf-16"))
    assert school.update().exit_code == 0
    assert school.said_of("utf16.example.com") == {"games"}


def test_lines_that_no_shape_fits_are_counted_and_many_of_them_wait_for_a_person(
    school: School, server: FeedServer
) -> None:
    noise = "what is this\n"
    server.text("/feed", GOOD + noise * 5)
    report = school.update()
    missed = report.outcomes[0].state.good
    assert missed is not None
    assert missed.unread is not None
    assert (missed.unread.lines, missed.unread.of, missed.unread.reasons) == (5, 205, {"malformed": 5})
    assert school.state().warnings == ("5 of 205 lines not read (malformed, such as line:201: what is this)",)
    server.text("/feed", GOOD + noise * 100)
    held = school.update().outcomes[0]
    assert (held.kind, held.message.split(" (")[0]) == ("held", "100 of 300 lines not read")
    assert school.update(accept="feed").exit_code == 0
    server.text("/feed", GOOD + "another.example.com\n" + noise * 100)
    assert school.update().exit_code == 0, "what a person has accepted is not asked again"


def test_a_few_wide_rules_are_left_out_and_reported(school: School, server: FeedServer) -> None:
    server.text("/feed", "com\nco.uk\n*.org\n" + GOOD)
    report = school.update()
    assert report.exit_code == 0
    assert any("left out" in warning for warning in school.state().warnings)
    assert school.said_of("example.co.uk") == school.said_of("www.example.org") == set()


def test_a_feed_cannot_close_a_protected_name_or_reach_it_from_above(school: School, server: FeedServer) -> None:
    server.text("/feed", "school.example.org\nexample.org\n" + GOOD)
    assert school.update().exit_code == 0
    assert school.said_of("shop.example.org") == {"games"}
    for name in ("www.school.example.org", "sign-in.example.org"):
        assert school.said_of(name) == set()
    assert school.said_of("board.example.org") == {"exams"}


def test_one_protected_name_costs_a_feed_that_name_and_a_jump_of_them_is_lifted_by_a_person(
    school: School, server: FeedServer
) -> None:
    server.text("/feed", "www.must-be-open.example.net\nsign-in.example.org\n" + names(200, "new"))
    assert school.update().exit_code == 0
    assert school.said_of("new-3.example.com") == {"games"}
    kept_open = school.state().good.left_out  # type: ignore[union-attr]
    assert kept_open is not None
    assert (kept_open.lines, kept_open.names) == (1, ("sign-in.example.org",))
    server.text("/feed", PROTECTED)
    assert school.update().outcomes[0].kind == "held"
    assert school.update(accept="feed").exit_code == 0
    kept_open = school.state().good.left_out  # type: ignore[union-attr]
    assert kept_open is not None
    assert len(kept_open.names) == kept_open.lines == 24
    assert school.said_of("host-3.updates.example.org") == set()


def test_a_name_that_must_be_open_is_left_out_of_a_feed_and_the_rest_goes_on(
    school: School, server: FeedServer
) -> None:
    server.text("/feed", "must-be-open.example.net\n" + GOOD)
    server.text("/drugs", names(100, "drug"))
    server.text(
        "/bad", "||must-be-open.example.net^$important\n||www.must-be-open.example.net^$important\n" + names(100, "bad")
    )
    school.choose("drugs", url=server.url("/drugs"), category="drugs")
    school.choose("bad", url=server.url("/bad"), category="malware")
    report = school.update()
    kinds = {one.feed: one.kind for one in report.outcomes}
    assert kinds == {"bad": "changed", "drugs": "changed", "feed": "changed"}
    assert report.exit_code == 0
    assert school.said_of("drug-1.example.com") == {"drugs"}
    assert "malware" not in school.said_of("www.must-be-open.example.net")
    assert "malware" in school.said_of("mail.must-be-open.example.net"), "what is beside it stays closed"
    assert school.said_of("bad-1.example.com") == {"malware"}
    assert "games" in school.said_of("www.must-be-open.example.net"), "a game is no harm"
    kept_open = school.state("bad").good.left_out  # type: ignore[union-attr]
    assert kept_open is not None
    assert kept_open.names == ("www.must-be-open.example.net",)
