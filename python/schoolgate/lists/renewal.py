"""Renewing one feed: fetched, verified, unpacked, inspected, judged, stored. Whatever fails, its last good stays."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from schoolgate.errors import SchoolgateError
from schoolgate.lists.content_store import ContentStore, digest
from schoolgate.lists.feed_book import Source
from schoolgate.lists.feed_catalogue import Published
from schoolgate.lists.fetch import Fetched, Fetcher, FetchFailed, Validators, WebSource
from schoolgate.lists.guards import (
    Before,
    Bounds,
    FeedHeld,
    FeedUnfit,
    Inspected,
    judge,
    left_out,
    refuse_pages,
    unread,
)
from schoolgate.lists.last_good import FeedState, Good, LeftOutNames, Part, Unread
from schoolgate.lists.limits import Limits
from schoolgate.lists.progress import Event, Tell
from schoolgate.lists.signature import LARGEST_SIGNATURE_OCTETS, SignatureWrong, public_key, verify
from schoolgate.lists.unpack import Member, unpack
from schoolgate.policy.catalogue import Catalogue

# "Not modified" is believed for so long: then the whole is asked for, in case the server's word is wrong.
BELIEVE_UNCHANGED = dt.timedelta(days=7)
# Timers are not punctual.
_EARLY = dt.timedelta(minutes=30)
# Files in archives that are no lists of names.
_NO_LISTS = frozenset({"urls", "expressions", "usage", "global_usage", "license", "licence", "copying", "readme"})
_LONGEST_USAGE = 65_536
_ALWAYS_OPEN = frozenset({"platform", "protected"})

# Reads a list (path, its name in messages, dialect or None, match, our category): what is in it, and its dialect.
Inspect = Callable[[Path, str, str | None, str, str], tuple[Inspected, str]]


@dataclass(frozen=True)
class Outcome:
    """What became of one feed."""

    feed: str
    kind: Literal["changed", "unchanged", "held", "failed", "not due"]
    state: FeedState
    message: str = ""


@dataclass(frozen=True)
class _Judged:
    """Lists that passed the guards."""

    parts: tuple[Part, ...]
    unread: Unread
    left_out: LeftOutNames
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Renewal:
    """What renewing needs besides the feed."""

    fetcher: Fetcher
    store: ContentStore
    work: Path
    published: Published
    catalogue: Catalogue
    inspect: Inspect
    tell: Tell
    limits: Limits = field(default_factory=Limits)
    bounds: Bounds = field(default_factory=Bounds)

    async def renew(self, source: Source, state: FeedState, now: dt.datetime, *, accepted: bool) -> Outcome:
        """Never raises for what a feed does; the outcome says it."""
        outcome = await self._outcome(source, state, now, accepted)
        self.tell(Event(outcome.kind, source.id, text=outcome.message))
        return outcome

    async def _outcome(self, source: Source, state: FeedState, now: dt.datetime, accepted: bool) -> Outcome:
        folder = self.work / source.id
        folder.mkdir(parents=True)
        try:
            good, warnings = await self._renewed(source, state, now, folder, accepted)
        except (SchoolgateError, OSError) as error:
            held = isinstance(error, FeedHeld)
            hint = f"; if that is right: schoolgate lists update --accept {source.id}" if held else ""
            message = f"{error}{hint}"
            return Outcome(source.id, "held" if held else "failed", state.failed(now, message, held=held), message)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, True)
        if good is None:
            return Outcome(source.id, "unchanged", state.confirmed(now))
        renewed = state.renewed(now, good, warnings)
        same = state.good is not None and _content(state.good) == _content(good)
        return Outcome(source.id, "unchanged" if same else "changed", renewed, _difference(state.good, good))

    async def _renewed(
        self, source: Source, state: FeedState, now: dt.datetime, folder: Path, accepted: bool
    ) -> tuple[Good | None, tuple[str, ...]]:
        self.tell(Event("fetching", source.id))
        if source.path is not None:
            return await asyncio.to_thread(self._from_files, source, state, now, folder, accepted)
        known = None if accepted else self._validators(source, state.good, now)
        web = _web(source)
        fetched = await self.fetcher_in(folder).fetch("body", web, known, self._progress(source.id))
        if fetched is None:
            return None, ()
        signature = await self._signature(source, web, folder)
        self.tell(Event("reading", source.id, octets=fetched.octets_on_wire))
        return await asyncio.to_thread(self._believed, source, state, now, folder, accepted, fetched, signature)

    def fetcher_in(self, folder: Path) -> Fetcher:
        return replace(self.fetcher, work=folder, limits=self.limits)

    def _validators(self, source: Source, good: Good | None, now: dt.datetime) -> Validators | None:
        """None asks for the whole: for the first time, from another place, or because it is time."""
        if good is None or (good.url, good.key) != (source.url, source.key) or now - good.whole_at > BELIEVE_UNCHANGED:
            return None
        if not all(self.store.intact(part.sha256) for part in good.parts):
            return None
        return Validators(good.etag, good.last_modified)

    def _progress(self, feed: str) -> Callable[[int, int | None], None]:
        return lambda octets, total: self.tell(Event("fetching", feed, octets, total))

    async def _signature(self, source: Source, web: WebSource, folder: Path) -> str | None:
        if source.key is None:
            return None
        small = replace(self.limits, wire_octets=LARGEST_SIGNATURE_OCTETS)
        fetcher = replace(self.fetcher, work=folder, limits=small)
        try:
            fetched = await fetcher.fetch("signature", replace(web, url=f"{web.url}.minisig"), None)
        except FetchFailed as error:
            raise SignatureWrong(f"a key is configured and there is no signature: {error}") from error
        assert fetched is not None
        return fetched.path.read_text(encoding="utf-8", errors="replace")

    def _believed(
        self,
        source: Source,
        state: FeedState,
        now: dt.datetime,
        folder: Path,
        accepted: bool,
        fetched: Fetched,
        signature: str | None,
    ) -> tuple[Good | None, tuple[str, ...]]:
        if source.key is not None:
            verify(fetched.path, signature or "", public_key(source.key))
        body = digest(fetched.path)
        vouched: dict[str, str | dt.datetime | None] = {
            "etag": fetched.validators.etag,
            "last_modified": fetched.validators.last_modified,
            "url": source.url,
            "key": source.key,
            "whole_at": now,
            "confirmed_at": now,
        }
        good = state.good
        if good is not None and body == good.body_sha256 and self._whole(good) and self._as_configured(good, source):
            return good.model_copy(update=vouched), state.warnings
        members = unpack(fetched.path, folder / "unpacked", self.limits)
        judged = self._judged(source, members, state.good, accepted)
        renewed = _good(judged, now).model_copy(update={"body_sha256": body})
        return renewed.model_copy(update=vouched), judged.warnings

    def _whole(self, good: Good) -> bool:
        return all(self.store.intact(part.sha256) for part in good.parts)

    def _as_configured(self, good: Good, source: Source) -> bool:
        """Whether the parts would come out the same; the catalogue or the operator may have changed their mind."""
        same_match = all(part.match == source.match for part in good.parts)
        if source.category is None:
            return same_match
        return same_match and all(part.category == source.category for part in good.parts)

    def _from_files(
        self, source: Source, state: FeedState, now: dt.datetime, folder: Path, accepted: bool
    ) -> tuple[Good | None, tuple[str, ...]]:
        """A file or a folder of this machine, guarded like what comes from elsewhere."""
        assert source.path is not None
        if source.path.is_dir():
            if source.key is not None:
                raise SignatureWrong("a folder cannot be signed; add its files one by one")
            members = tuple(self._copies(source.path, folder))
        else:
            copy = folder / "body"
            self._copy(source.path, copy)
            if source.key is not None:
                verify(copy, _beside(source.path), public_key(source.key))
            members = unpack(copy, folder / "unpacked", self.limits)
        judged = self._judged(source, members, state.good, accepted)
        good = _good(judged, now).model_copy(update={"key": source.key})
        if state.good is not None and _content(state.good) == _content(good):
            good = good.model_copy(update={"fetched_at": state.good.fetched_at})
        return good, judged.warnings

    def _copies(self, place: Path, folder: Path) -> Iterator[Member]:
        files = sorted(one for one in place.rglob("*") if one.is_file() and not one.name.startswith("."))
        if len(files) > self.limits.members:
            raise FeedUnfit(f"{place} holds more than {self.limits.members} files: it is no folder of lists")
        for number, file in enumerate(files):
            copy = folder / f"file-{number}"
            self._copy(file, copy)
            for member in unpack(copy, folder / f"unpacked-{number}", self.limits):
                name = str(file.relative_to(place))
                yield Member(f"{name}/{member.name}" if member.name else name, member.path)

    def _copy(self, file: Path, copy: Path) -> None:
        if not file.is_file():
            raise FeedUnfit(f"{file} is not there, or no file")
        if file.stat().st_size > self.limits.wire_octets:
            raise FeedUnfit(f"{file} has more than {self.limits.wire_octets} octets")
        shutil.copyfile(file, copy)

    def _judged(self, source: Source, members: Iterable[Member], good: Good | None, accepted: bool) -> _Judged:
        wanted = [*self._wanted(source, tuple(members))]
        if not wanted:
            raise FeedUnfit("the archive holds no list that can be used as a block list")
        found: list[Inspected] = []
        parts: list[Part] = []
        for member, category in wanted:
            if member.path.stat().st_size == 0 and member.name:
                continue
            refuse_pages(member.path)
            inspected, dialect = self.inspect(member.path, member.name, source.dialect, source.match, category)
            found.append(inspected)
            parts.append(
                Part(
                    label=member.name,
                    category=category,
                    match=source.match,
                    dialect=dialect,
                    sha256="",
                    octets=member.path.stat().st_size,
                    rules=inspected.rules,
                )
            )
        warnings = judge(found, _before(good), source.names, self.bounds, accepted=accepted)
        paths = {member.name: member.path for member, _ in wanted}
        kept = (part for part in parts if part.rules)
        stored = tuple(part.model_copy(update={"sha256": self.store.take(paths[part.label])}) for part in kept)
        missed, kept_open = unread(found), left_out(found)
        return _Judged(
            stored, Unread.model_validate(asdict(missed)), LeftOutNames.model_validate(asdict(kept_open)), warnings
        )

    def _wanted(self, source: Source, members: tuple[Member, ...]) -> Iterator[tuple[Member, str]]:
        """The lists among the members, each once, with our category."""
        seen: set[str] = set()
        shaped_as_ut1 = any(PurePosixPath(one.name).name == "domains" for one in members)
        to_open = {PurePosixPath(one.name).parent for one in members if _is_meant_to_open(one)}
        for member in members:
            name = PurePosixPath(member.name)
            if member.name in seen or (member.name and name.stem.lower() in _NO_LISTS):
                continue
            seen.add(member.name)
            if shaped_as_ut1 and (name.name != "domains" or name.parent in to_open):
                continue
            category = source.category or self.published.translate(source.mapping, name.parent.name)
            if category is None or category not in self.catalogue.categories:
                continue
            if self.catalogue.categories[category].role not in _ALWAYS_OPEN:
                yield member, category


def _is_meant_to_open(member: Member) -> bool:
    """Whether a folder's `usage` file, as UT1 writes it, says that its names are to be opened and not to be closed."""
    if PurePosixPath(member.name).name != "usage":
        return False
    with member.path.open(encoding="utf-8", errors="replace") as file:
        words = {line.strip().lower() for line in file.read(_LONGEST_USAGE).splitlines()}
    return "white" in words and "black" not in words


def _good(judged: _Judged, now: dt.datetime) -> Good:
    return Good(
        parts=judged.parts,
        fetched_at=now,
        confirmed_at=now,
        whole_at=now,
        unread=judged.unread,
        left_out=judged.left_out,
    )


def _before(good: Good | None) -> Before | None:
    if good is None:
        return None
    missed = good.unread
    share = None if missed is None or not missed.of else missed.lines / missed.of
    kept_open = None if good.left_out is None else good.left_out.lines
    return Before({part.label: part.rules for part in good.parts}, share, kept_open)


def is_due(source: Source, state: FeedState, now: dt.datetime) -> bool:
    """Whether it is worth asking: never asked, failed last time, old enough, or a file of this machine."""
    if source.path is not None or state.good is None or state.failure is not None or state.tried_at is None:
        return True
    return now - state.tried_at >= dt.timedelta(hours=source.refresh_h) - _EARLY


def _web(source: Source) -> WebSource:
    assert source.url is not None
    secret = None
    if source.credential_file is not None:
        try:
            secret = source.credential_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise FetchFailed(f"{source.credential_file}: cannot be read: {error.strerror}") from error
    in_url = secret is not None and "{credential}" in source.url
    url = source.url.replace("{credential}", secret or "") if in_url else source.url
    return WebSource(url, source.allow_http, frozenset(source.allow_hosts), None if in_url else secret)


def _beside(file: Path) -> str:
    signature = file.with_name(file.name + ".minisig")
    if not signature.is_file() or signature.stat().st_size > LARGEST_SIGNATURE_OCTETS:
        raise SignatureWrong(f"a key is configured and there is no {signature}")
    return signature.read_text(encoding="utf-8", errors="replace")


def _content(good: Good) -> tuple[tuple[str, str, str, str | None, str], ...]:
    return tuple((part.label, part.category, part.match, part.dialect, part.sha256) for part in good.parts)


def _difference(before: Good | None, now: Good) -> str:
    if before is None:
        return f"{now.rules} names"
    return f"{now.rules} names, {now.rules - before.rules:+d}"
