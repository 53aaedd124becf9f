"""The questions of a check stand in the query log beside those of devices. Which they are is written down first.

Without it a test name of a list would be an alert about a device. What is kept here: by which texts the log may know
the asking address, which names, and from when to when. A row that fits is no person's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import orjson

from schoolgate.storage.atomic_file import PRIVATE, write_whole

# A month of hourly checks of a large school; a monitor that was off longer reads no older rows.
MOST_WINDOWS = 20_000
# The clock of a worker of the server is read once a batch.
_BEFORE_US = 1_000_000


@dataclass(frozen=True)
class Window:
    """Questions of one check from one address. Times in microseconds since 1970."""

    clients: tuple[str, ...]
    from_us: int
    until_us: int


class OwnQuestions:
    """Whether a row of the log is of a check. Immutable."""

    def __init__(self, names: Collection[str] = (), windows: Iterable[Window] = ()) -> None:
        self.names = frozenset(names)
        self.windows = tuple(windows)
        self._of: dict[str, list[Window]] = {}
        for one in self.windows:
            for client in one.clients:
                self._of.setdefault(client, []).append(one)

    def has(self, client: str, name: str, time_us: int) -> bool:
        """Whether a check asked this from there, then."""
        if name not in self.names:
            return False
        return any(one.from_us - _BEFORE_US <= time_us <= one.until_us for one in self._of.get(client, ()))


def announce_questions(state_dir: Path, names: Collection[str], window: Window) -> None:
    """Writes down what will be asked. Raises `OSError`: then nothing may be asked, or people would get an alarm."""
    known = read_questions(state_dir)
    windows = [*known.windows, window][-MOST_WINDOWS:]
    whole = {
        "names": sorted(known.names | set(names)),
        "windows": [[list(one.clients), one.from_us, one.until_us] for one in windows],
    }
    _path(state_dir).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(_path(state_dir), orjson.dumps(whole), PRIVATE)


def read_questions(state_dir: Path) -> OwnQuestions:
    """What was announced; nothing where the file cannot be read, so that no row passes for a check's."""
    try:
        raw = orjson.loads(_path(state_dir).read_bytes())
        windows = [Window(tuple(clients), int(since), int(until)) for clients, since, until in raw["windows"]]
        return OwnQuestions(raw["names"], windows)
    except (OSError, ValueError, TypeError, KeyError):
        return OwnQuestions()


class QuestionsFile:
    """What was announced, read again when the file is another."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._stamp = (-1, -1)
        self._known = OwnQuestions()

    def current(self) -> OwnQuestions:
        """As the file is now."""
        stamp = _stamp(self._state_dir)
        if stamp != self._stamp:
            self._known, self._stamp = read_questions(self._state_dir), stamp
        return self._known


def _stamp(state_dir: Path) -> tuple[int, int]:
    try:
        found = _path(state_dir).stat()
        return found.st_mtime_ns, found.st_ino
    except OSError:
        return 0, 0


def _path(state_dir: Path) -> Path:
    return state_dir / "checks" / "own-questions.json"


# Segment, client as the log has it, layer, category, how many questions were denied.
Denied = tuple[str, str, str, str, int]
# Two years of hourly checks.
MOST_RUNS = 20_000


def count_denied(state_dir: Path, at_us: int, denied: Iterable[Denied]) -> None:
    """Keeps how many questions of a check were denied, for reports, which count what devices asked. Raises `OSError`.

    Checks ask the same again and again: what was denied is kept once, and each check names it by its place.
    """
    path = state_dir / "checks" / "own-counts.json"
    rows = [list(one) for one in sorted(denied)]
    try:
        whole = orjson.loads(path.read_bytes())
        profiles, runs = list(whole["profiles"]), list(whole["runs"])
    except (OSError, ValueError, TypeError, KeyError):
        profiles, runs = [], []
    if rows not in profiles:
        profiles.append(rows)
    runs = [*runs, [at_us, profiles.index(rows)]][-MOST_RUNS:]
    write_whole(path, orjson.dumps({"profiles": profiles, "runs": runs}), PRIVATE)
