"""What the log writes about itself: the names of these entries, its origin, and the statement of a key rotation."""

from __future__ import annotations

from uuid import UUID

KEY_MADE = "audit.key_made"
KEY_ROTATED = "audit.key_rotated"
NEW_EPOCH = "audit.new_epoch"
ERASE = "audit.erase"
ATTEMPTS = "audit.attempts"

# Roots of subtrees of 2^8, 2^16, ... entries are stored for proofs.
TILE_LEVELS = (8, 16, 24, 32)
ROTATION = "schoolgate audit key rotation"


def origin(site_id: UUID | str, epoch: int) -> str:
    """The origin of the checkpoints of an epoch, which is also the name of its key."""
    return f"schoolgate/audit/{site_id}/{epoch}"


def rotation_text(name: str, before: bytes, after: bytes) -> str:
    """What both keys sign: the log, the old public key, the new one, in hexadecimal."""
    return f"{ROTATION}\n{name}\n{before.hex()}\n{after.hex()}\n"


def parse_rotation(text: str) -> tuple[str, bytes, bytes]:
    """Name, old and new public key of a rotation. Raises `ValueError`."""
    head, name, before, after, *rest = [*text.split("\n"), "", "", "", ""]
    if head != ROTATION or any(rest):
        raise ValueError("no statement of a rotation")
    return name, bytes.fromhex(before), bytes.fromhex(after)
