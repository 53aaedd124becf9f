"""Feeds: which are used, on what terms, and what is left out of them. They count from the next update of the lists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from schoolgate._core import normalise_name
from schoolgate.config import Settings
from schoolgate.config.diagnostics import Diagnostic
from schoolgate.config.domain_name import asked_name
from schoolgate.config.problems import did_you_mean
from schoolgate.errors import SchoolgateError
from schoolgate.lists.feed_book import ChosenFeed, ExceptedName, FeedBook, FeedRefused, source_of
from schoolgate.lists.feed_catalogue import FEED_ID, NoSuchFeed, Published, read_published
from schoolgate.lists.recommended import (
    ENABLE_RECOMMENDED,
    PHASES,
    Phase,
    Recommendation,
    enable_recommended,
    read_recommended,
)
from schoolgate.lists.signature import public_key
from schoolgate.operations.registry import Personal, changes, looks
from schoolgate.operations.work import Progress, Work
from schoolgate.policy.catalogue import load_catalogue
from schoolgate.storage import state_dir

_ALWAYS_OPEN = frozenset({"platform", "protected"})
# The suffixes of a file's name that say its form, which is no part of a feed's id.
_FORMS = r"(\.(txt|list|hosts|csv|json|conf|zone|rpz|gz|zip|tar|tgz))+$"


class LicenceNotAccepted(SchoolgateError):
    """A licence was shown, and the caller did not accept it."""

    @classmethod
    def of(cls, command: str) -> LicenceNotAccepted:
        """With the command line that accepts it."""
        return cls(f"if the licence suits you: {command}; nothing was changed")


@dataclass(frozen=True)
class Terms:
    """What the operator says of a feed, besides what it is. `credential_file`: an absolute path."""

    key: str | None = None
    allow_http: bool = False
    allow_hosts: tuple[str, ...] = ()
    credential_file: str | None = None

    def fields(self) -> dict[str, Any]:
        """As the feed book has them. Raises what `public_key` raises."""
        if self.key is not None:
            public_key(self.key)
        return dict(vars(self))


@dataclass(frozen=True)
class Licensed:
    """A feed of the catalogue, with what its publisher asks for."""

    id: str
    name: str
    publisher: str
    licence: str
    attribution: str
    homepage: str
    url: str
    note: str


@dataclass(frozen=True)
class FeedChanged:
    """`read` is what a trial of a new feed found, in a sentence; `warnings` what it warned of."""

    id: str
    read: str | None = None
    warnings: tuple[str, ...] = ()

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"feed": self.id}


@dataclass(frozen=True)
class Recommended:
    """`left_off`: recommended, and switched off by the school. `attributions`: licences of what was added."""

    added: tuple[str, ...]
    in_use: tuple[str, ...]
    left_off: tuple[str, ...]
    attributions: tuple[str, ...]

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"added": list(self.added)}


@looks("feeds.licence")
def licence(work: Work, feed: str) -> Licensed | None:
    """What a feed of the catalogue is, and its licence; None for a school's own, which needs none."""
    there = _book(work).read().get(feed)
    if there is not None and there.is_own:
        return None
    published = read_published(work.settings.lists.dir)
    one = published.feed(feed)
    publisher = published.publisher(one)
    terms = (publisher.name, publisher.licence, publisher.attribution, publisher.homepage)
    return Licensed(one.id, one.name, *terms, one.url, one.note)


@changes("feeds.enable")
def enable(work: Work, feed: str, accepts_licence: bool, terms: Terms = Terms()) -> FeedChanged:
    """Uses a feed of the catalogue, once its licence is accepted, or an own feed that was switched off."""
    _refuse_from_afar(work, terms)
    book = _book(work, is_written=True)
    there = book.read().get(feed)
    changed: dict[str, Any] = {"enabled": True}
    if there is None or not there.is_own:
        published = read_published(work.settings.lists.dir)
        changed["licence"] = published.publisher(published.feed(feed)).licence
        if not accepts_licence:
            raise LicenceNotAccepted.of(f"schoolgate feeds enable {feed} --accept-licence")
    if there is None:
        book.add(ChosenFeed(id=feed, added_at=work.now, **changed, **terms.fields()))
        return FeedChanged(feed)
    # What is not said anew stays: a feed that was checked by a key goes on being checked.
    new = {name: value for name, value in terms.fields().items() if value}
    if new and not work.actor.is_local:
        raise FeedRefused(f"{feed} has its terms already; the command line on the server changes them")
    book.add(there.model_copy(update=changed | new))
    return FeedChanged(feed)


@changes("feeds.enable_recommended")
def enable_all_recommended(work: Work, accepts_licences: bool, phases: tuple[Phase, ...] = ()) -> Recommended:
    """Uses every recommended feed of some phases of school, all without a phase, once their licences are accepted."""
    wanted = recommendations(work.settings, phases)
    if not accepts_licences:
        raise LicenceNotAccepted.of(enable_command(phases))
    done = enable_recommended(_book(work, is_written=True), wanted, work.now)
    publishers = dict.fromkeys(one.publisher for one in wanted if one.feed.id in done.added)
    return Recommended(
        tuple(done.added),
        tuple(done.in_use),
        tuple(done.left_off),
        tuple(f"{one.attribution}; {one.licence}" for one in publishers),
    )


def recommendations(settings: Settings, phases: tuple[Phase, ...]) -> tuple[Recommendation, ...]:
    """What is recommended for these phases of school; for all without one."""
    found = read_recommended(settings.lists.dir, read_published(settings.lists.dir))
    return tuple(found.for_phases(phases or PHASES))


def enable_command(phases: tuple[Phase, ...]) -> str:
    """The command line that accepts the licences."""
    return " ".join((ENABLE_RECOMMENDED, *(f"--phase {one}" for one in phases)))


@changes("feeds.disable")
def disable(work: Work, feed: str, request: int | None = None) -> FeedChanged:
    """Switches a feed off and keeps its terms. `request`: the approved one that it is for."""
    book = _book(work, is_written=True)
    book.add(_chosen(book, feed).model_copy(update={"enabled": False}))
    return FeedChanged(feed)


@changes("feeds.remove")
def remove(work: Work, feed: str, request: int | None = None) -> FeedChanged:
    """Forgets a feed. `request`: the approved one that it is for."""
    _book(work, is_written=True).remove(feed)
    return FeedChanged(feed)


@changes("feeds.add")
def add(
    work: Work,
    place: Annotated[str, Personal],
    category: str,
    feed: str | None = None,
    dialect: str | None = None,
    match: Literal["suffix", "exact"] = "suffix",
    refresh_h: int = 24,
    terms: Terms = Terms(),
    is_checked: bool = True,
) -> FeedChanged:
    """Adds a feed of the school's own: an address, or a file or folder of the server by its absolute path.

    `is_checked`: reads it first, as an update does, and refuses what an update would not take.
    """
    _refuse_from_afar(work, terms, place)
    settings, book = work.settings, _book(work, is_written=True)
    published = read_published(settings.lists.dir)
    feed_id = _new_id(feed or _id_from(place), published, book)
    _refuse_category(settings, category)
    chosen = ChosenFeed(
        id=feed_id,
        added_at=work.now,
        category=category,
        dialect=dialect,
        match=match,
        refresh_h=refresh_h,
        **_where(place, terms),
        **terms.fields(),
    )
    made = _tried(work, chosen, published) if is_checked else FeedChanged(feed_id)
    book.add(chosen)
    return made


@changes("feeds.except")
def leave_out(
    work: Work,
    feed: str,
    name: str,
    reason: Annotated[str | None, Personal] = None,
    is_taken_back: bool = False,
    request: int | None = None,
) -> FeedChanged:
    """Leaves a false hit, and all below it, out of a feed; or takes that back. It counts from the next build.

    `request`: the approved one that it is for.
    """
    asked = asked_name(name)
    book = _book(work, is_written=True)
    chosen = _chosen(book, feed)
    try:
        normal = normalise_name(asked)
    except ValueError as error:
        raise FeedRefused(f"{name!r} is no name: {error}; write it as in www.example.org") from error
    others = tuple(one for one in chosen.excepted if one.name != normal)
    if is_taken_back:
        if len(others) == len(chosen.excepted):
            raise FeedRefused(f"{normal} is not left out of {feed}; `schoolgate feeds show {feed}` shows what is")
        book.add(chosen.model_copy(update={"excepted": others}))
        return FeedChanged(normal)
    if not reason:
        raise FeedRefused("say why it is a false hit with --reason, for the list of exceptions")
    one = ExceptedName(name=normal, reason=reason, who=work.actor.name, at=work.now)
    book.add(chosen.model_copy(update={"excepted": (*others, one)}))
    return FeedChanged(normal)


def _refuse_from_afar(work: Work, terms: Terms, place: str | None = None) -> None:
    """Raises `FeedRefused` where an account or a token would have `control` read its files, or fetch from inside."""
    if work.actor.is_local:
        return
    if place is not None and "://" not in place:
        raise FeedRefused(f"{place} is no address; a file of the server is added by the command line on the server")
    for name in ("credential_file", "allow_http", "allow_hosts"):
        if getattr(terms, name):
            raise FeedRefused(f"{name} is given by the command line on the server alone; nothing was changed")


def _tried(work: Work, feed: ChosenFeed, published: Published) -> FeedChanged:
    """Raises `FeedRefused` for what the next update would not take."""
    # What fetches takes 8 MiB that a process keeps.
    from schoolgate.lists.update import Updater

    work.say(Progress(f"reading {feed.id}"))
    outcome = Updater(work.settings, lambda _: None).trial(source_of(feed, published), work.now)
    if outcome.kind in ("failed", "held"):
        raise FeedRefused(
            f"an update would not take it: {outcome.message.partition('; if that is right')[0]}\n"
            "nothing was added; where it cannot be read yet, add it with --unchecked"
        )
    for warning in outcome.state.warnings:
        work.say(Diagnostic("feed-warning", "warning", feed.id, warning, ""))
    return FeedChanged(feed.id, outcome.message, tuple(outcome.state.warnings))


def _new_id(feed_id: str, published: Published, book: FeedBook) -> str:
    if not re.fullmatch(FEED_ID, feed_id):
        raise FeedRefused(f"{feed_id!r} is no id: use lower-case letters, digits and hyphens with --id")
    if feed_id in published.feeds:
        raise FeedRefused(f"{feed_id} is a feed of the catalogue: enable it, or choose another id with --id")
    if feed_id in book.read():
        raise FeedRefused(f"there is a feed {feed_id} already: remove it first, or choose another id with --id")
    return feed_id


def _where(place: str, terms: Terms) -> dict[str, str]:
    if "://" not in place:
        path = Path(place)
        if not path.is_file() and not path.is_dir():
            raise FeedRefused(f"{place}: there is no such file or folder; an address begins with https://")
        return {"path": str(path.absolute())}
    if not place.startswith("https://") and not (terms.allow_http and place.startswith("http://")):
        raise FeedRefused(f"{place} is not https: anybody on the way could change it; use https, or say --allow-http")
    return {"url": place}


def _refuse_category(settings: Settings, category: str) -> None:
    known = load_catalogue(settings.lists.dir).categories
    if category not in known:
        raise FeedRefused(f"there is no category {category}; {did_you_mean(category, known)}")
    if known[category].role in _ALWAYS_OPEN:
        raise FeedRefused(
            f"{category} opens names under every policy, and a feed may not; use lists.extra for a reviewed list"
        )


def _id_from(place: str) -> str:
    last = [part for part in re.split(r"[/?#]", place) if part][-1]
    stem = re.sub(_FORMS, "", last.lower())
    return re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:64]


def _chosen(book: FeedBook, feed: str) -> ChosenFeed:
    chosen = book.read()
    if feed not in chosen:
        meant = did_you_mean(feed, chosen) if chosen else "none is; `schoolgate feeds list` shows what there is"
        raise NoSuchFeed(f"feed {feed} is not in use; {meant}")
    return chosen[feed]


def _book(work: Work, *, is_written: bool = False) -> FeedBook:
    folder = work.settings.server.state_dir
    if is_written:
        state_dir.prepare(folder)
    else:
        state_dir.refuse_strangers(folder)
    return FeedBook(folder)
