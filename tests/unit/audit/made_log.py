"""An audit log made without a database: entries, hashes, checkpoints, as `storage` exports them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schoolgate.audit import own_entries
from schoolgate.audit.event import Event, entry_octets
from schoolgate.audit.export_lines import BLOCK_ENTRIES, hashes_line, own_line
from schoolgate.audit.merkle import leaf_hash, root_of
from schoolgate.audit.note import Checkpoint, signed
from schoolgate.storage.ids import uuid7

SITE = UUID("01900000-0000-7000-8000-000000000001")
NOON_US = 1_800_000_000_000_000


@dataclass
class MadeLog:
    """A log of one epoch. Each change to `entries` can be written with or without care."""

    key: Ed25519PrivateKey
    entries: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    size: int = 0
    root: bytes = b""

    @classmethod
    def of(cls, size: int) -> MadeLog:
        made = cls(Ed25519PrivateKey.generate())
        public = made.key.public_key().public_bytes_raw().hex()
        made.append(Event(NOON_US, "local:root", own_entries.KEY_MADE, detail={"public_key": public}))
        for at in range(1, size):
            made.append(Event(NOON_US + at, "local:root", "policy.apply", detail={"at": at}))
        made.rehash()
        return made

    def append(self, event: Event) -> None:
        number = len(self.entries)
        octets = entry_octets(event, (), entry_id=uuid7(event.at_us), site_id=SITE, epoch=1, number=number, last_us=0)
        self.entries.append(octets)

    def rehash(self) -> None:
        """Makes hashes and head fit the entries."""
        self.hashes = [leaf_hash(one) for one in self.entries]
        self.size, self.root = len(self.entries), root_of(self.hashes)

    def renumber(self) -> None:
        """What a careful rewriter does: numbers, hashes and head fit again."""
        for at, octets in enumerate(self.entries):
            head, _, rest = octets.partition(b'"number":')
            self.entries[at] = head + b'"number":' + str(at).encode() + b"," + rest.partition(b",")[2]
        self.rehash()

    def checkpoint(self, size: int | None = None) -> str:
        size = len(self.entries) if size is None else size
        name = own_entries.origin(SITE, 1)
        return signed(Checkpoint(name, size, root_of(self.hashes[:size])).text(), name, self.key)

    def lines(self) -> list[bytes]:
        made = [own_line("export", format=1, site=str(SITE))]
        made.append(own_line("head", epoch=1, size=self.size, root=self.root.hex()))
        made += [own_line("checkpoint", note=note) for note in self.notes]
        made.append(own_line("epoch", epoch=1))
        for at in range(0, len(self.entries), BLOCK_ENTRIES):
            made += self.entries[at : at + BLOCK_ENTRIES]
            made.append(hashes_line(self.hashes[at : at + BLOCK_ENTRIES]))
        return [*made, own_line("end")]


def altered(entries: Sequence[bytes], at: int) -> bytes:
    """An entry with another actor, of the same form."""
    return entries[at].replace(b"local:root", b"local:eve1")
