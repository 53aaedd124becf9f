"""What happened to the lists and who did it: one line an event, and the pin that holds a snapshot in force."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from schoolgate.storage.atomic_file import write_whole

# Some years of updates.
MOST_EVENTS = 5000
_DROP_AT_OCTETS = 4 * 1024 * 1024


class Event(BaseModel):
    """One line of the history."""

    model_config = ConfigDict(frozen=True)

    at: dt.datetime
    what: Literal["published", "unchanged", "failed", "rolled back", "unpinned"]
    serial: int | None
    who: str
    names: int | None = None
    changed: tuple[str, ...] = ()
    failed: dict[str, str] = {}
    note: str = ""


class History:
    """The events of one state directory, oldest first."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "lists" / "history.jsonl"

    def append(self, event: Event) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        with self.path.open("ab") as file:
            file.write(orjson.dumps(event.model_dump(mode="json")) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if self.path.stat().st_size > _DROP_AT_OCTETS:
            lines = self.path.read_bytes().splitlines(keepends=True)[-MOST_EVENTS // 2 :]
            write_whole(self.path, b"".join(lines))

    def read(self) -> tuple[Event, ...]:
        """Lines that a power cut spoiled are passed over."""
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return ()
        return tuple(event for line in lines if (event := _event(line)) is not None)


def _event(line: bytes) -> Event | None:
    try:
        return Event.model_validate(orjson.loads(line))
    except (orjson.JSONDecodeError, ValidationError):
        return None


class Pin(BaseModel):
    """A snapshot that was rolled back to: updates go on fetching, and publish nothing until it is lifted."""

    model_config = ConfigDict(frozen=True)

    serial: int
    at: dt.datetime
    who: str


class PinFile:
    """The pin of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "lists" / "pinned.json"

    def read(self) -> Pin | None:
        """A pin that cannot be read still pins: what comes next was not meant to go live."""
        try:
            raw: Any = orjson.loads(self.path.read_bytes())
            return Pin.model_validate(raw)
        except FileNotFoundError:
            return None
        except (orjson.JSONDecodeError, ValidationError):
            return Pin(serial=0, at=dt.datetime.fromtimestamp(self.path.stat().st_mtime, dt.UTC), who="unknown")

    def write(self, pin: Pin) -> None:
        write_whole(self.path, orjson.dumps(pin.model_dump(mode="json")))

    def lift(self) -> bool:
        """Whether there was one."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True
