"""From the table of now to the spans of the past: what began, what goes on, what ended. For the monitor.

A device stands in the spans under the text that the log has for its address at that moment: its pseudonym under the key
in use, or the address. Where the key cannot be read, nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from schoolgate._core import log_pseudonym
from schoolgate.errors import SchoolgateError
from schoolgate.identity.attribution import ERASED, FOLLOWED, Attribution, Span
from schoolgate.identity.binding import Binding
from schoolgate.identity.binding_table import EMPTY, BindingTable
from schoolgate.identity.bindings_file import path_of, read_bindings
from schoolgate.privacy.pseudonyms import FILE, read_key

# Longer without a look at the table, and nothing tells when in that time a device left.
GAP_US = 120 * 1_000_000
_MARK_EVERY_US = GAP_US // 4


class NoPseudonymKey(SchoolgateError):
    """Devices are known, and the key under which the log knows them is not."""


class Following:
    """Blocking; used by one thread."""

    def __init__(self, state_dir: Path, attribution: Attribution, *, has_pseudonyms: bool) -> None:
        self._state_dir = state_dir
        self._attribution = attribution
        self._has_pseudonyms = has_pseudonyms
        self._signature: tuple[int, int] | None = None
        self._key: bytes | None = None
        self._table: BindingTable = EMPTY
        self._followed_us = attribution.mark(FOLLOWED)

    def step(self, now_us: int) -> int:
        """Takes in what changed; how many spans began or ended. Raises `NoPseudonymKey`, `CheckedFileDamaged`,
        `AttributionUnavailable`."""
        signature, key = self._signature_now(), self._key_now()
        is_news = signature != self._signature or key != self._key
        if is_news:
            self._table = read_bindings(self._state_dir)
        elif not any(one.until_us <= now_us for one in self._table.bindings.values()):
            if now_us - self._followed_us >= _MARK_EVERY_US:
                self._attribution.set_mark(FOLLOWED, now_us)
                self._followed_us = now_us
            return 0
        changed = self._take(now_us, self._named(key))
        self._signature, self._key = signature, key
        if not is_news:
            live = {address: one for address, one in self._table.bindings.items() if now_us < one.until_us}
            self._table = replace(self._table, bindings=live)
        return changed

    def _take(self, now_us: int, client_of: Callable[[str], str]) -> int:
        known = self._attribution.open_spans()
        live: dict[str, Binding] = {
            client_of(address): one for address, one in self._table.bindings.items() if now_us < one.until_us
        }
        ended = [
            replace(one, until_us=self._end(live.get(client), now_us))
            for client, one in known.items()
            if not _goes_on(one, live.get(client))
        ]
        extended = [
            replace(known[client], until_us=one.until_us)
            for client, one in live.items()
            if client in known and _goes_on(known[client], one) and known[client].until_us != one.until_us
        ]
        new = {client: one for client, one in live.items() if client not in known or not _goes_on(known[client], one)}
        if ended or extended or new:
            begun = self._begun(new, {one.client: one.until_us for one in ended}, now_us)
            self._attribution.note([*extended, *begun], ended, {o.device: o.host_name for o in live.values()}, now_us)
        self._followed_us = now_us
        return len(new) + len(ended)

    def _end(self, successor: Binding | None, now_us: int) -> int:
        """When a device left: when another came, or now; after a gap, when it was seen last."""
        end_us = now_us if now_us - self._followed_us < GAP_US else self._followed_us
        return end_us if successor is None else min(end_us, successor.since_us)

    def _begun(self, new: dict[str, Binding], ended: dict[str, int], now_us: int) -> list[Span]:
        """From when the source says; never before the last device left, nor before what was erased."""
        ends = self._attribution.last_ends(new.keys()) | ended
        erased_us = self._attribution.mark(ERASED)
        return [
            Span(
                client, one.device, one.source, one.confidence,
                min(now_us, max(one.since_us, ends.get(client, 0), erased_us)), one.until_us, is_open=True,
            )
            for client, one in new.items()
        ]  # fmt: skip

    def _signature_now(self) -> tuple[int, int] | None:
        try:
            status = path_of(self._state_dir).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _key_now(self) -> bytes | None:
        if not self._has_pseudonyms:
            return None
        try:
            key = read_key(self._state_dir / FILE)
        except OSError as error:
            raise NoPseudonymKey(f"{self._state_dir / FILE}: {error.strerror}; devices of now get no name") from error
        if key is None:
            raise NoPseudonymKey(f"{self._state_dir / FILE}: there is no key of the pseudonyms; is the server running?")
        return key.key

    def _named(self, key: bytes | None) -> Callable[[str], str]:
        return str if key is None else lambda address: log_pseudonym(key, address)


def _goes_on(span: Span, binding: Binding | None) -> bool:
    return binding is not None and (span.device, span.source) == (binding.device, binding.source)
