"""No feed's broad category closes a platform that schools work with; everything of the school's own still may."""

from __future__ import annotations

import datetime as dt
import gzip
import os
import tarfile
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from schoolgate._core import registrable_domain
from schoolgate.checks import run
from schoolgate.checks.deciding import Decided, Judge
from schoolgate.config import Settings, parse
from schoolgate.config.problems import InputRefused
from schoolgate.lists.build import build
from schoolgate.lists.feed_book import ChosenFeed, FeedBook
from schoolgate.lists.kept_serials import why
from schoolgate.lists.left_out import read_left_out
from schoolgate.lists.platforms import read_platforms
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.lists.update import Updater, Wish
from schoolgate.policy import load_catalogue
from schoolgate.policy.active_policy import compile_active_policy, read_ground, read_policy

ROOT = Path(__file__).resolve().parents[3]
LISTS = ROOT / "lists"
# Real names that others publish; see benchmarks/README.md.
UT1 = Path(os.environ.get("SCHOOLGATE_BENCH_DATA", ROOT.parent / "shared" / "data")) / "ut1.tar.gz"
NOW = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
TEMPLATES = sorted((LISTS / "policies").glob("*.toml"))

# What UT1 lists, in its own folders, and a school loses by it.
LOST = {
    "webmail": ["office365.com", "mail.google.com", "login.live.com", "outlook.com"],
    "chat": ["teams.microsoft.com", "skype.com", "msedge.net", "msecnd.net"],
    "doh": ["apple-dns.net"],
    "games": [
        *("apps.apple.com", "is1-ssl.mzstatic.com", "minecrafteduservices.com", "games.example.org"),
        *("tencent.com", "helpshift.com", "logitechg.com"),
    ],
    "filehosting": ["storage.live.com", "files.example.org"],
    "remote-control": ["webex.com"],
    "stalkerware": ["aniview.com", "spy.example.org"],
    "phishing": ["tenant.sharepoint.com"],
    "audio-video": ["youtube.com", "googlevideo.com", "video.example.org"],
    "shortener": ["goo.gl", "app.link", "short.example.org"],
    "publicite": ["aadrm.com", "lpsnmedia.net", "ads.example.org"],
    "social_networks": ["tripadvisor.com"],
    "dynamic-dns": ["aliyuncs.com"],
    "dating": ["eskimi.com"],
}
OURS = {
    "webmail": "webmail",
    "chat": "messaging",
    "doh": "circumvention-encrypted-dns",
    "games": "games",
    "filehosting": "file-sharing",
    "remote-control": "remote-access",
    "stalkerware": "stalkerware",
    "phishing": "phishing",
    "audio-video": "streaming",
    "shortener": "url-shorteners",
    "publicite": "advertising",
    "social_networks": "social",
    "dynamic-dns": "dynamic-dns",
    "dating": "dating",
}
PLATFORM_NAMES = [
    "outlook.office365.com", "mail.google.com", "login.live.com", "teams.microsoft.com", "config.edge.skype.com",
    "az416426.vo.msecnd.net", "setup.fe2.apple-dns.net", "apps.apple.com", "is1-ssl.mzstatic.com", "storage.live.com",
    "meet.webex.com", "school.protection.outlook.com", "time1.cloud.tencent.com", "api.helpshift.com",
    "updates.ghub.logitechg.com", "maps.app.goo.gl", "classdojo.app.link", "api.aadrm.com", "accdn.lpsnmedia.net",
    "www.tripadvisor.com", "oss-eu-central-1.aliyuncs.com", "ittpx.eskimi.com",
]  # fmt: skip
# Beside a platform and no part of it: a feed goes on closing these.
NO_PLATFORM = [
    "games.example.org", "files.example.org", "spy.example.org", "tenant.sharepoint.com", "short.example.org",
    "ads.example.org",
]  # fmt: skip

School = Callable[..., tuple[Settings, dict[str, Judge]]]


@pytest.fixture
def school(tmp_path: Path) -> School:
    """A school with the shipped lists and one feed for each of `feeds`, and a judge for each shipped policy."""

    def make(
        feeds: Mapping[str, tuple[str, list[str]]], policies: Mapping[str, str] | None = None, lists: str = ""
    ) -> tuple[Settings, dict[str, Judge]]:
        (tmp_path / "policy.toml").write_text(TEMPLATES[0].read_text(encoding="utf-8"), encoding="utf-8")
        text = (
            f'[server]\nstate_dir = "{tmp_path / "state"}"\n[policy]\nfile = "policy.toml"\n[lists]\ndir = "{LISTS}"\n'
            f"{lists}\n"
        )
        settings = parse(text, "schoolgate.toml", folder=tmp_path)
        (tmp_path / "state").mkdir(exist_ok=True)
        book = FeedBook(settings.server.state_dir)
        for feed, (category, names) in feeds.items():
            path = tmp_path / f"{feed}.txt"
            path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
            book.add(ChosenFeed(id=feed, added_at=NOW, path=str(path), category=category))
        if feeds:
            report = Updater(settings, lambda _: None).update(Wish(), NOW)
            assert report.exit_code == 0, report
        else:
            build(settings)
        chosen = policies or {path.stem: path.read_text(encoding="utf-8") for path in TEMPLATES}
        return settings, {name: judge_of(settings, policy) for name, policy in chosen.items()}

    return make


def judge_of(settings: Settings, policy: str) -> Judge:
    ground = read_ground(settings, "schoolgate.toml")
    active = compile_active_policy(read_policy(policy, "policy.toml", ground), ground, 1, NOW)
    return Judge(active.compiled.description, SnapshotStore(settings.server.state_dir).open_best().snapshot, None)


def decide(judge: Judge, policy: str, name: str) -> Decided:
    return judge.decide(next(one for one in judge.policies if str(one) == policy), name)


def as_feeds() -> dict[str, tuple[str, list[str]]]:
    return {f"like-{theirs.replace('_', '-')}": (OURS[theirs], names) for theirs, names in LOST.items()}


def closed(judge: Judge, names: list[str]) -> dict[str, str]:
    found = {}
    for policy in (one for one in judge.policies if not one.is_allow_list_only):
        for name in names:
            decided = judge.decide(policy, name)
            if not decided.is_open:
                found[f"{name} under {policy}"] = f"{decided.feed}: {decided.category}"
    return found


# ---- The file ----


def test_the_file_reads_and_each_platform_says_why_and_where_from() -> None:
    platforms = read_platforms(LISTS)
    assert len(platforms.names()) > 400
    raw = tomllib.loads((LISTS / "platforms.toml").read_text(encoding="utf-8"))
    assert {source for row in raw["platform"] for source in row["sources"]} == raw["sources"].keys()
    ids = [row.id for row in platforms.rows]
    assert len(ids) == len(set(ids))
    assert all(row.why.endswith(".") for row in platforms.rows)
    names = [name for row in platforms.rows for name in row.names]
    assert sorted(names) == sorted(set(names))


def test_only_what_is_compromised_is_believed() -> None:
    roles = {one.id: one.role for one in load_catalogue(LISTS).categories.values()}
    believed = read_platforms(LISTS).believed
    assert {roles[one] for one in believed} == {"threat"}
    assert believed >= {"malware", "phishing", "command-and-control"}
    assert "stalkerware" not in believed


ROW = '[[platform]]\nid = "a"\nname = "A"\nwhy = "B."\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('believed = ["malwar"]\n[sources]\n', "malwar"),
        (f'believed = []\n[sources]\n{ROW}sources = ["x"]\nnames = ["a.example"]\n', "source x"),
        (f'believed = []\n[sources]\nx = "X"\n{ROW}sources = ["x"]\nnames = ["a b"]\n', "a b"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(lists_dir: Path, text: str, said: str) -> None:
    (lists_dir / "platforms.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputRefused, match=said):
        read_platforms(lists_dir)


# ---- What it does ----


def test_feeds_close_no_platform_under_any_shipped_policy(school: School) -> None:
    _, judges = school(as_feeds())
    assert {name: closed(judge, PLATFORM_NAMES) for name, judge in judges.items()} == {name: {} for name in judges}


def test_feeds_close_what_is_no_platform_and_what_is_compromised(school: School) -> None:
    _, judges = school(as_feeds())
    for name in NO_PLATFORM:
        assert not decide(judges["secondary-school"], "pupil", name).is_open, name


def test_private_relay_stays_closed_below_the_content_network_of_icloud(school: School) -> None:
    _, judges = school(as_feeds())
    decided = decide(judges["secondary-school"], "pupil", "mask.apple-dns.net")
    assert (decided.is_open, decided.category) == (False, "circumvention-private-relay")


def test_a_player_of_advertisements_is_no_stalkerware_and_stays_an_advertisement(school: School) -> None:
    feeds = as_feeds() | {"ads": ("advertising", ["aniview.com"])}
    _, judges = school(feeds)
    decided = decide(judges["secondary-school"], "pupil", "player.aniview.com")
    assert (decided.is_open, decided.category) == (False, "advertising")


def test_the_schools_own_rule_and_a_services_switch_close_a_platform(school: School) -> None:
    head = 'format = 1\nallowed_clients = ["127.0.0.0/8"]\nstrictest = "p"\n[policies.p]\n'
    by_rule = head + 'deny = ["mail.google.com"]\n'
    by_switch = head + 'categories = { "service:gmail-web" = "deny" }\n'
    _, judges = school(as_feeds(), {"rule": by_rule, "switch": by_switch})
    assert decide(judges["rule"], "p", "mail.google.com").layer == "own-list"
    assert decide(judges["switch"], "p", "mail.google.com").category == "service:gmail-web"


def test_the_line_that_leaves_a_platform_out_can_be_looked_up(school: School) -> None:
    settings, _ = school({"mail": ("webmail", ["office365.com", "mail.example.org"])})
    _, lines = why(settings.server.state_dir, "outlook.office365.com")
    said = {(one.rule, one.kind): one.origin for one in lines if one.feed == "feeds/mail"}
    assert ("office365.com", "suffix") in said
    assert "platforms.toml" in said["office365.com", "left-out"]


def test_a_rule_marked_as_important_is_left_out_and_the_rest_of_its_feed_goes_on(
    school: School, tmp_path: Path
) -> None:
    settings, _ = school({"mail": ("webmail", ["mail.example.org"])})
    (tmp_path / "mail.txt").write_text("! Title: x\n||mail.example.org^\n||mail.google.com^$important\n")
    report = Updater(settings, lambda _: None).update(Wish(), NOW + dt.timedelta(days=1))
    assert report.exit_code == 0
    kept_open = report.outcomes[0].state.good.left_out  # type: ignore[union-attr]
    assert kept_open is not None
    assert kept_open.names == ("mail.google.com",)
    judge = judge_of(settings, TEMPLATES[-1].read_text(encoding="utf-8"))
    found = " ".join(closed(judge, ["mail.google.com", "www.mail.example.org"]))
    assert "mail.google.com" not in found
    assert "www.mail.example.org under pupil" in found


def test_counts_of_a_list_are_of_its_names_and_not_of_what_is_left_out(school: School) -> None:
    settings, _ = school({"mail": ("webmail", ["mail.example.org"])})
    report = build(settings)
    counted = {(one["feed"], one["category"]): one["rules"] for one in report.sources}
    assert counted["feeds/mail", "webmail"] == 1


def test_the_check_of_reachability_asks_for_platforms(school: School) -> None:
    settings, _ = school({})
    found = run.reachability(None, settings, None, NOW)
    assert found.over_blocked == ()
    assert found.names > 800


def test_no_reviewed_list_closes_a_platform(school: School) -> None:
    """Where our own list says so it is a choice, and the platform does not belong into the file."""
    _, judges = school({})
    names = list(read_platforms(LISTS).names())
    assert {name: closed(judge, names) for name, judge in judges.items()} == {name: {} for name in judges}


# ---- Public suffixes ----


@pytest.mark.parametrize(("lists", "is_closed"), [("", False), ('shared_hosts = ["games"]', True)])
def test_dynamic_dns_closes_suffixes_of_private_hosts_and_other_kinds_only_where_the_school_says_so(
    school: School, lists: str, is_closed: bool
) -> None:
    feeds = {
        "dynamic": ("dynamic-dns", ["duckdns.org", "ddns.net", "hopto.org", "co.uk", "com", "proxy.example.org"]),
        "games": ("games", ["github.io", "org.uk", "play.example.org"]),
    }
    _, judges = school(feeds, lists=lists)
    judge = judges["secondary-school"]
    for name in ("home.duckdns.org", "duckdns.org", "a.ddns.net", "a.hopto.org"):
        assert decide(judge, "pupil", name).category == "dynamic-dns", name
    for name in ("www.example.co.uk", "www.example.com", "www.example.org.uk"):
        assert decide(judge, "pupil", name).is_open, name
    assert decide(judge, "pupil", "somebody.github.io").is_open is not is_closed


# ---- Lists that are meant to open names ----


def archive(tmp_path: Path, folders: Mapping[str, tuple[str, list[str]]]) -> Path:
    """An archive in the shape of UT1: folder -> (usage, names)."""
    root = tmp_path / "blacklists"
    for folder, (usage, names) in folders.items():
        (root / folder).mkdir(parents=True)
        (root / folder / "usage").write_text(f"# usage\n{usage}\n")
        (root / folder / "domains").write_text("".join(f"{name}\n" for name in names))
    path = tmp_path / "lists.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(root, arcname="blacklists")
    return path


@pytest.mark.parametrize(
    ("usage", "is_read"), [("black", True), ("white\nblack", True), ("white", False), ("white\ndownload", False)]
)
def test_a_folder_whose_usage_is_to_open_is_never_a_block_list(
    school: School, tmp_path: Path, usage: str, is_read: bool
) -> None:
    settings, _ = school({})
    place = archive(tmp_path, {"games": ("black", ["games.example.org"]), "download": (usage, ["soft.example.org"])})
    FeedBook(settings.server.state_dir).add(ChosenFeed(id="ut1", added_at=NOW, path=str(place), category="games"))
    assert Updater(settings, lambda _: None).update(Wish(), NOW).exit_code == 0
    head = 'format = 1\nallowed_clients = ["127.0.0.0/8"]\nstrictest = "p"\n[policies.p]\n'
    policy = head + 'categories = { games = "deny" }\n'
    judge = judge_of(settings, policy)
    assert not decide(judge, "p", "games.example.org").is_open
    assert decide(judge, "p", "soft.example.org").is_open is not is_read


def test_an_archive_of_nothing_but_such_folders_is_refused(school: School, tmp_path: Path) -> None:
    settings, _ = school({})
    place = archive(tmp_path, {"update": ("white", ["update.example.org"])})
    FeedBook(settings.server.state_dir).add(ChosenFeed(id="ut1", added_at=NOW, path=str(place), category="games"))
    report = Updater(settings, lambda _: None).update(Wish(), NOW)
    assert report.exit_code == 3
    assert "no list that can be used as a block list" in report.outcomes[0].message


# ---- With the real UT1 ----


@pytest.mark.skipif(not UT1.exists(), reason="the real UT1 lists are not here (../shared/data/ut1.tar.gz)")
def test_the_real_ut1_closes_no_platform_under_any_shipped_policy(school: School, tmp_path: Path) -> None:
    settings, _ = school({})
    place = tmp_path / "ut1.tar"
    place.write_bytes(gzip.decompress(UT1.read_bytes()))
    folder = tmp_path / "ut1"
    with tarfile.open(place) as tar:
        tar.extractall(folder, filter="data")
    categories = tomllib.loads((LISTS / "categories.toml").read_text(encoding="utf-8"))["mapping"]["ut1"]
    book = FeedBook(settings.server.state_dir)
    for theirs, ours in categories.items():
        place = folder / "blacklists" / theirs
        if ours and place.is_dir():
            book.add(ChosenFeed(id=f"ut1-{theirs}".replace("_", "-"), added_at=NOW, path=str(place), category=ours))
    report = Updater(settings, lambda _: None).update(Wish(), NOW)
    # What is to open names, and what is little else than public suffixes.
    to_open = {"child", "download", "educational_games", "translation", "dynamic-dns"}
    assert {one.feed for one in report.outcomes if one.kind in ("failed", "held")} <= {
        f"ut1-{one}".replace("_", "-") for one in to_open
    }, report.outcomes
    # The build has proved the names of the file themselves.
    for template in TEMPLATES:
        judge = judge_of(settings, template.read_text(encoding="utf-8"))
        assert closed(judge, PLATFORM_NAMES) == {}, template.name
        assert closed(judge, ["player.aniview.com"]) == {}, template.name


def test_no_public_suffix_is_left_out_of_a_feed_with_all_below_it() -> None:
    catalogue = load_catalogue(LISTS)
    left_out = read_left_out(LISTS, catalogue)
    for category in catalogue.categories:
        platforms = left_out.platforms.left_out_of(category)
        suffixes = [name for name in left_out.of(category) if registrable_domain(name) is None]
        # A platform may be listed whole as the owner of such a suffix; a canary never.
        assert set(suffixes) <= set(platforms)
