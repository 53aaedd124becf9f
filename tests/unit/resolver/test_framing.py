"""Messages on a stream."""

from __future__ import annotations

from schoolgate.resolver.framing import frame


def test_a_message_is_framed_by_its_length() -> None:
    assert frame(b"x" * 300) == b"\x01\x2c" + b"x" * 300
