"""The audit log under real processes: two writers, a kill, a full disk, a lock that is not let go."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.failures.namespaces import needs_mounts, with_mounts
from tests.unit.storage.postgresql import Cluster, programs, why_not

from schoolgate.audit.event import Event
from schoolgate.audit.tampering import Verification
from schoolgate.audit.verify import verify
from schoolgate.storage import audit_reading
from schoolgate.storage.audit_log import append
from schoolgate.storage.errors import StoreBusy
from schoolgate.storage.store import Store

Where = Path | str
EACH = 40


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server for the tests of this file."""
    folder = programs()
    if (reason := why_not()) or folder is None:
        pytest.skip(reason)
    made = Cluster(folder)
    made.start()
    yield made
    made.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    """A place where there is no store yet."""
    if request.param == "sqlite":
        return tmp_path / "control.db"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.url()


def _writer(where: Where, count: int, *more: str, wrap: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [*wrap, sys.executable, "-m", "tests.integration.audit_writer", str(where), str(count), *more]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def _verified(where: Where) -> Verification:
    async def run() -> Verification:
        async with await Store.open(where, now_us=_now_us()) as store:
            return verify([line async for lines in audit_reading.export(store, has_personal=True) for line in lines])

    return asyncio.run(run())


def _append(where: Where, patience_s: float = 10.0) -> int:
    async def run() -> int:
        store = await Store.open(where, now_us=_now_us(), patience_s=patience_s)
        async with store, store.change() as change:
            return (await append(change, Event(_now_us(), "local:test", "test"))).number

    return asyncio.run(run())


def _now_us() -> int:
    return time.time_ns() // 1000


def test_two_processes_that_write_at_once_make_one_log(where: Where) -> None:
    writers = [_writer(where, EACH) for _ in range(2)]
    said = [writer.communicate(timeout=120) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], said
    numbers = [[int(line) for line in out.split()] for out, _ in said]
    assert sorted(numbers[0] + numbers[1]) == list(range(2 * EACH)), "no number was given twice, none left out"
    found = _verified(where)
    assert (found.problems, found.entries) == ((), 2 * EACH)


def test_a_writer_killed_at_any_moment_leaves_what_it_committed(where: Where) -> None:
    for wanted in (1, 7, 23):
        writer = _writer(where, 1_000_000)
        assert writer.stdout is not None
        committed = [int(writer.stdout.readline()) for _ in range(wanted)]
        writer.send_signal(signal.SIGKILL)
        # Not `communicate`: it knows nothing of the lines that are read already and wait in the buffer.
        committed += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
        writer.communicate(timeout=60)
        found = _verified(where)
        assert found.problems == ()
        # The last one may have been committed and not printed yet.
        assert found.entries in (committed[-1] + 1, committed[-1] + 2)
    assert _append(where) == found.entries


def test_a_lock_that_is_not_let_go_is_named_and_nothing_is_changed(where: Where) -> None:
    _append_first(where)
    holder = _writer(where, 1, "hold")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StoreBusy, match="another process holds the database"):
        _append(where, patience_s=0.1)
    assert _verified(where).entries == 1, "readers go on"
    holder.communicate("", timeout=60)
    assert _append(where) == 2
    assert _verified(where).problems == ()


def test_a_holder_that_is_killed_lets_the_lock_go(where: Where) -> None:
    _append_first(where)
    holder = _writer(where, 1, "hold")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate(timeout=60)
    assert _append(where) == 1
    assert _verified(where).problems == ()


def _append_first(where: Where) -> None:
    first = _writer(where, 1)
    assert first.communicate(timeout=60)[0] == "0\n"


@needs_mounts
def test_a_full_disk_changes_nothing_and_is_named(tmp_path: Path) -> None:
    """The disk is a small one of its own. What was committed before stays whole; after space is freed, it goes on."""
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    kept.mkdir()
    path = disk / "control.db"
    writer = f"{sys.executable} -m tests.integration.audit_writer {path}"
    script = (
        f"mount -t tmpfs -o size=3m small {disk}\n"
        f"head -c 100k /dev/zero > {disk}/filler\n"
        f"! {writer} 100000 > {kept}/numbers 2> {kept}/reason\n"
        f"rm {disk}/filler\n"
        f"{writer} 1 > {kept}/after\n"
        f"cp -a {disk}/. {kept}/\n"
    )
    done = subprocess.run([*with_mounts(script), "true"], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "StoreFull" in (kept / "reason").read_text()
    assert "free some space" in (kept / "reason").read_text()
    committed = [int(line) for line in (kept / "numbers").read_text().split()]
    assert committed == list(range(len(committed)))
    assert (kept / "after").read_text() == f"{len(committed)}\n"
    found = _verified(kept / "control.db")
    assert (found.problems, found.entries) == ((), len(committed) + 1)


@needs_mounts
def test_no_room_for_the_copy_before_a_migration_leaves_the_store_as_it_is(tmp_path: Path) -> None:
    disk, path = tmp_path / "disk", tmp_path / "control.db"
    disk.mkdir()
    writer = _writer(path, 100)
    writer.communicate(timeout=120)
    room_kib = path.stat().st_size // 1024 * 3 // 2
    imports = "import pathlib, sys; from schoolgate.storage.migrate import copy_before"
    code = f"{imports}; copy_before(pathlib.Path(sys.argv[1]), '0001')"
    script = (
        f"mount -t tmpfs -o size={room_kib}k small {disk}\n"
        f"cp {path} {disk}/\n"
        f'! {sys.executable} -c "{code}" {disk}/control.db 2> {tmp_path}/reason\n'
        f"ls -A {disk} > {tmp_path}/left\n"
        f"cmp {path} {disk}/control.db\n"
    )
    done = subprocess.run([*with_mounts(script), "true"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "StoreFull" in (tmp_path / "reason").read_text()
    assert [one for one in (tmp_path / "left").read_text().split() if not one.endswith(("-wal", "-shm"))] == [
        "control.db"
    ]
