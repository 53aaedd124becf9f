"""A source that is looked at again and again: changed, half written, gone, too large."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from schoolgate.config.identity import IdentitySource
from schoolgate.identity import source_reading
from schoolgate.identity.source_reading import SourceReader

NOW_US = 1_772_452_800_000_000


def lines(count: int) -> str:
    end = NOW_US // 1_000_000 + 3600
    return "".join(
        f"{end} 00:00:5e:00:{n >> 8:02x}:{n & 255:02x} 10.0.{n >> 8}.{n & 255} * *\n" for n in range(1, count + 1)
    )


def reader(path: Path) -> SourceReader:
    return SourceReader(IdentitySource(kind="dnsmasq", path=path))


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "leases"
    path.write_text(lines(1))
    source = reader(path)
    source.look(NOW_US)
    assert len(source.claims) == 1
    path.write_text(lines(3))
    source.look(NOW_US + 1)
    assert len(source.claims) == 3
    assert source.state.problem is None


def test_a_file_that_is_emptied_before_it_is_written_loses_no_device(tmp_path: Path) -> None:
    path = tmp_path / "leases"
    path.write_text(lines(10))
    source = reader(path)
    source.look(NOW_US)
    path.write_text("")
    source.look(NOW_US + 1)
    assert len(source.claims) == 10
    path.write_text(lines(10))
    source.look(NOW_US + 2)
    assert len(source.claims) == 10


def test_devices_that_really_left_are_believed_at_the_second_look(tmp_path: Path) -> None:
    path = tmp_path / "leases"
    path.write_text(lines(10))
    source = reader(path)
    source.look(NOW_US)
    path.write_text(lines(1))
    source.look(NOW_US + 1)
    source.look(NOW_US + 2)
    assert len(source.claims) == 1


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "large"])
def test_what_cannot_be_read_is_said_and_keeps_what_was_known(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_reading, "LARGEST_OCTETS", 1000)
    path = tmp_path / "leases"
    path.write_text(lines(2))
    source = reader(path)
    source.look(NOW_US)
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "large":
        path.write_text(lines(100))
    source.look(NOW_US + 1)
    assert source.state.problem is not None
    assert str(path) in source.state.problem
    assert len(source.claims) == 2


def test_ten_megabytes_of_hostile_lines_are_read_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "leases"
    path.write_bytes((b"<script>\x1b[2J " + b"A" * 200 + b"\n") * 45_000 + lines(2).encode())
    source = reader(path)
    source.look(NOW_US)
    assert len(source.claims) == 2
    assert source.state.odd == 45_000


def test_neighbours_that_are_no_json_are_said() -> None:
    source = SourceReader(IdentitySource(kind="neighbours"), lambda: b"not json")
    source.look(NOW_US)
    assert "cannot be read" in str(source.state.problem)
    assert source.claims == []


def test_the_kernel_of_this_machine_is_asked() -> None:
    source = SourceReader(IdentitySource(kind="neighbours"))
    source.look(NOW_US)
    assert source.state.problem is None or "iproute2" in source.state.problem
