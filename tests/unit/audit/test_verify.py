"""`verify` names what was done to a log: with care, without care, and with checkpoints from outside."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.audit.made_log import MadeLog, altered

from schoolgate.audit.comparison import compare
from schoolgate.audit.errors import ExportInvalid
from schoolgate.audit.export_lines import MARK
from schoolgate.audit.tampering import Kind
from schoolgate.audit.verify import verify

SIZE = 600
SMALL = MadeLog.of(12)
Tamper = Callable[[MadeLog], None]


@pytest.fixture
def log() -> MadeLog:
    return MadeLog.of(SIZE)


def _remove(log: MadeLog) -> None:
    del log.entries[300], log.hashes[300]


def _insert(log: MadeLog) -> None:
    log.entries.insert(300, altered(log.entries, 299))
    log.hashes.insert(300, log.hashes[299])


def _edit(log: MadeLog) -> None:
    log.entries[300] = altered(log.entries, 300)


def _reorder(log: MadeLog) -> None:
    for one in (log.entries, log.hashes):
        one[300], one[400] = one[400], one[300]


def _truncate(log: MadeLog) -> None:
    del log.entries[500:], log.hashes[500:]


TAMPERING = [
    (_remove, Kind.removal, (300, 300)),
    (_insert, Kind.insertion, (300, 300)),
    (_edit, Kind.edit, (300, 300)),
    (_truncate, Kind.truncation, (500, SIZE - 1)),
]


def test_a_sound_log_with_a_checkpoint_from_outside_is_sound(log: MadeLog) -> None:
    log.notes = [log.checkpoint(100), log.checkpoint()]
    found = verify(log.lines(), [log.checkpoint(500), log.checkpoint()])
    assert (found.exit_code, found.anchors, found.problems, found.entries) == (0, 2, (), SIZE)


def test_without_a_checkpoint_from_outside_it_agrees_with_itself_only(log: MadeLog) -> None:
    log.notes = [log.checkpoint()]
    assert verify(log.lines()).exit_code == 3


@pytest.mark.parametrize(("tamper", "kind", "place"), TAMPERING)
@pytest.mark.parametrize("has_outside", [True, False])
def test_careless_tampering_is_named_with_its_place(
    log: MadeLog, tamper: Tamper, kind: Kind, place: tuple[int, int], has_outside: bool
) -> None:
    outside = [log.checkpoint()] if has_outside else []
    tamper(log)
    found = verify(log.lines(), outside)
    assert kind in {one.kind for one in found.problems}
    assert (found.problems[0].first, found.problems[0].last) == place
    assert found.exit_code == 1


def test_careless_reordering_is_named(log: MadeLog) -> None:
    _reorder(log)
    assert {one.kind for one in verify(log.lines()).problems} == {Kind.reordering}


@pytest.mark.parametrize("tamper", [_remove, _insert, _edit, _reorder])
def test_a_careful_rewriter_is_found_by_a_checkpoint_from_outside(log: MadeLog, tamper: Tamper) -> None:
    outside = [log.checkpoint(200), log.checkpoint(450), log.checkpoint(590)]
    tamper(log)
    log.renumber()
    log.notes = [log.checkpoint()]
    assert verify(log.lines()).exit_code == 3, "it agrees with itself"
    found = verify(log.lines(), outside)
    assert [(one.kind, one.first, one.last) for one in found.problems] == [(Kind.fork, 200, 449)]
    assert (found.exit_code, found.anchors) == (1, 0)


def test_a_careful_truncation_is_found_by_a_checkpoint_from_outside(log: MadeLog) -> None:
    outside = [log.checkpoint()]
    _truncate(log)
    log.renumber()
    assert verify(log.lines()).exit_code == 3, "it agrees with itself"
    found = verify(log.lines(), outside)
    assert [(one.kind, one.first, one.last) for one in found.problems] == [(Kind.truncation, 500, SIZE - 1)]


@pytest.mark.parametrize(
    ("tamper", "kind", "first"),
    [
        (_remove, Kind.removal, 300),
        (_insert, Kind.insertion, 300),
        (_edit, Kind.edit, 300),
        (_reorder, Kind.reordering, 400),
        (_truncate, Kind.truncation, 500),
    ],
)
def test_an_earlier_export_names_what_a_careful_rewriter_did(
    log: MadeLog, tamper: Tamper, kind: Kind, first: int
) -> None:
    earlier = log.lines()
    tamper(log)
    if tamper is _insert:  # with an identifier of its own
        log.entries[300] = log.entries[300].replace(b'"id":"0', b'"id":"f')
    log.renumber()
    found = compare(earlier, log.lines())
    assert kind in {one.kind for one in found}
    assert len({one.kind for one in found}) == 1
    assert first in {one.first for one in found}


def test_a_log_that_only_grew_since_an_earlier_export_is_no_finding(log: MadeLog) -> None:
    assert compare(MadeLog.lines(log)[:300], log.lines()) == []


def test_two_checkpoints_of_one_size_show_two_logs(log: MadeLog) -> None:
    first = log.checkpoint()
    _edit(log)
    log.rehash()
    found = verify(log.lines(), [first, log.checkpoint()])
    assert Kind.fork in {one.kind for one in found.problems}


def test_a_hash_changed_with_its_entry_does_not_fit_the_head(log: MadeLog) -> None:
    log.notes = [log.checkpoint(256)]
    root = log.root
    _edit(log)
    log.rehash()
    log.root = root
    found = verify(log.lines())
    assert [(one.kind, one.first, one.last) for one in found.problems] == [(Kind.edit, 256, SIZE - 1)]


def test_a_rewriter_with_a_key_of_their_own_is_found(log: MadeLog) -> None:
    outside = [log.checkpoint()]
    other = MadeLog.of(SIZE)
    found = verify(other.lines(), outside)
    assert Kind.signature in {one.kind for one in found.problems}
    assert found.exit_code == 1


def test_a_key_from_elsewhere_must_be_the_log_s(log: MadeLog) -> None:
    public = log.key.public_key().public_bytes_raw()
    assert verify(log.lines(), [log.checkpoint()], [public]).exit_code == 0
    stranger = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert verify(log.lines(), [log.checkpoint()], [stranger]).exit_code == 1


def test_a_checkpoint_of_another_log_is_no_anchor(log: MadeLog) -> None:
    note = log.checkpoint().replace("/1\n", "/9\n")
    assert verify(log.lines(), [note]).exit_code == 1
    assert verify(log.lines(), ["nonsense"]).exit_code == 1
    example = log.checkpoint().replace("schoolgate/audit/", "example.org/")
    assert verify(log.lines(), [example]).exit_code == 1


def test_an_export_cut_short_is_said_to_be(log: MadeLog) -> None:
    found = verify(log.lines()[:-1], [log.checkpoint()])
    assert [one.kind for one in found.problems] == [Kind.export]


@pytest.mark.parametrize(
    "lines", [[], [b"hello"], [b'{"_":"epoch","epoch":1}'], [b'{"_":"export","format":9,"site":"x"}']]
)
def test_another_file_is_no_export(lines: list[bytes]) -> None:
    with pytest.raises(ExportInvalid):
        verify(lines)


@pytest.mark.parametrize(
    "line",
    [
        b'{"_":"head","epoch":1,"size":1152921504606846976,"root":"00"}',
        b'{"_":"head","epoch":1,"size":1e300,"root":"00"}',
        b'{"_":"head","epoch":1152921504606846976,"size":1,"root":"00"}',
        b'{"_":"epoch","epoch":1152921504606846976}',
        b'{"_":"node","epoch":1e999,"level":1,"number":1,"hash":""}',
        b'{"number":2305843009213693951,"epoch":1}',
    ],
)
def test_numbers_without_measure_cost_no_time(log: MadeLog, line: bytes) -> None:
    lines = log.lines()
    assert verify([*lines[:-1], line, lines[-1]], [log.checkpoint()]).exit_code == 1


@pytest.mark.parametrize("line", [b"\0", b"{}", SMALL.entries[0]])
def test_a_line_before_the_first_makes_it_no_export(line: bytes) -> None:
    with pytest.raises(ExportInvalid):
        verify([line, *SMALL.lines()], [SMALL.checkpoint()])


@given(st.data())
def test_an_export_changed_anywhere_is_read_to_its_end(data: st.DataObject) -> None:
    octets = bytearray(b"\n".join(SMALL.lines()))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=6))
    lines = [line.rstrip(b"\r") for line in bytes(octets).split(b"\n")]
    try:
        found = verify(lines, [SMALL.checkpoint()])
    except ExportInvalid:
        return
    is_whole = [line for line in lines if line and not line.startswith(MARK)] == SMALL.entries
    assert found.exit_code in ((0, 1) if is_whole else (1,))


def test_lines_of_nonsense_are_findings_not_failures(log: MadeLog) -> None:
    lines = log.lines()
    for at, line in enumerate(
        (b'{"_":1}', b'{"_":"head"}', b'{"_":"node"', b'{"_":"opening"}', b"[]", b'{"number":true}')
    ):
        lines.insert(5 + at, line)
    assert verify(lines, [log.checkpoint()]).exit_code == 1
