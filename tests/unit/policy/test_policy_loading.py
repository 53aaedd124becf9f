"""Which policy is in force, whatever happens to the database and the active file: never a looser one."""

from __future__ import annotations

import datetime as dt
import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from schoolgate.config import Settings
from schoolgate.config import parse as parse_settings
from schoolgate.policy import PolicyRefused
from schoolgate.policy import policy_files as policy_files_module
from schoolgate.policy.active_policy import Ground, policy_files, read_ground
from schoolgate.policy.policy_change import PolicyStoreRefused, change_policy
from schoolgate.policy.policy_loading import LoadedPolicy, at_another_instant, load_again, load_at_start
from schoolgate.policy.repair import repair, repair_with

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
DATABASE, ACTIVE = "policy.db", "active-policy.json"


@pytest.fixture(scope="module")
def ground() -> Ground:
    return read_ground(parse_settings("", "defaults"), "defaults")


@pytest.fixture
def school(tmp_path: Path) -> Settings:
    return a_school(tmp_path / "state")


def a_school(state: Path) -> Settings:
    state.mkdir()
    return parse_settings(f'[server]\nstate_dir = "{state}"\n', "schoolgate.toml")


def apply(school: Settings, ground: Ground, name: str) -> int:
    """A revision that differs by a denied name."""
    text = (school.lists.dir / "policies" / "demo.toml").read_text(encoding="utf-8")
    text = text.replace("deny = []", f'deny = ["{name}"]', 1)
    change = change_policy(
        school, ground, text, "test", NOW, lambda store: store.apply(text, who="sam", why="test", now=NOW)
    )
    assert change.not_published is None
    return change.revision.number


def start(school: Settings, ground: Ground) -> LoadedPolicy:
    """A start, and the thorough look that follows it."""
    loaded = load_at_start(school, ground, NOW)
    (school.server.state_dir / "crashes").mkdir(exist_ok=True)  # as a server does that came to answer
    return load_again(school, ground, loaded, NOW)


def at(school: Settings, name: str) -> Path:
    return school.server.state_dir / name


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def halved(path: Path) -> None:
    octets = path.read_bytes()
    path.write_bytes(octets[: len(octets) // 2])


def flipped(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    for place in range(300, len(octets), 997):
        octets[place] ^= 4
    path.write_bytes(octets)


def torn(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    page = len(octets) // 2 // 4096 * 4096
    octets[page : page + 4096] = bytes(len(octets[page : page + 4096]))
    path.write_bytes(octets)


def nonsense(path: Path) -> None:
    path.write_bytes(b"this was a file" * 1000)


def deleted(path: Path) -> None:
    path.unlink()


def made_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "file").write_text("in the way", encoding="ascii")


DAMAGES = [emptied, halved, flipped, torn, nonsense, deleted, made_a_directory]
Damage = Callable[[Path], None]


def test_the_first_start_makes_one_revision_and_the_next_finds_it(school: Settings, ground: Ground) -> None:
    first = start(school, ground)
    assert (first.revision.number, first.problems, first.mended) == (1, (), ())
    again = start(school, ground)
    assert (again.revision, again.published, again.problems) == (first.revision, first.published, ())


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_is_refused_and_rebuilt(school: Settings, ground: Ground, damage: Damage) -> None:
    for name in ("a.example.org", "b.example.org", "c.example.org"):
        apply(school, ground, name)
    damage(at(school, DATABASE))
    loaded = start(school, ground)
    assert loaded.revision.number == 3
    assert "run `schoolgate policy repair`" in "".join(loaded.problems)
    with pytest.raises(PolicyStoreRefused, match="schoolgate policy repair"):
        apply(school, ground, "d.example.org")
    done = repair(school, ground, NOW)
    assert done.number == 3
    assert bool(done.kept) is (damage is not deleted)
    assert load_again(school, ground, loaded, NOW).problems == ()
    assert apply(school, ground, "d.example.org") == 4
    assert policy_files(school).store.verify() == 4 - done.history_from + 1
    assert start(school, ground).revision.number == 4


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_active_file_is_written_anew_and_said(school: Settings, ground: Ground, damage: Damage) -> None:
    apply(school, ground, "a.example.org")
    apply(school, ground, "b.example.org")
    damage(at(school, ACTIVE))
    loaded = start(school, ground)
    assert (loaded.revision.number, loaded.problems) == (2, ())
    assert "written anew from revision 2 of the database" in "".join(loaded.mended)
    assert policy_files(school).look(is_thorough=True).kind == "agree"


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_runs_is_the_last_good_policy_when_both_are_damaged_under_it(
    school: Settings, ground: Ground, damage: Damage
) -> None:
    apply(school, ground, "a.example.org")
    running = start(school, ground)
    damage(at(school, ACTIVE))
    damage(at(school, DATABASE))
    again = load_again(school, ground, running, NOW)
    assert again.revision == running.revision
    assert "schoolgate policy repair" in "".join(again.problems)
    assert start(school, ground).revision == running.revision, "the active file is back"


def test_an_older_database_is_refused_also_by_what_runs(school: Settings, ground: Ground, tmp_path: Path) -> None:
    apply(school, ground, "a.example.org")
    shutil.copy(at(school, DATABASE), tmp_path / "older")
    apply(school, ground, "b.example.org")
    running = start(school, ground)
    shutil.copy(tmp_path / "older", at(school, DATABASE))
    for loaded in (load_again(school, ground, running, NOW), start(school, ground)):
        assert loaded.revision.number == 2
        assert "older than the policy in force: it ends at revision 1" in "".join(loaded.problems)
    done = repair(school, ground, NOW)
    assert (done.history_from, policy_files(school).store.verify()) == (1, 2)


def test_an_older_state_put_under_a_running_server_changes_nothing(
    school: Settings, ground: Ground, tmp_path: Path
) -> None:
    apply(school, ground, "a.example.org")
    shutil.copytree(school.server.state_dir, tmp_path / "older")
    apply(school, ground, "b.example.org")
    running = start(school, ground)
    for name in (DATABASE, ACTIVE):
        shutil.copy(tmp_path / "older" / name, at(school, name))
    loaded = load_again(school, ground, running, NOW)
    assert loaded.revision.number == 2
    assert "held an older revision 1" in "".join(loaded.mended)
    assert "older than the policy in force" in "".join(loaded.problems)


def test_a_database_that_forked_is_refused(school: Settings, ground: Ground, tmp_path: Path) -> None:
    apply(school, ground, "a.example.org")
    shutil.copytree(school.server.state_dir, tmp_path / "twin")
    twin = parse_settings(f'[server]\nstate_dir = "{tmp_path / "twin"}"\n', "schoolgate.toml")
    apply(school, ground, "b.example.org")
    for name in ("c.example.org", "d.example.org"):
        apply(twin, ground, name)
    shutil.copy(at(twin, DATABASE), at(school, DATABASE))
    loaded = start(school, ground)
    assert loaded.revision.number == 2
    assert "another revision 2 than was published" in "".join(loaded.problems)


@pytest.mark.parametrize("name", [DATABASE, ACTIVE])
def test_what_is_of_another_installation_is_refused(
    school: Settings, ground: Ground, tmp_path: Path, name: str
) -> None:
    apply(school, ground, "a.example.org")
    other = a_school(tmp_path / "other")
    for number in range(3):
        apply(other, ground, f"other-{number}.example.org")
    mine = start(school, ground).revision
    shutil.copy(at(other, name), at(school, name))
    loaded = start(school, ground)
    assert loaded.revision == mine
    assert "of another installation" in "".join((*loaded.problems, *loaded.mended))


def test_a_revision_that_was_stored_and_not_published_is_published(
    school: Settings, ground: Ground, tmp_path: Path
) -> None:
    apply(school, ground, "a.example.org")
    shutil.copy(at(school, ACTIVE), tmp_path / "before")
    running = start(school, ground)
    for number in (2, 3):
        assert apply(school, ground, f"{number}.example.org") == number
    shutil.copy(tmp_path / "before", at(school, ACTIVE))
    for loaded in (load_again(school, ground, running, NOW), start(school, ground)):
        assert (loaded.revision.number, loaded.problems, loaded.mended) == (3, (), ())


@pytest.mark.parametrize("damage", DAMAGES)
def test_when_both_are_lost_all_is_denied_until_a_person_gives_a_policy(
    school: Settings, ground: Ground, damage: Damage
) -> None:
    apply(school, ground, "a.example.org")
    start(school, ground)
    damage(at(school, ACTIVE))
    damage(at(school, DATABASE))
    loaded = start(school, ground)
    assert (loaded.revision.number, loaded.published) == (0, None)
    assert b'"unknown":"deny"' in loaded.active.compiled.description
    assert "schoolgate policy repair --with FILE" in "".join(loaded.problems)
    with pytest.raises(PolicyStoreRefused, match="--with FILE"):
        apply(school, ground, "b.example.org")
    with pytest.raises(PolicyStoreRefused, match="--with FILE"):
        repair(school, ground, NOW)
    text = (school.lists.dir / "policies" / "demo.toml").read_text(encoding="utf-8")
    repair_with(school, ground, text, "demo.toml", who="sam", why="lost", now=NOW)
    loaded = load_again(school, ground, loaded, NOW)
    assert (loaded.revision.number, loaded.problems) == (1, ())


def test_a_disk_that_is_full_between_database_and_active_file_is_said_and_made_up_for(
    school: Settings, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(school, ground, "a.example.org")
    running = start(school, ground)
    text = running.revision.text.replace("a.example.org", "b.example.org")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(policy_files_module, "write_active_file", full)
        change = change_policy(
            school, ground, text, "test", NOW, lambda store: store.apply(text, who="sam", why="test", now=NOW)
        )
        assert "No space left" in str(change.not_published)
        loaded = load_again(school, ground, running, NOW)
        assert loaded.revision.number == 1
        assert "revision 2 of the policy database is not in force" in "".join(loaded.problems)
    loaded = load_again(school, ground, loaded, NOW)
    assert (loaded.revision.number, loaded.problems) == (2, ())


def test_a_good_policy_is_not_replaced_by_repair(school: Settings, ground: Ground) -> None:
    apply(school, ground, "a.example.org")
    text = (school.lists.dir / "policies" / "demo.toml").read_text(encoding="utf-8")
    with pytest.raises(PolicyStoreRefused, match="policy apply"):
        repair_with(school, ground, text, "demo.toml", who="sam", why="lost", now=NOW)
    assert repair(school, ground, NOW).what is None


def test_a_text_that_cannot_be_read_any_more_goes_on_in_its_compiled_form(school: Settings, ground: Ground) -> None:
    text = (school.lists.dir / "policies" / "secondary-school.toml").read_text(encoding="utf-8")
    lunch = dt.datetime(2026, 11, 23, 12, 45, tzinfo=dt.UTC)
    change_policy(school, ground, text, "test", lunch, lambda store: store.apply(text, who="a", why="b", now=lunch))
    published = policy_files(school).look().published
    assert published is not None
    unreadable = replace(ground, catalogue=replace(ground.catalogue, categories={}))
    at_lunch = load_at_start(school, unreadable, lunch)
    assert at_lunch.active.compiled.description == without_exceptions(published.compiled)
    assert "there is no such category" in "".join(at_lunch.problems)
    boundary = at_lunch.active.next_boundary
    assert boundary is not None
    afterwards = at_another_instant(at_lunch, unreadable, boundary)
    segments = {one["id"]: one["policy"] for one in orjson.loads(afterwards.compiled.description)["segments"]}
    scheduled = {one["id"] for one in orjson.loads(published.compiled)["segments"] if one["ends_at_unix_s"] is not None}
    assert scheduled
    assert {segments[one] for one in scheduled} == {"unknown-device"}
    with pytest.raises(PolicyRefused):
        load_again(school, unreadable, load_at_start(school, ground, lunch), lunch)


def without_exceptions(compiled: bytes) -> bytes:
    description = orjson.loads(compiled)
    description["names"] = [one for one in description["names"] if (one["layer"], one["effect"]) != (5, "allow")]
    return orjson.dumps(description, option=orjson.OPT_SORT_KEYS)
