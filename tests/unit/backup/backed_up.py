"""A state directory with one of everything that a backup must hold, and of what it leaves out."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.unit.storage.opened import NOON_US, fill, opened

from schoolgate.backup import identities
from schoolgate.backup.creating import Created, create
from schoolgate.backup.folder_target import FolderTarget
from schoolgate.backup.key_making import adopt
from schoolgate.backup.restoring import Restored, restore
from schoolgate.config import Settings, load
from schoolgate.policy.revisions import RevisionStore
from schoolgate.storage.checked_file import write_checked

NOW = dt.datetime(2026, 11, 23, 2, 30, tzinfo=dt.UTC)
INSTALLATION = "0123456789abcdef" * 2
STORED, OLD = "a" * 64, "b" * 64
ENTRIES = 5
ACTOR = "local:root"
FILES = {
    "active-policy.json": b"published",
    "feeds.toml": b"[feeds]\n",
    "sealed.json": b"{}",
    "sealed/key": b"secret",
    "log/pseudonym.json": b"key",
    "log/pseudonym-keys/1.json": b"older key",
    "log/erasures.jsonl": b"{}\n",
    "lists/feeds.json": f'{{"sha256": "{STORED}"}}'.encode(),
    f"lists/store/{STORED}": b"gambling.example.net\n",
    "lists/7.manifest.json": b"{}",
    "something/of-a-later-version.json": b"new",
}
LOG = {
    "log/wal/ordinary-00000000000000000007.wal": b"frames",
    "log/rows/day=2026-11-22/class=ordinary/hour-09-1-2.parquet": b"PAR1",
}
LEFT_OUT = {
    "lists/7.snapshot": b"compiled",
    f"lists/store/{OLD}": b"of before",
    "monitor/status.json": b"{}",
    "monitor/positions.json": b"{}",
    "crashes/1": b"packet",
    "active-policy.lock": b"",
    ".feeds.toml.123": b"half",
    "control.db.at-0000": b"copy",
}


class School:
    """`folder/state`, its settings beside it, a folder for backups, a key that is not in the state directory."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder = folder
        self.state = folder / "state"
        self.disk = folder / "disk"
        self.disk.mkdir(parents=True)
        self.config = folder / "schoolgate.toml"
        (folder / "own-list.txt").write_text("games.example.net\n", encoding="ascii")
        self.config.write_text(
            f'[server]\nstate_dir = "{self.state}"\n'
            '[[lists.extra]]\npath = "own-list.txt"\ncategory = "games"\n'
            f'[backup.targets.disk]\nkind = "folder"\nfolder = "{self.disk}"\n{more}',
            encoding="utf-8",
        )
        self.identity = folder / "key.txt"

    @property
    def settings(self) -> Settings:
        return load(self.config)

    def fill(self) -> School:
        """Writes all of it."""
        for name, octets in (FILES | LOG | LEFT_OUT).items():
            path = self.state / name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_bytes(octets)
        write_checked(self.state / "installation.json", "installation", {"id": INSTALLATION})
        RevisionStore(self.state / "policy.db").start_with("format = 1\n", who="root", why="first", now=NOW)
        with closing(sqlite3.connect(self.state / "monitor" / "alerts.db")) as alerts:
            alerts.execute("PRAGMA journal_mode=WAL")
            alerts.execute("CREATE TABLE alerts (id INTEGER)")
            alerts.execute("INSERT INTO alerts VALUES (42)")
            alerts.commit()
        asyncio.run(_filled(self.state / "control.db"))
        key = identities.make_key(None, NOW)
        identities.write_identity(self.identity, key, self.state)
        adopt(self.state, key, actor=ACTOR, now=NOW)
        return self

    def target(self) -> FolderTarget:
        return FolderTarget("disk", self.disk)

    def create(self, now: dt.datetime = NOW, *, has_query_log: bool = False) -> Created:
        return create(self.settings, self.config, [self.target()], actor=ACTOR, now=now, has_query_log=has_query_log)

    def restore(
        self, backup: Path | bytes, place: Path, *, is_replacing: bool = False, lost: str | None = None
    ) -> Restored:
        keys = identities.read_identities(self.identity, lambda: "")
        octets = backup if isinstance(backup, bytes) else backup.read_bytes()
        return restore(
            io.BytesIO(octets), keys, place, actor=ACTOR, now=NOW, is_replacing=is_replacing, lost_checkpoint=lost
        )

    def backups(self) -> list[Path]:
        return sorted(self.disk.glob("schoolgate-*.tar.age"))


def content(state: Path) -> dict[str, bytes]:
    """Every plain file of a state directory, by its name."""
    return {
        str(one.relative_to(state)): one.read_bytes()
        for one in state.rglob("*")
        if one.is_file() and ".db" not in one.name
    }


def alerts_in(state: Path) -> list[tuple[int]]:
    with closing(sqlite3.connect(state / "monitor" / "alerts.db")) as alerts:
        return alerts.execute("SELECT id FROM alerts").fetchall()


async def _filled(path: Path) -> None:
    store = await opened(path)
    await fill(store, ENTRIES)
    await store.close()


AT_US = NOON_US
