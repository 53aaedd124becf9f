"""Workloads are the same for the same seed, and hold what their titles say."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import dns.message
import pytest
from benchmarks.names import Names, load, made_up, not_listed, suffixes
from benchmarks.workloads import ANSWERED, DENIED, MAGIC, UNIQUE, UNIQUE_LABEL, build

QUERIES = 4000


@pytest.fixture(scope="module")
def names() -> Names:
    return Names(made_up(3000), [*made_up(500, 5), "example.com"], "generated for a test")


def _read(path: Path) -> Iterator[tuple[int, dns.message.Message]]:
    octets = path.read_bytes()
    assert octets.startswith(MAGIC)
    at = len(MAGIC)
    while at < len(octets):
        length = int.from_bytes(octets[at : at + 2])
        yield octets[at + 2], dns.message.from_wire(octets[at + 3 : at + 3 + length])
        at += 3 + length


def test_the_same_seed_gives_the_same_file(names: Names, tmp_path: Path) -> None:
    files = [build("mixed", names, tmp_path / folder, QUERIES).path for folder in ("a", "b")]
    assert len({hashlib.sha256(file.read_bytes()).digest() for file in files}) == 1


def test_mixed_holds_a_fifth_listed_and_a_twentieth_unique(names: Names, tmp_path: Path) -> None:
    marks = [mark for mark, _ in _read(build("mixed", names, tmp_path, QUERIES).path)]
    assert marks.count(DENIED) / QUERIES == pytest.approx(0.20, abs=0.02)
    assert marks.count(ANSWERED | UNIQUE) / QUERIES == pytest.approx(0.05, abs=0.01)


def test_what_is_expected_denied_is_listed_and_nothing_else_is(names: Names, tmp_path: Path) -> None:
    listed = set(names.listed)
    for mark, message in _read(build("mixed", names, tmp_path, QUERIES).path):
        name = message.question[0].name.to_text(omit_final_dot=True)
        assert any(suffix in listed for suffix in suffixes(name)) == (mark == DENIED)


def test_misses_have_a_label_to_be_written_anew(names: Names, tmp_path: Path) -> None:
    for mark, message in _read(build("misses", names, tmp_path, 200).path):
        assert mark & UNIQUE
        assert message.question[0].name.to_text().startswith(f"{UNIQUE_LABEL}.")


def test_popular_names_below_a_listed_one_are_left_out() -> None:
    found = not_listed(Names(["example.org"], ["www.example.org", "example.com", "notexample.org"], ""))
    assert found == ["example.com", "notexample.org"]


def test_names_that_no_feed_may_close_are_left_out_with_those_below_them_and_public_suffixes(tmp_path: Path) -> None:
    listed = ["ads.example.com", "accounts.google.com", "x.accounts.google.com", "co.uk", "google.com"]
    for file, names in (("block-1m.txt.gz", listed), ("popular-100k.txt.gz", ["example.org"])):
        (tmp_path / file).write_bytes(gzip.compress("\n".join(names).encode()))
    found = load(5, tmp_path)
    assert [name for name in found.listed if name in listed] == ["ads.example.com", "google.com"]
