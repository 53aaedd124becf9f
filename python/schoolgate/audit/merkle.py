"""A Merkle tree over the entries of a log: RFC 6962 section 2.1, RFC 9162 section 2.1, SHA-256.

A root stands for every entry before it. A proof of O(log n) hashes shows that an entry is in a tree (inclusion), or
that a later tree begins with all entries of an earlier one (consistency). Hashes are 32 octets. Nothing here knows
where hashes are stored: a proof is first a list of ranges of entries, whose hashes the caller looks up or computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_OCTETS = 32
EMPTY_ROOT = sha256(b"").digest()
# Entries of a block: what `append_block` takes, and what a proof stores one hash for.
BLOCK = 256

# Entries `start` to `end - 1`.
Range = tuple[int, int]


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry: SHA-256(0x00 || entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


class CompactRange:
    """The roots of the perfect subtrees that make up a tree, largest first: all that an append needs.

    One hash for each bit set in the size: at most 64, stored as their concatenation.
    """

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if size < 0 or len(self.hashes) != size.bit_count() or any(len(one) != HASH_OCTETS for one in self.hashes):
            raise ValueError(f"{len(self.hashes)} hashes do not make a tree of {size} entries")

    @classmethod
    def parse(cls, size: int, octets: bytes) -> CompactRange:
        """Reads what `compose` wrote. Raises `ValueError` where the number of hashes does not fit the size."""
        return cls(size, (octets[at : at + HASH_OCTETS] for at in range(0, len(octets), HASH_OCTETS)))

    def compose(self) -> bytes:
        """The hashes, concatenated."""
        return b"".join(self.hashes)

    def append(self, leaf: bytes, completed: list[bytes] | None = None) -> None:
        """Adds the hash of one more entry. `completed` gets the root of each subtree this completes, smallest first."""
        hashes, bits = self.hashes, self.size
        while bits & 1:
            leaf = sha256(b"\x01" + hashes.pop() + leaf).digest()
            bits >>= 1
            if completed is not None:
                completed.append(leaf)
        hashes.append(leaf)
        self.size += 1

    def append_block(self, leaves: Sequence[bytes]) -> list[bytes]:
        """Adds 256 entries to a tree whose size is a multiple of 256; faster than one by one.

        Returns the roots of the subtrees of 2^8, 2^9, ... entries that this completes.
        """
        if self.size % BLOCK or len(leaves) != BLOCK:
            raise ValueError(f"{len(leaves)} entries after {self.size} are no block")
        row = list(leaves)
        while len(row) > 1:
            row = [sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=True)]
        hashes, bits, root = self.hashes, self.size >> 8, row[0]
        completed = [root]
        while bits & 1:
            root = node_hash(hashes.pop(), root)
            bits >>= 1
            completed.append(root)
        hashes.append(root)
        self.size += BLOCK
        return completed

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over hashes of entries."""
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def perfect_subtrees(start: int, end: int) -> list[Range]:
    """Cuts a range into the largest aligned ranges whose lengths are powers of two, from left to right."""
    pieces = []
    while start < end:
        length = 1 << ((end - start).bit_length() - 1)
        if start:
            length = min(length, start & -start)
        pieces.append((start, start + length))
        start += length
    return pieces


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_ranges(number: int, size: int) -> list[Range]:
    """The subtrees whose hashes prove entry `number` (from 0) in a tree of `size` entries: RFC 9162, 2.1.3.1."""
    if not 0 <= number < size:
        raise ValueError(f"there is no entry {number} in a tree of {size}")
    ranges, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if number < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The subtrees whose hashes prove that a tree of `new` entries begins with one of `old`: RFC 9162, 2.1.4.1."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} entries cannot begin with {old}")
    if old in (0, new):
        return []
    ranges, start, end, is_whole = [], 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, is_whole = middle, False
    if not is_whole:
        ranges.append((start, end))
    return ranges[::-1]


def inclusion_holds(leaf: bytes, number: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that `leaf` is entry `number` of the tree with this root: RFC 9162, 2.1.3.2."""
    if not 0 <= number < size:
        return False
    at, last, found = number, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def consistency_holds(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the new tree begins with the old one: RFC 9162, 2.1.4.2."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    found_old = found_new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            found_old, found_new = node_hash(sibling, found_old), node_hash(sibling, found_new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found_new = node_hash(found_new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found_old == old_root and found_new == new_root
