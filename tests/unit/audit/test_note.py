"""Signed notes and checkpoints: the examples of their specifications, and what must be refused."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from schoolgate.audit.errors import NoteInvalid
from schoolgate.audit.note import (
    Checkpoint,
    key_id,
    parse_checkpoint,
    parse_note,
    parse_verifier_key,
    signed,
    signer_of,
    verifier_key,
)

# The example of Go's package `note`, which c2sp.org/signed-note describes.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# The key of Go's checksum database.
SUMDB_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
# The example of c2sp.org/tlog-checkpoint.
EXAMPLE = (
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)
NAME = "schoolgate/audit/site/1"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()


@pytest.mark.parametrize("line", [GO_KEY, SUMDB_KEY])
def test_key_ids_are_those_others_compute(line: str) -> None:
    name, public = parse_verifier_key(line)
    assert key_id(name, public).hex() == line.split("+")[1]
    assert verifier_key(name, public) == line


def test_a_note_that_go_signed_is_verified() -> None:
    name, public = parse_verifier_key(GO_KEY)
    assert parse_note(GO_NOTE).is_signed_by(name, public)


def test_a_changed_note_is_refused() -> None:
    name, public = parse_verifier_key(GO_KEY)
    with pytest.raises(NoteInvalid, match="does not fit the text"):
        parse_note(GO_NOTE.replace("answer", "reason")).is_signed_by(name, public)


def test_the_checkpoint_of_the_specification_is_read() -> None:
    read = parse_checkpoint(EXAMPLE)
    assert (read.checkpoint.origin, read.checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert read.checkpoint.text() == EXAMPLE.partition("\n\n")[0] + "\n"


def test_what_we_sign_we_verify_under_the_right_name_only() -> None:
    read = parse_checkpoint(signed(Checkpoint(NAME, 5, bytes(32)).text(), NAME, KEY))
    assert signer_of(read, [bytes(32), PUBLIC]) == PUBLIC
    assert not read.note.is_signed_by("another/name", PUBLIC)
    assert signer_of(read, [bytes(32)]) is None


def test_signatures_of_strangers_are_ignored() -> None:
    other = Ed25519PrivateKey.generate()
    note = signed(Checkpoint(NAME, 5, bytes(32)).text(), NAME, other, KEY)
    assert signer_of(parse_checkpoint(note), [PUBLIC]) == PUBLIC


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        ("", "no signed note"),
        (EXAMPLE[:-1], "cut short"),
        (EXAMPLE.replace("\n\n", "\n"), "no signed note"),
        (EXAMPLE.replace("\n", "\r\n"), "control characters"),
        (EXAMPLE.replace("—", "-"), "no signature line"),
        (EXAMPLE.replace("Az3g", "Az3"), "no signature line"),
        (EXAMPLE.replace("20852163", "020852163"), "no checkpoint"),
        (EXAMPLE.replace("20852163", "-1"), "no checkpoint"),
        (EXAMPLE.replace("CsUY", "AAAACsUY"), "no checkpoint"),
        (EXAMPLE.replace("q2I=", "q2J="), "no checkpoint"),
        (EXAMPLE + "— a/b AAAAAAAA\n" * 16, "16 are read"),
        ("x" * 70_000, "longer than"),
    ],
)
def test_what_is_no_checkpoint_is_refused(note: str, reason: str) -> None:
    with pytest.raises(NoteInvalid, match=reason):
        parse_checkpoint(note)


@pytest.mark.parametrize("line", ["", "a+b", SUMDB_KEY.replace("033d", "033e"), SUMDB_KEY.replace("+Ac", "+Bc")])
def test_what_is_no_verifier_key_is_refused(line: str) -> None:
    with pytest.raises(NoteInvalid):
        parse_verifier_key(line)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b"])
def test_a_name_that_breaks_the_format_signs_nothing(name: str) -> None:
    with pytest.raises(NoteInvalid, match="cannot name a key"):
        signed("text\n", name, KEY)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_checkpoint(text)
    except NoteInvalid:
        return
