"""Feeds as they come on a good day, and what a person does with them: choose, accept, look back, go back."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from tests.integration.conftest import Start
from tests.integration.feed_school import DAWN, School, lists_dir, names
from tests.integration.feed_server import FeedServer
from tests.integration.minisigning import Minisign
from tests.program.forked import ran
from typer.testing import CliRunner

from schoolgate._core import LogRow, log_write_sample
from schoolgate.cli.application import app
from schoolgate.cli.commands.list_history import diff
from schoolgate.errors import SchoolgateError
from schoolgate.lists import kept_serials as past
from schoolgate.lists.content_store import ContentStore
from schoolgate.lists.feed_book import FeedBook


@pytest.fixture(scope="module")
def server() -> Iterator[FeedServer]:
    with FeedServer() as serving:
        yield serving


@pytest.fixture
def school(tmp_path: Path, server: FeedServer) -> School:
    server.pages.clear()
    server.asked.clear()
    lists_dir(tmp_path / "lists")
    return School(tmp_path)


def ut1(**folders: str) -> bytes:
    """A tarball as University Toulouse Capitole makes them."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for folder, text in folders.items():
            for name, octets in (("domains", text.encode()), ("urls", b"example.com/page\n"), ("usage", b"black\n")):
                info = tarfile.TarInfo(f"blacklists/{folder}/{name}")
                info.size = len(octets)
                archive.addfile(info, io.BytesIO(octets))
    return packed.getvalue()


def test_what_has_not_changed_is_not_sent_again_even_to_another_process(school: School, server: FeedServer) -> None:
    server.conditional("/feed", names(100), '"one"')
    school.choose(url=server.url("/feed"))
    assert school.update().built is not None
    assert school.update().built is None
    first, second = (headers for path, headers in server.asked if path == "/feed")
    assert "If-None-Match" not in first
    assert second["If-None-Match"] == '"one"'
    assert second["If-Modified-Since"] == "Sat, 21 Nov 2026 04:10:00 GMT"
    assert school.state().good is not None
    assert school.state().good.confirmed_at == school.now  # type: ignore[union-attr]


def test_a_feed_that_is_not_due_is_left_alone(school: School, server: FeedServer) -> None:
    server.text("/feed", names(100))
    school.choose(url=server.url("/feed"), refresh_h=48)
    school.update()
    assert school.update().outcomes[0].kind == "not due"
    assert len(server.asked) == 1
    assert school.update(force=True).outcomes[0].kind == "unchanged"


def test_a_server_that_is_busy_is_asked_again_a_little_later(school: School, server: FeedServer) -> None:
    from dataclasses import replace

    from schoolgate.lists.fetch import Fetcher

    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 2:
            server.text("/feed", names(100))

    school.limits = replace(school.limits, attempts=3)
    school.fetcher = Fetcher(school.folder, pause=pause, chance=lambda: 0.5)
    server.text("/feed", "", status=503, Retry_After="7")
    school.choose(url=server.url("/feed"))
    assert school.update().exit_code == 0
    assert paused == [7.0, 7.0]


def test_a_school_behind_a_web_proxy_fetches_through_it(school: School, server: FeedServer) -> None:
    server.text("/feed", names(100))
    school.choose(url="http://lists.example.org/feed", allow_hosts=())
    assert school.update().outcomes[0].kind == "failed", "the name leads nowhere from here"
    school.proxy = server.url("/")
    assert school.update().exit_code == 0
    assert school.said_of("game-1.example.com") == {"games"}
    assert [headers["Host"] for _, headers in server.asked] == ["lists.example.org"]


def test_a_list_that_shrank_waits_for_a_person(school: School, server: FeedServer) -> None:
    server.text("/feed", names(500))
    school.choose(url=server.url("/feed"))
    school.update()
    server.text("/feed", names(100))
    report = school.update()
    assert (report.exit_code, report.outcomes[0].kind) == (3, "held")
    assert "--accept feed" in report.outcomes[0].message
    assert school.said_of("game-499.example.com") == {"games"}
    assert school.update(accept="feed").outcomes[0].kind == "changed"
    assert school.said_of("game-499.example.com") == set()
    assert school.state().failure is None


def test_the_age_of_a_failing_feed_is_the_age_of_what_is_in_use(school: School, server: FeedServer) -> None:
    server.text("/feed", names(100))
    school.choose(url=server.url("/feed"))
    school.update()
    server.text("/feed", "", status=500)
    school.now += dt.timedelta(days=3)
    school.update()
    status = orjson.loads((school.state_dir / "lists" / "status.json").read_bytes())
    (row,) = status["feeds"]
    assert row["condition"] == "failing"
    assert row["age_s"] == (dt.timedelta(days=3) + dt.timedelta(hours=2)).total_seconds()
    assert status["exit_code"] == 3


def test_an_archive_of_categories_is_translated_folder_by_folder(school: School, server: FeedServer) -> None:
    (school.folder / "lists" / "feeds.toml").write_text(
        '[publishers.them]\nname = "T"\nhomepage = "h"\nlicence = "L"\nattribution = "A"\n'
        '[[feed]]\nid = "them-all"\npublisher = "them"\nname = "All"\nurl = "https://lists.example.org/all.tar.gz"\n'
        'mapping = ["theirs"]\nrefresh_h = 24\nnames = 100\n'
    )
    tarball = ut1(jeux=names(60), paris=names(40, "bet"), cuisine=names(10, "cook"), examens="cheat.example.com\n")
    server.text("/all", tarball)
    school.choose("them-all", licence="L", category=None, url=server.url("/all"))
    report = school.update()
    assert report.exit_code == 0, report.outcomes
    assert school.said_of("game-1.example.com") == {"games"}
    assert school.said_of("bet-1.example.com") == {"gambling"}
    assert school.said_of("cook-1.example.com") == set(), "there is no category of ours for it"
    assert school.said_of("cheat.example.com") == set(), "a feed opens nothing"


def test_a_part_of_an_archive_that_vanished_is_noticed(school: School, server: FeedServer) -> None:
    school.choose(url=server.url("/all"), category="games")
    server.text("/all", ut1(one=names(500), two=names(100, "two")))
    school.update()
    server.text("/all", ut1(one=names(500)))
    assert "two/domains shrank from 100 names to 0" in school.update().outcomes[0].message


@pytest.mark.parametrize("hashed", [True, False])
def test_a_signed_feed_is_taken(hashed: bool, school: School, server: FeedServer) -> None:
    key = Minisign(1)
    server.text("/feed", names(100))
    server.text("/feed.minisig", key.sign(names(100).encode(), hashed=hashed))
    school.choose(url=server.url("/feed"), key=key.public)
    assert school.update().exit_code == 0


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        (None, "there is no signature"),
        ("<html>", "no minisign signature"),
        (Minisign(1).sign(b"another list"), "not what the publisher signed"),
        (Minisign(2).sign(names(100).encode()), "not with the configured"),
        (Minisign(1).sign(names(100).encode()).replace("1790000000", "1790000001"), "not what the publisher signed"),
    ],
)
def test_a_feed_with_a_key_and_no_right_signature_is_refused(
    signature: str | None, reason: str, school: School, server: FeedServer
) -> None:
    server.text("/feed", names(100))
    if signature is not None:
        server.text("/feed.minisig", signature)
    school.choose(url=server.url("/feed"), key=Minisign(1).public)
    report = school.update()
    assert report.exit_code == 3
    assert reason in report.outcomes[0].message


def test_credentials_go_to_the_feeds_own_host_and_nowhere_else(school: School, server: FeedServer) -> None:
    secret = school.folder / "secret"
    secret.write_text("Bearer of-good-news\n")
    with FeedServer() as elsewhere:
        elsewhere.text("/list", names(100))
        server.redirect("/feed", elsewhere.url("/list"))
        school.choose(url=server.url("/feed"), credential_file=str(secret))
        assert school.update().exit_code == 0
        assert server.asked[0][1]["Authorization"] == "Bearer of-good-news"
        assert "Authorization" not in elsewhere.asked[0][1]


def test_a_credential_in_the_address_is_written_nowhere(school: School, server: FeedServer) -> None:
    secret = school.folder / "secret"
    secret.write_text("s3cret")
    server.text("/s3cret/list", names(100))
    school.choose(url=server.url("/{credential}/list"), credential_file=str(secret))
    assert school.update().exit_code == 0
    for file in school.state_dir.rglob("*"):
        assert not file.is_file() or b"s3cret" not in file.read_bytes()


def test_files_and_folders_are_feeds_too(school: School) -> None:
    folder = school.folder / "mine"
    folder.mkdir()
    (folder / "a.hosts").write_text("".join(f"0.0.0.0 a-{n}.example.com\n" for n in range(20)))
    (folder / "b.txt.gz").write_bytes(gzip.compress(names(20, "b").encode()))
    school.choose("folder", path=str(folder))
    school.choose("file", path=str(folder / "a.hosts"), category="drugs")
    assert school.update().exit_code == 0
    assert school.said_of("a-1.example.com") == {"games", "drugs"}
    assert school.said_of("b-1.example.com") == {"games"}


def test_a_feed_that_is_switched_off_opens_what_it_closed(school: School, server: FeedServer) -> None:
    server.text("/feed", names(100))
    school.choose(url=server.url("/feed"))
    school.update()
    FeedBook(school.state_dir).remove("feed")
    assert school.update().built is not None
    assert school.said_of("game-1.example.com") == set()


def test_a_feed_that_comes_back_is_fetched_anew_and_its_failure_stops_no_other(
    school: School, server: FeedServer
) -> None:
    server.text("/feed", names(100))
    school.choose(url=server.url("/feed"))
    school.update()
    FeedBook(school.state_dir).remove("feed")
    for number in range(6):  # until no kept serial knows it
        server.text("/other", names(100, f"other-{number}"))
        school.choose("other", url=server.url("/other"))
        school.update()
    school.choose(url=server.url("/nowhere"))
    server.text("/other", names(100, "last"))
    assert school.update().exit_code == 3
    assert school.said_of("last-1.example.com") == {"games"}


def test_a_stored_list_that_was_damaged_is_fetched_again_and_never_left_out(school: School, server: FeedServer) -> None:
    server.conditional("/feed", names(100), '"one"')
    school.choose(url=server.url("/feed"))
    school.update()
    good = school.state().good
    assert good is not None
    stored = ContentStore(school.state_dir).path(good.parts[0].sha256)
    stored.write_text("tampered.example.com\n")
    saved = server.pages.pop("/feed")
    report = school.update()
    assert report.exit_code == 1, "without the list there is no snapshot"
    assert school.said_of("game-1.example.com") == {"games"}
    server.pages["/feed"] = saved
    assert school.update().exit_code == 0
    assert stored.read_text() == names(100)


def test_names_that_came_and_went_between_two_serials(school: School, server: FeedServer) -> None:
    server.text("/feed", names(100))
    school.choose(url=server.url("/feed"))
    school.update()
    server.text("/feed", names(100, start=1))
    school.update()
    found = past.difference(school.state_dir, 1, 2, 10)
    assert [one["name"] for one in found.added_names] == ["game-100.example.com"]
    assert [one["name"] for one in found.removed_names] == ["game-0.example.com"]
    assert (found.added, found.removed, found.lists) == (1, 1, ("feeds/feed has changed",))


def test_why_names_feed_line_and_date(school: School, server: FeedServer) -> None:
    server.text("/feed", "# Title: games\n" + names(100))
    school.choose(url=server.url("/feed"))
    school.update()
    serial, (line,) = past.why(school.state_dir, "www.game-7.example.com")
    assert (serial, line.feed, line.category, line.line) == (1, "feeds/feed", "games", 9)
    assert (line.rule, line.dated, line.origin) == ("game-7.example.com", school.now, server.url("/feed"))


def test_a_rollback_holds_until_it_is_lifted(school: School, server: FeedServer) -> None:
    from schoolgate.lists.history import History, PinFile

    server.text("/feed", names(100))
    school.choose(url=server.url("/feed"))
    school.update()
    server.text("/feed", names(120))
    school.update()
    assert past.rollback(school.state_dir, None, "ada", school.now) == 1
    server.text("/feed", names(140))
    report = school.update()
    assert (report.built, school.serial()) == (None, 1)
    assert "pinned to serial 1 by ada" in report.problems[0]
    assert PinFile(school.state_dir).lift()
    assert school.update().built is not None
    assert school.said_of("game-139.example.com") == {"games"}
    assert [event.what for event in History(school.state_dir).read()][2] == "rolled back"


def test_only_the_kept_serials_and_their_lists_stay_on_disk(school: School, server: FeedServer) -> None:
    from schoolgate.lists.snapshots import KEPT

    school.choose(url=server.url("/feed"))
    for number in range(KEPT + 2):
        server.text("/feed", names(100, start=number))
        school.update()
    folder = school.state_dir / "lists"
    assert len([*folder.glob("*.manifest.json")]) == KEPT
    stored = [path for path in (folder / "store").iterdir() if b"game-" in path.read_bytes()]
    assert len(stored) == KEPT


def test_the_commands_from_choosing_to_rolling_back(school: School, server: FeedServer, tmp_path: Path) -> None:
    config = tmp_path / "schoolgate.toml"
    config.write_text(f'[server]\nstate_dir = "{school.state_dir}"\n[lists]\ndir = "{tmp_path / "lists"}"\n')
    server.text("/games.txt", names(100))

    def run(*arguments: str, code: int = 0) -> str:
        line = [*arguments, "--config", str(config)]
        done = ran(line, timeout=120, env=os.environ | {"COLUMNS": "200"})
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    url = server.url("/games.txt")
    assert "not https" in run("feeds", "add", url, "--category", "games", code=1)
    assert "did you mean games" in run("feeds", "add", url, "--category", "game", "--allow-http", code=1)
    assert "opens names" in run("feeds", "add", url, "--category", "exams", "--allow-http", code=1)
    refused = run("feeds", "add", url, "--category", "games", "--allow-http", code=1)
    assert "this machine's own" in refused
    assert "nothing was added" in refused
    assert run("feeds", "list", "--in-use").split() == ["feed", "state", "names", "age", "category", "licence"]
    run("feeds", "add", url, "--category", "games", "--allow-http", "--unchecked")
    assert "this machine's own" in run("lists", "update", code=3)
    run("feeds", "remove", "games")
    run("feeds", "add", url, "--category", "games", "--allow-http", "--allow-host", "127.0.0.1", "--refresh-h", "1")
    assert "100 names" in run("lists", "update")
    server.text("/games.txt", names(110))
    events = [orjson.loads(line) for line in run("lists", "update", "games", "--events").splitlines()]
    assert [event["step"] for event in events if event["feed"] is None][-1] == "publishing"
    assert "in force" in run("lists", "history")
    assert "+ game-109.example.com" in run("lists", "diff", "1", "2") + run("lists", "diff", "2", "3")
    assert "feeds/games: game-5.example.com" in run("lists", "why", "game-5.example.com")
    assert "pinned" in run("lists", "rollback")
    assert "pinned" in run("lists", "update")
    run("lists", "unpin")
    assert "games" in run("feeds", "list", "--in-use")
    assert "ok" in run("feeds", "show", "games")
    run("feeds", "disable", "games")
    assert "off" in run("feeds", "list")


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("<!DOCTYPE html><html><body>Please sign in</body></html>\n" * 50, (), "page"),
        ("", (), "empty"),
        (names(100), ("--dialect", "hots"), "hots"),
        (names(100), ("--key", "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"), "there is no"),
    ],
)
def test_what_an_update_would_refuse_is_refused_when_it_is_added(
    school: School, text: str, more: tuple[str, ...], said: str
) -> None:
    config = school.folder / "schoolgate.toml"
    config.write_text(f'[server]\nstate_dir = "{school.state_dir}"\n[lists]\ndir = "{school.folder / "lists"}"\n')
    (school.folder / "games.txt").write_text(text)
    command = ["feeds", "add", str(school.folder / "games.txt"), "--category", "games", *more]
    run = CliRunner().invoke(app, [*command, "--config", str(config)])
    assert isinstance(run.exception, SchoolgateError)
    assert said in str(run.exception)
    assert not FeedBook(school.state_dir).read()
    assert not (school.state_dir / "lists").exists(), "a trial keeps nothing"


def test_a_licence_is_shown_before_it_can_be_accepted(school: School, tmp_path: Path) -> None:
    from schoolgate.cli.commands import feeds

    (school.folder / "lists" / "feeds.toml").write_text(
        '[publishers.them]\nname = "T"\nhomepage = "h"\nlicence = "CC BY-SA 4.0"\nattribution = "A"\n'
        '[[feed]]\nid = "them-x"\npublisher = "them"\nname = "X"\nurl = "https://lists.example.org/x"\n'
        'category = "games"\nrefresh_h = 24\nnames = 100\n'
    )
    config = tmp_path / "schoolgate.toml"
    config.write_text(f'[server]\nstate_dir = "{school.state_dir}"\n[lists]\ndir = "{tmp_path / "lists"}"\n')
    with pytest.raises(feeds.LicenceNotAccepted, match="accept-licence"):
        feeds.enable(config, "them-x", False, feeds.terms_of())
    assert not FeedBook(school.state_dir).read()
    feeds.enable(config, "them-x", True, feeds.terms_of())
    assert FeedBook(school.state_dir).read()["them-x"].licence == "CC BY-SA 4.0"
    assert school.now == DAWN


def test_an_update_is_in_force_in_the_running_service(start: Start, tmp_path: Path) -> None:
    serving = start()
    (tmp_path / "bets.txt").write_text(names(100, "bet"))

    def run(*arguments: str) -> str:
        done = ran([*arguments, "--config", str(serving.config)], timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("feeds", "add", str(tmp_path / "bets.txt"), "--category", "gambling")
    assert "now decides by serial 2" in run("lists", "update")
    told = serving.control("status")
    assert told["lists"]["serial"] == 2
    assert told["lists"]["update"]["feeds"][0]["condition"] == "ok"
    assert "now decides by serial 1" in run("lists", "rollback")
    assert serving.control("status")["lists"]["serial"] == 1


def test_a_difference_says_what_was_asked_for_and_shows_it_first(
    school: School, server: FeedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.text("/feed", names(100))
    school.choose(url=server.url("/feed"))
    school.update()
    server.text("/feed", names(110))
    school.update()
    now_us = int(dt.datetime.now(dt.UTC).timestamp()) * 1_000_000
    row = LogRow(
        now_us, "192.0.2.1", "pupils", "pupil", 1, "udp", "www.game-107.example.com", None, 1, 3, "deny", "category",
        "games", "feed", 1, "policy", 5,
    )  # fmt: skip
    log_write_sample(school.state_dir / "log" / "wal", "ordinary", 1, [row, row])
    config = school.folder / "schoolgate.toml"
    config.write_text(f'[server]\nstate_dir = "{school.state_dir}"\n[lists]\ndir = "{school.folder / "lists"}"\n')
    diff(config, 1, 2, 3, as_json=False)
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("+ game-")]
    assert shown[0] == "+ game-107.example.com  games, feeds/feed, asked for 2 times in 7 days"
    assert len(shown) == 3
