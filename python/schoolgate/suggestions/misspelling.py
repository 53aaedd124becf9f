"""Labels that are one slip away from a known one: a letter too many, too few, another, or two changed over.

Found by deletions: two words that are one edit apart have a word in common when each loses at most one letter. So a
look-up costs as many steps as the word has letters, however many words are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def is_one_edit_away(one: str, other: str) -> bool:
    """Insertion, deletion, substitution, or two neighbours changed over; not the same word."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    if len(one) == len(other):
        is_swapped = one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]
        return is_swapped or one[at + 1 :] == other[at + 1 :]
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return longer[at + 1 :] == shorter[at:]


class Spellings:
    """ComparisonNames words, looked up by what is almost one of them. Immutable."""

    def __init__(self, words: Iterable[str]) -> None:
        self._by_deletion: dict[str, list[str]] = {}
        for word in sorted(set(words)):
            for short in {word, *_deletions(word)}:
                self._by_deletion.setdefault(short, []).append(word)

    def almost(self, word: str) -> str | None:
        """The first known word that `word` is one edit away from; None also for a known word itself."""
        if word in self._by_deletion.get(word, ()):
            return None
        found = {
            known
            for short in {word, *_deletions(word)}
            for known in self._by_deletion.get(short, ())
            if is_one_edit_away(word, known)
        }
        return min(found, default=None)


def _deletions(word: str) -> Iterator[str]:
    return (word[:at] + word[at + 1 :] for at in range(len(word)))
