"""Messages on a stream."""

from __future__ import annotations

import pytest

from schoolgate.resolver.framing import Frames, FrameTooShort, frame


def test_a_message_is_framed_by_its_length() -> None:
    assert frame(b"x" * 300) == b"\x01\x2c" + b"x" * 300


def test_whole_messages_are_taken_and_the_rest_waits() -> None:
    frames = Frames()
    frames.put(frame(bytes(12)) + frame(bytes(13))[:5])
    assert frames.take() == bytes(12)
    assert frames.take() is None
    assert frames.has_begun
    frames.put(frame(bytes(13))[5:])
    assert frames.take() == bytes(13)
    assert not frames.has_begun


@pytest.mark.parametrize("length", [0, 1, 11])
def test_a_length_below_a_header_is_refused_before_its_octets_come(length: int) -> None:
    frames = Frames()
    frames.put(length.to_bytes(2))
    with pytest.raises(FrameTooShort):
        frames.take()
