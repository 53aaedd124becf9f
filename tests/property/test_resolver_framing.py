"""However a stream is cut into pieces, the same messages come out; whatever comes in, nothing breaks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schoolgate.resolver.framing import HEADER_OCTETS, Frames, FrameTooShort, frame

MESSAGES = st.lists(st.binary(min_size=HEADER_OCTETS, max_size=80), max_size=8)
CUTS = st.lists(st.integers(1, 20), min_size=1, max_size=30)


def pieces(octets: bytes, cuts: list[int]) -> list[bytes]:
    found, start, turn = [], 0, 0
    while start < len(octets):
        size = cuts[turn % len(cuts)]
        found.append(octets[start : start + size])
        start, turn = start + size, turn + 1
    return found


def taken(frames: Frames) -> list[bytes]:
    found = []
    while (message := frames.take()) is not None:
        found.append(message)
    return found


@given(MESSAGES, CUTS)
def test_messages_survive_any_cutting(messages: list[bytes], cuts: list[int]) -> None:
    frames = Frames()
    found: list[bytes] = []
    for piece in pieces(b"".join(map(frame, messages)), cuts):
        frames.put(piece)
        found += taken(frames)
    assert found == messages
    assert not frames.has_begun


@given(MESSAGES, CUTS, st.integers(0, 5))
def test_messages_survive_being_taken_late(messages: list[bytes], cuts: list[int], late: int) -> None:
    frames = Frames()
    found: list[bytes] = []
    for number, piece in enumerate(pieces(b"".join(map(frame, messages)), cuts)):
        frames.put(piece)
        if number % (late + 1) == 0:
            message = frames.take()
            found += [] if message is None else [message]
    assert found + taken(frames) == messages


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_noise_gives_messages_with_a_header_or_one_refusal(noise: list[bytes]) -> None:
    frames = Frames()
    try:
        for piece in noise:
            frames.put(piece)
            assert all(len(message) >= HEADER_OCTETS for message in taken(frames))
    except FrameTooShort as refusal:
        assert refusal.args[0] < HEADER_OCTETS
