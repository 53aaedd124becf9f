"""A build publishes a proved snapshot, or leaves the last one and says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from schoolgate._core import PolicyTable, Snapshot
from schoolgate.config import Settings
from schoolgate.lists.build import ListsNotBuilt, build, compile_apart
from schoolgate.lists.inputs import list_inputs
from schoolgate.lists.kept_serials import why
from schoolgate.lists.proof import CanaryMissing, categories_of, prove
from schoolgate.lists.snapshots import KEPT, NoUsableSnapshot, SnapshotStore

Make = Callable[..., Settings]
NOBODY = PolicyTable.compile(
    orjson.dumps(
        {
            "serial": 0,
            "policies": [{"id": "p", "action": "nxdomain", "unknown": "allow"}],
            "segments": [],
            "strictest": "p",
            "allowed_clients": ["127.0.0.1/32"],
        }
    )
)


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "state")


def test_a_build_publishes_what_it_proved(settings: Make, store: SnapshotStore) -> None:
    report = build(settings())
    assert (report.serial, report.lists, report.proved) == (1, 2, 2)
    opened = store.open_current()
    assert opened.snapshot.serial == 1
    assert categories_of(opened.snapshot, NOBODY, "www.bets.example") == {"gambling"}
    assert categories_of(opened.snapshot, NOBODY, "lesson.bets.example") == frozenset()
    assert categories_of(opened.snapshot, NOBODY, "cdn.tube.example.net") == {"service:tube"}


def test_a_list_of_addresses_is_compiled_and_proved_by_its_test_address(
    settings: Make, lists_dir: Path, store: SnapshotStore
) -> None:
    path = lists_dir / "circumvention" / "resolver-addresses.txt"
    path.parent.mkdir()
    path.write_text("# category: gambling\n\n2001:db8:53::853\n192.0.2.0/24\n", encoding="utf-8")
    assert build(settings()).proved == 3
    snapshot = store.open_current().snapshot
    found = {address: categories_of(snapshot, NOBODY, address) for address in ("192.0.2.9", "192.0.3.9", "2001:db8::")}
    assert found == {"192.0.2.9": {"gambling"}, "192.0.3.9": frozenset(), "2001:db8::": frozenset()}
    serial, lines = why(store.work.parent.parent, "192.0.2.9")
    assert [(serial, one.rule, one.kind, one.line) for one in lines] == [(1, "192.0.2.0/24", "address", 4)]


def test_serials_rise_and_old_ones_are_kept_for_a_while(settings: Make, store: SnapshotStore) -> None:
    for _ in range(KEPT + 2):
        build(settings())
    assert store.serials() == tuple(range(KEPT + 2, 2, -1))
    assert store.current_serial() == KEPT + 2
    assert list(store.work.glob("*.candidate")) == []


def test_each_step_is_told(settings: Make) -> None:
    steps: list[str] = []
    build(settings(), steps.append)
    assert steps == ["finding lists", "compiling 2 lists", "proving", "publishing"]


def test_a_list_that_fails_leaves_the_last_good_and_says_so(settings: Make, store: SnapshotStore) -> None:
    build(settings())
    with pytest.raises(ListsNotBuilt, match=r"gone\.txt") as error:
        build(settings('extra = [{ path = "gone.txt", category = "gambling" }]'))
    assert "the lists in force stay: serial 1" in str(error.value)
    assert store.open_current().snapshot.serial == 1


def test_a_first_build_that_fails_says_that_there_is_nothing_to_fall_back_to(settings: Make) -> None:
    with pytest.raises(ListsNotBuilt, match="nothing to fall back to"):
        build(settings('extra = [{ path = "gone.txt", category = "gambling" }]'))


def test_a_list_whose_canary_is_lost_is_not_published(settings: Make, lists_dir: Path, store: SnapshotStore) -> None:
    build(settings())
    # The list lifts its own test name again: whoever asks for it would think that the list is not in force.
    path = lists_dir / "starter/gambling.txt"
    path.write_text(path.read_text(encoding="utf-8") + "!gambling.blocked.example.com\n", encoding="utf-8")
    with pytest.raises(ListsNotBuilt, match=r"gambling\.blocked\.example\.com does not carry gambling"):
        build(settings())
    assert store.serials() == (1,)


def test_the_proof_names_every_list_that_is_not_in_the_snapshot(settings: Make, tmp_path: Path) -> None:
    inputs = [replace(one, canary=f"lost.{one.canary}.invalid") for one in list_inputs(settings(), tmp_path)]
    with pytest.raises(CanaryMissing) as error:
        prove(Snapshot.empty(), inputs)
    assert str(error.value).count("is not in the new snapshot") == len(inputs)


def test_what_the_compiler_says_in_its_process_arrives_here(settings: Make, tmp_path: Path) -> None:
    inputs = list_inputs(settings(), tmp_path)
    with pytest.raises(ListsNotBuilt, match="cannot be written"):
        compile_apart(inputs, tmp_path / "no" / "such" / "folder" / "1.snapshot", 1)


def test_lines_that_are_no_names_are_counted_with_an_example(settings: Make, lists_dir: Path) -> None:
    path = lists_dir / "starter/gambling.txt"
    path.write_text(path.read_text(encoding="utf-8") + "not a name at all!!\n", encoding="utf-8")
    report = build(settings())
    assert sum(one["lines"] for one in report.skipped.values()) == 1


def test_left_overs_of_a_killed_build_are_cleared(settings: Make, store: SnapshotStore) -> None:
    build(settings())
    (store.work / "2.candidate").write_bytes(b"half")
    build(settings())
    assert store.current_serial() == 2


def damage(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def test_the_newest_usable_snapshot_is_opened_and_the_damaged_one_named(settings: Make, store: SnapshotStore) -> None:
    build(settings())
    build(settings())
    damage(store.path(2))
    opened = store.open_best()
    assert opened.snapshot.serial == 1
    assert opened.instead_of == 2
    assert "2.snapshot" in opened.problems[0]


def test_a_lost_pointer_is_no_lost_snapshot(settings: Make, store: SnapshotStore) -> None:
    build(settings())
    store.current.unlink()
    assert store.open_best().snapshot.serial == 1
    assert build(settings()).serial == 2


def test_with_nothing_usable_every_reason_is_told(settings: Make, store: SnapshotStore) -> None:
    with pytest.raises(NoUsableSnapshot, match="no lists are built yet"):
        store.open_best()
    build(settings())
    damage(store.path(1))
    with pytest.raises(NoUsableSnapshot, match=r"1\.snapshot"):
        store.open_best()
