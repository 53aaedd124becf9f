"""Which keys may sign checkpoints of a log, and from which entry on: the first, and each that the one before signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schoolgate.audit.errors import NoteInvalid
from schoolgate.audit.note import SignedCheckpoint, parse_note, signer_of
from schoolgate.audit.own_entries import parse_rotation


@dataclass
class _Key:
    """A public key, in use from one entry to another; (epoch, number)."""

    public: bytes
    since: tuple[int, int]
    until: tuple[int, int] | None = None


class KeyChain:
    """Keys as the log's entries introduce them. `trusted`: public keys known from elsewhere; empty: the log's word."""

    def __init__(self, trusted: Sequence[bytes] = ()) -> None:
        self._trusted = set(trusted)
        self._keys: list[_Key] = []
        # Keys that signed each other on. A break means that a key was lost.
        self._chains: list[list[bytes]] = []

    def __bool__(self) -> bool:
        """Whether any entry named a key."""
        return bool(self._keys)

    def begin(self, public: bytes, epoch: int, number: int) -> None:
        """A key that no other one introduced: the first one, or that of an epoch after the old key was lost."""
        if not self._keys or self._keys[-1].public != public:
            self._replace(public, epoch, number)
            self._chains.append([public])

    def rotate(self, note: str, epoch: int, number: int) -> None:
        """A rotation that both keys must have signed. Raises `NoteInvalid`, `ValueError`."""
        statement = parse_note(note)
        name, before, after = parse_rotation(statement.text)
        if not self._keys or self._keys[-1].public != before:
            raise NoteInvalid("the key that was replaced is not the one that was in use")
        if not all(statement.is_signed_by(name, key) for key in (before, after)):
            raise NoteInvalid("the rotation lacks the signature of one of both keys")
        self._replace(after, epoch, number)
        self._chains[-1].append(after)

    def why_not(self, checkpoint: SignedCheckpoint, epoch: int) -> str:
        """Why this checkpoint does not count; empty where it does. Raises `NoteInvalid` for a wrong signature."""
        signer = signer_of(checkpoint, [one.public for one in reversed(self._keys)])
        if signer is None:
            return "no key of this log signed it"
        uses = [one for one in self._keys if one.public == signer]
        last = (epoch, checkpoint.checkpoint.size - 1)
        if all(one.until is not None and last > one.until for one in uses):
            return "a key signed it that had been replaced before"
        return ""

    def problems(self) -> list[str]:
        """Keys that nothing vouches for: neither a key from elsewhere nor the key before."""
        if self._trusted:
            strange = [chain for chain in self._chains if not self._trusted & set(chain)]
            return [f"the log's key {chain[0].hex()} is none that was given, nor signed on by one" for chain in strange]
        return [
            f"the key {chain[0].hex()} was not signed on by the one before, which may be lost: give the keys that count"
            for chain in self._chains[1:]
        ]

    def _replace(self, public: bytes, epoch: int, number: int) -> None:
        if self._keys:
            self._keys[-1].until = (epoch, number)
        self._keys.append(_Key(public, (epoch, number)))
