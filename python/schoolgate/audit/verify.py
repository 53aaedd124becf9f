"""Verifies an audit log from its export and from checkpoints that were kept elsewhere, without its database.

The log's own hashes, numbers and head find what was changed without care. One who rewrites all of these consistently
is found by a checkpoint from outside only: then the log is a fork, and without one `verify` promises no more than that
the log agrees with itself. An earlier export also names which entries a careful rewriter changed (`comparison`).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson

from schoolgate.audit import own_entries
from schoolgate.audit.errors import ExportInvalid, NoteInvalid
from schoolgate.audit.event import Opening, commitment
from schoolgate.audit.export_lines import FORMAT, MARK, parse_hashes
from schoolgate.audit.key_chain import KeyChain
from schoolgate.audit.merkle import BLOCK, EMPTY_ROOT, CompactRange
from schoolgate.audit.note import SignedCheckpoint, parse_checkpoint
from schoolgate.audit.tampering import Finding, Kind, Verification, entries, misnumbered, runs

# A restore begins an epoch. A log with more is none of ours, and a hostile export may state any number.
MOST_EPOCHS = 10_000
# Subtrees of a block have this level.
BLOCK_LEVEL = BLOCK.bit_length() - 1
# A problem is described once; a log full of them is not listed entry by entry.
MOST_FINDINGS = 200

# An entry before the line that says what the file is, or no such line.
NO_EXPORT = "this is no export of an audit log; `schoolgate audit export` writes one"


@dataclass
class _Claim:
    """A root that was stated for a size."""

    size: int
    root: bytes
    source: str
    is_outside: bool = False


@dataclass
class _Epoch:
    """One tree, as far as it was read."""

    number: int
    tree: CompactRange = field(default_factory=CompactRange)
    numbers: array[int] = field(default_factory=lambda: array("q"))
    edited: list[int] = field(default_factory=list)
    claims: list[_Claim] = field(default_factory=list)
    wanted: dict[int, bytes] = field(default_factory=dict)
    stated_size: int | None = None
    stated_root: bytes = b""
    lost: SignedCheckpoint | None = None


class Verifier:
    """Reads the lines of an export in order; `finish` says what was found.

    `outside`: notes of checkpoints kept elsewhere. `keys`: public keys (32 octets) known from elsewhere; without them
    the log's own word counts, as far as the checkpoints from outside bear it out.
    """

    def __init__(self, outside: Sequence[str] = (), keys: Sequence[bytes] = ()) -> None:
        self._problems: list[Finding] = []
        self._notices: list[str] = []
        self._outside: list[SignedCheckpoint] = []
        self._own: list[SignedCheckpoint] = []
        self._chain = KeyChain(keys)
        self._epochs: dict[int, _Epoch] = {}
        self._nodes: dict[tuple[int, int, int], bytes] = {}
        self._epoch = _Epoch(0)
        self._site = ""
        self._head: dict[str, Any] | None = None
        self._head_key = b""
        self._is_ended = False
        # Hashes since the last line of hashes, and how many of them are in the tree; the last entry, for its openings.
        self._block: list[bytes] = []
        self._grown = 0
        self._last: dict[str, Any] | None = None
        self._clock_backs = 0
        for note in outside:
            try:
                self._outside.append(parse_checkpoint(note))
            except NoteInvalid as error:
                self._problem(Kind.signature, f"a checkpoint from outside cannot be read: {error}")

    def feed(self, lines: Iterable[bytes]) -> None:
        """Reads lines without their newlines. Raises `ExportInvalid` where the file is no export."""
        for line in lines:
            if line.startswith(MARK):
                self._own_line(line)
            elif line:
                self._entry(line)

    def finish(self) -> Verification:
        """Compares what was read with what was stated."""
        if not self._site:
            raise ExportInvalid(NO_EXPORT)
        if not self._is_ended:
            self._problem(Kind.export, "the export was cut short: its last line is missing; export the log again")
        self._close_block(None)
        if self._head_key and not self._chain:
            self._chain.begin(self._head_key, 1, 0)  # the entry that named it is gone, which is a finding of its own
        self._state_closed_epochs()
        anchors = self._take_claims()
        for epoch in self._epochs.values():
            self._judge(epoch)
        self._check_keys()
        if self._clock_backs:
            self._notices.append(f"the clock was set back before {self._clock_backs} entries; their order is certain")
        total = sum(epoch.tree.size for epoch in self._epochs.values())
        problems = tuple(self._problems[:MOST_FINDINGS])
        is_anchored = not any(problem.kind in (Kind.fork, Kind.signature) for problem in problems)
        return Verification(total, len(self._epochs), anchors if is_anchored else 0, problems, tuple(self._notices))

    # Lines

    def _entry(self, line: bytes) -> None:
        if not self._site:
            raise ExportInvalid(NO_EXPORT)
        epoch = self._epoch
        at = len(epoch.numbers)
        self._block.append(sha256(b"\x00" + line).digest())
        entry = self._last = self._read(line, at)
        if entry is None:
            epoch.edited.append(at)
            epoch.numbers.append(at)
        else:
            epoch.numbers.append(entry["number"])
            if entry["operation"].startswith("audit."):
                self._about_itself(entry, at)
            self._clock_backs += "clock_back_us" in entry
        if len(self._block) - self._grown >= BLOCK:
            self._grow()

    def _read(self, line: bytes, at: int) -> dict[str, Any] | None:
        """The fields of an entry; None where they are not what this log writes."""
        try:
            entry = orjson.loads(line)
            is_ours = entry["site"] == self._site and entry["epoch"] == self._epoch.number
            number, operation, personal = entry["number"], entry["operation"], entry["personal"]
        except (ValueError, KeyError, TypeError):
            return None
        is_readable = type(number) is int and type(operation) is str and type(personal) is dict
        if not (is_ours and is_readable and -(2**62) < number < 2**62):
            return None
        fields: dict[str, Any] = entry
        return fields

    def _grow(self) -> None:
        """Adds to the tree what was read since the last time."""
        epoch, tree = self._epoch, self._epoch.tree
        leaves, self._grown = self._block[self._grown :], len(self._block)
        ahead = range(tree.size + 1, tree.size + BLOCK)
        if len(leaves) == BLOCK and not tree.size % BLOCK and not any(size in ahead for size in epoch.wanted):
            self._check_nodes(epoch, tree.append_block(leaves))
        else:
            for leaf in leaves:
                completed: list[bytes] = []
                tree.append(leaf, completed)
                self._check_nodes(epoch, completed[BLOCK_LEVEL - 1 :])
                if tree.size in epoch.wanted:
                    epoch.wanted[tree.size] = tree.root()
        if tree.size in epoch.wanted:
            epoch.wanted[tree.size] = tree.root()

    def _own_line(self, line: bytes) -> None:
        try:
            fields = orjson.loads(line)
            match fields["_"]:
                case "export":
                    self._begin(fields)
                case "head":
                    self._head = fields
                    self._head_key = bytes.fromhex(fields.get("public_key") or "")
                    self._state(int(fields["epoch"]), int(fields["size"]), bytes.fromhex(fields["root"]))
                case "checkpoint":
                    self._own.append(parse_checkpoint(fields["note"]))
                case "node":
                    at = (int(fields["epoch"]), int(fields["level"]), int(fields["number"]))
                    self._nodes[at] = bytes.fromhex(fields["hash"])
                case "epoch":
                    self._begin_epoch(int(fields["epoch"]))
                case "opening":
                    self._opening(fields)
                case "hashes":
                    self._close_block(parse_hashes(fields["hashes"]))
                case "end":
                    self._is_ended = True
                case _:
                    raise ValueError("a kind of line that is not known")
        except NoteInvalid as error:
            self._problem(Kind.signature, f"a checkpoint of the log cannot be read: {error}")
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            self._problem(
                Kind.export, f"a line of the export cannot be read ({error}): {line[:60].decode(errors='replace')}"
            )

    def _begin(self, fields: dict[str, Any]) -> None:
        if fields["format"] != FORMAT:
            raise ExportInvalid(f"the export has format {fields['format']}, this schoolgate reads {FORMAT}; update it")
        self._site = str(fields["site"])

    def _begin_epoch(self, number: int) -> None:
        if not self._site:
            raise ExportInvalid("the first line of the export is missing")
        if not 1 <= number <= MOST_EPOCHS:
            raise ValueError(f"there is no epoch {number}")
        self._close_block(None)
        self._epoch = self._epochs.setdefault(number, _Epoch(number))
        name = own_entries.origin(self._site, number)
        for one in (*self._own, *self._outside):
            if one.checkpoint.origin == name:
                self._epoch.wanted[one.checkpoint.size] = EMPTY_ROOT

    def _state(self, number: int, size: int, root: bytes) -> None:
        if not 1 <= number <= MOST_EPOCHS or size < 0:
            raise ValueError(f"there is no epoch {number} of {size} entries")
        epoch = self._epochs.setdefault(number, _Epoch(number))
        epoch.stated_size, epoch.stated_root = size, root

    def _about_itself(self, entry: dict[str, Any], at: int) -> None:
        detail, epoch = entry.get("detail"), self._epoch
        if not isinstance(detail, dict):
            return
        try:
            match entry["operation"]:
                case own_entries.KEY_MADE:
                    self._chain.begin(bytes.fromhex(detail["public_key"]), epoch.number, at)
                case own_entries.KEY_ROTATED:
                    self._chain.rotate(detail["note"], epoch.number, at)
                case own_entries.NEW_EPOCH if at == 0:
                    self._after_restore(detail)
        except (ValueError, KeyError, TypeError, NoteInvalid) as error:
            text = f"entry {at} about the log's own keys or epochs cannot be read: {error}"
            self._problem(Kind.signature, text, epoch.number, at, at)

    def _after_restore(self, detail: dict[str, Any]) -> None:
        previous = detail["previous"]
        self._state(int(previous["epoch"]), int(previous["size"]), bytes.fromhex(previous["root"]))
        if detail["lost"] is not None:
            self._epochs[int(previous["epoch"])].lost = parse_checkpoint(detail["lost"])
        if "public_key" in detail:
            self._chain.begin(bytes.fromhex(detail["public_key"]), self._epoch.number, 0)
        self._notices.append(f"epoch {self._epoch.number} began with a restore of {previous['size']} entries")

    def _opening(self, fields: dict[str, Any]) -> None:
        entry = self._last
        opening = Opening(str(fields["name"]), str(fields["value"]), bytes.fromhex(fields["salt"]))
        stated = {} if entry is None else entry["personal"]
        if stated.get(opening.name) != commitment(opening):
            at = max(len(self._epoch.numbers) - 1, 0)
            text = f"the personal value {opening.name} of entry {at} was changed"
            self._problem(Kind.edit, text, self._epoch.number, at, at)

    def _close_block(self, stored: list[bytes] | None) -> None:
        self._grow()
        start = self._epoch.tree.size - len(self._block)
        if stored is not None and stored != self._block:
            if len(stored) != len(self._block):
                self._problem(Kind.export, f"the export has {len(stored)} hashes for {len(self._block)} entries")
            pairs = zip(stored, self._block, strict=False)
            self._epoch.edited += [start + at for at, (one, other) in enumerate(pairs) if one != other]
        self._block, self._grown, self._last = [], 0, None

    def _check_nodes(self, epoch: _Epoch, completed: Sequence[bytes]) -> None:
        """Compares stored roots of subtrees: they tell in which entries a change lies. First those of 2^8."""
        size = epoch.tree.size
        for level in own_entries.TILE_LEVELS:
            if level - BLOCK_LEVEL >= len(completed):
                return
            stored = self._nodes.get((epoch.number, level, (size >> level) - 1))
            if stored is not None and stored != completed[level - BLOCK_LEVEL]:
                epoch.claims.append(_Claim(size, stored, "a stored subtree"))

    # Conclusions

    def _state_closed_epochs(self) -> None:
        if self._head is None:
            self._problem(Kind.export, "the export does not hold the head of the log; export it again")
        newest = max(self._epochs, default=0)
        for number in range(1, newest + 1):
            if number not in self._epochs:
                self._problem(Kind.truncation, f"epoch {number} is missing as a whole", number)

    def _take_claims(self) -> int:
        """Puts each checkpoint to its epoch. Returns how many from outside belong to this log."""
        for number, epoch in self._epochs.items():
            if epoch.stated_size is not None:
                # Kept apart from the others: it is compared first.
                epoch.claims.insert(0, _Claim(epoch.stated_size, epoch.stated_root, "the head of the log"))
            name = own_entries.origin(self._site, number)
            for one in self._own:
                if one.checkpoint.origin == name and self._is_signed(one, number, "of the log"):
                    epoch.claims.append(_Claim(one.checkpoint.size, one.checkpoint.root, "a checkpoint of the log"))
        return sum(self._take_outside(one) for one in self._outside)

    def _take_outside(self, one: SignedCheckpoint) -> bool:
        origin = one.checkpoint.origin
        prefix = own_entries.origin(self._site, 0)[:-1]
        number = int(origin.removeprefix(prefix)) if origin.removeprefix(prefix).isdecimal() else 0
        if not origin.startswith(prefix) or number < 1:
            self._problem(Kind.signature, f"the checkpoint from outside belongs to another log: {origin[:120]}")
            return False
        if not self._is_signed(one, number, "from outside"):
            return False
        epoch = self._epochs.get(number)
        if epoch is None:
            text = f"a checkpoint from outside has epoch {number}, which is missing here"
            self._problem(Kind.truncation, text, number, 0, max(one.checkpoint.size - 1, 0))
            return False
        epoch.claims.append(_Claim(one.checkpoint.size, one.checkpoint.root, "a checkpoint from outside", True))
        return True

    def _is_signed(self, one: SignedCheckpoint, epoch: int, whose: str) -> bool:
        try:
            reason = self._chain.why_not(one, epoch)
        except NoteInvalid as error:
            reason = str(error)
        if reason:
            size = one.checkpoint.size
            self._problem(Kind.signature, f"the checkpoint {whose} at {size} entries: {reason}", epoch)
        return not reason

    def _judge(self, epoch: _Epoch) -> None:
        before = len(self._problems)
        size = max([claim.size for claim in epoch.claims if not self._is_declared_lost(epoch, claim)], default=0)
        self._problems += misnumbered(epoch.numbers, size, epoch.number)
        for first, last in runs(sorted(set(epoch.edited))):
            text = f"{entries(first, last)} changed"
            self._problem(Kind.edit, text, epoch.number, first, last)
        if len(self._problems) == before:
            self._compare_roots(epoch)
        self._compare_outside(epoch)

    def _is_declared_lost(self, epoch: _Epoch, claim: _Claim) -> bool:
        lost = epoch.lost
        if not claim.is_outside or lost is None or not epoch.stated_size or claim.size <= epoch.stated_size:
            return False
        name = own_entries.origin(self._site, epoch.number)
        is_declared = lost.checkpoint.origin == name and claim.size <= lost.checkpoint.size
        if is_declared:
            which = f"entries {epoch.stated_size} to {claim.size - 1} of epoch {epoch.number}"
            self._notices.append(f"{which} were lost in a restore, as it records")
        return is_declared

    def _compare_roots(self, epoch: _Epoch) -> None:
        agreed = [claim.size for claim in epoch.claims if self._agrees(epoch, claim)]
        wrong = [claim for claim in epoch.claims if claim.size <= epoch.tree.size and not self._agrees(epoch, claim)]
        if not wrong:
            return
        size = min(claim.size for claim in wrong)
        first = max((one for one in agreed if one < size), default=0)
        own = [claim for claim in wrong if claim.source != "a checkpoint of the log" and not claim.is_outside]
        if own:
            text = f"one of the entries {first} to {size - 1} was changed: they do not fit {own[0].source}"
            self._problem(Kind.edit, text, epoch.number, first, size - 1)
            return
        sources = " and ".join(sorted({claim.source for claim in wrong if claim.size == size}))
        text = f"the log was rewritten: entries {first} to {size - 1} are not those of {sources} at {size} entries"
        self._problem(Kind.fork, text, epoch.number, first, size - 1)

    def _agrees(self, epoch: _Epoch, claim: _Claim) -> bool:
        if claim.size == epoch.tree.size:
            return claim.root == epoch.tree.root()
        if claim.source == "a stored subtree":
            return False  # only those that differ were kept
        return claim.root == (EMPTY_ROOT if claim.size == 0 else epoch.wanted.get(claim.size))

    def _compare_outside(self, epoch: _Epoch) -> None:
        """Two checkpoints of one size with different roots: the log was shown in two forms."""
        roots: dict[int, bytes] = {}
        for claim in epoch.claims:
            if claim.is_outside and roots.setdefault(claim.size, claim.root) != claim.root:
                text = f"two signed checkpoints of {claim.size} entries have different roots: two logs were shown"
                self._problem(Kind.fork, text, epoch.number, 0, claim.size - 1)

    def _check_keys(self) -> None:
        for text in self._chain.problems():
            self._problem(Kind.signature, text)

    def _problem(self, kind: Kind, sentence: str, epoch: int = 0, first: int = 0, last: int = 0) -> None:
        self._problems.append(Finding(kind, sentence, epoch, first, last))


def verify(lines: Iterable[bytes], outside: Sequence[str] = (), keys: Sequence[bytes] = ()) -> Verification:
    """Verifies a whole export. Raises `ExportInvalid` where the lines are no export at all."""
    verifier = Verifier(outside, keys)
    verifier.feed(line.rstrip(b"\r\n") for line in lines)
    return verifier.finish()
