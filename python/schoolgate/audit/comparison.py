"""Compares an audit log with an earlier export of it, and names what a careful rewriter changed.

One who removes an entry, numbers the rest anew and computes every hash again leaves a log that agrees with itself. A
checkpoint from outside shows that it is a fork; an export from before shows which entry is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import pairwise

from schoolgate.audit.canonical import canonical
from schoolgate.audit.errors import EntryRefused
from schoolgate.audit.event import parse_entry
from schoolgate.audit.export_lines import MARK
from schoolgate.audit.tampering import Finding, Kind, runs

_Place = tuple[int, int]


def compare(earlier: Iterable[bytes], now: Iterable[bytes]) -> list[Finding]:
    """What became of the entries of the earlier export. Entries that were appended since are no finding."""
    before, after = dict(_contents(earlier)), dict(_contents(now))
    places = {entry: at for at, entry in enumerate(after)}
    gone = [place for entry, (place, _) in before.items() if entry not in after]
    edited = [place for entry, (place, content) in before.items() if entry in after and after[entry][1] != content]
    kept = [entry for entry in before if entry in after]
    moved = [before[two][0] for one, two in pairwise(kept) if places[two] < places[one]]
    last = max((places[entry] for entry in kept), default=-1)
    added = [place for entry, (place, _) in after.items() if entry not in before and places[entry] < last]
    newest = max((before[entry][0] for entry in kept), default=(0, -1))
    # Cut off at the end, unless other entries came in their place.
    is_shorter = len(after) == len(kept) + len(added)
    cut = [place for place in gone if place > newest and is_shorter]
    return [
        *_findings(Kind.removal, "was removed since the earlier export", [one for one in gone if one not in set(cut)]),
        *_findings(Kind.insertion, "was put in since the earlier export", added),
        *_findings(Kind.edit, "was changed since the earlier export", edited),
        *_findings(Kind.reordering, "stands elsewhere than in the earlier export", moved),
        *_findings(Kind.truncation, "was cut off since the earlier export", cut),
    ]


def _contents(lines: Iterable[bytes]) -> Iterator[tuple[str, tuple[_Place, bytes]]]:
    """Identifier, place and content of each entry; the content leaves out the number, which a rewriter adapts."""
    epoch, at = 0, 0
    for line in lines:
        if not line.strip() or line.startswith(MARK):
            continue
        try:
            fields = parse_entry(line)
            at = at + 1 if fields["epoch"] == epoch else 0
            epoch = fields["epoch"]
            content = canonical({name: value for name, value in fields.items() if name != "number"})
            name = str(fields.get("id"))
        except (ValueError, EntryRefused):
            at, name, content = at + 1, f"unreadable {at}", line
        yield name, ((epoch, at), sha256(content).digest())


def _findings(kind: Kind, what: str, places: list[_Place]) -> list[Finding]:
    found = []
    for epoch in sorted({epoch for epoch, _ in places}):
        for first, last in runs(sorted(at for number, at in places if number == epoch)):
            which = f"entry {first} {what}" if first == last else f"each of the entries {first} to {last} {what}"
            found.append(Finding(kind, which, epoch, first, last))
    return found
