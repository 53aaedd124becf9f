"""The last result of the segments' check, on the disk: for `status`, the monitor's alerts, the console.

Of each network it says since when it is as it is, and how it was before, so that a failure and its end are each told
once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from schoolgate.checks.record import MOST_OCTETS, CheckRecord
from schoolgate.checks.segment_check import SegmentsChecked, SegmentsNotChecked


def keep_segments(state_dir: Path, found: SegmentsChecked) -> dict[str, Any]:
    """Writes the result in the place of the last one. Raises `OSError`."""
    record = CheckRecord(state_dir)
    before = {_key(one): one for one in (record.last("segments") or {}).get("networks", ()) if isinstance(one, dict)}
    whole = found.whole()
    for one in whole["networks"]:
        one.update(_history(one, before.get(_key(one)), whole["at"]))
    if _octets(whole) > MOST_OCTETS // 2:  # what cannot be read back helps no one
        for one in whole["networks"]:
            one["answers"] = [answer for answer in one["answers"] if not answer["is_well"]]
    record.keep("segments", whole)
    return whole


@contextlib.contextmanager
def segments_alone(state_dir: Path) -> Iterator[None]:
    """One check at a time: two would take each other's questions for those of devices. Raises `SegmentsNotChecked`."""
    folder = CheckRecord(state_dir).folder
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / ".segments", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SegmentsNotChecked(f"{folder}: {error.strerror}; nothing was asked") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise SegmentsNotChecked("the networks are being checked just now; try again in a minute") from None
    finally:
        os.close(descriptor)


def _history(one: Mapping[str, Any], before: Mapping[str, Any] | None, at: str) -> dict[str, Any]:
    if before is None:
        return {"since": at, "was": None}
    if before.get("state") == one["state"]:
        return {"since": str(before.get("since", at)), "was": before.get("was")}
    return {"since": at, "was": before.get("state")}


def _key(one: Mapping[str, Any]) -> tuple[Any, Any]:
    return one.get("segment"), one.get("network")


def _octets(whole: Mapping[str, Any]) -> int:
    return sum(len(str(one)) for one in whole["networks"])
