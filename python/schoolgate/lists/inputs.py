"""Which lists there are: the shipped ones, a list for each service, the school's own, and the last good of each feed.

A list says its category in its first line. Its first name (or address) is its canary: a test name of ours that leads
nowhere and shows, asked of the compiled snapshot, that this list is in it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from schoolgate.config import Problem, Settings
from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused, did_you_mean
from schoolgate.lists.canary_file import Canaries
from schoolgate.lists.content_store import ContentStore, StoredListDamaged
from schoolgate.lists.feed_book import FEED_PREFIX, FeedBook
from schoolgate.lists.last_good import FeedState, FeedStates
from schoolgate.lists.left_out import LeftOut, read_left_out
from schoolgate.lists.platforms import Platforms
from schoolgate.lists.services import Service, read_services
from schoolgate.policy.catalogue import Catalogue, load_catalogue

# Folders of lists of names; other files of the shipped lists are tables.
_FOLDERS = ("starter", "circumvention")
_HEADER = "# category:"


class ListsUnreadable(InputRefused):
    """Lists cannot be compiled; every file that is wrong is named. The snapshot in force stays."""


@dataclass(frozen=True)
class ListInput:
    """One list to compile. `canary` is a name or address that must carry `category` afterwards; None for others' lists.

    `fetched`: text from outside, so the compiler guards against them; `dialect` says how they are written (None: to
    be found out) and `dated` when their publisher last stood by them.
    """

    path: Path
    feed: str
    category: str
    match: str
    canary: str | None
    fetched: bool = False
    dialect: str | None = None
    dated: dt.datetime | None = None
    # Where it came from, in words; the path itself when not said.
    origin: str | None = None
    # Names that are left out of a feed (`left_out.py`), not a list of its own.
    spares: bool = False
    # A feed that may name public suffixes of private hosts.
    private_suffixes: bool = False


def list_inputs(settings: Settings, work: Path, states: Mapping[str, FeedState] | None = None) -> tuple[ListInput, ...]:
    """Every list, in a stable order; lists of services are written to `work`; feeds are as `states` say, which are read
    when not given. Raises `ListsUnreadable`, and `SchoolgateError` when what was fetched cannot be used."""
    problems: list[Problem] = []
    found = [*_shipped(settings.lists.dir, problems)]
    services: tuple[Service, ...] = ()
    known: set[str] = set()
    left_out = LeftOut(Platforms(), Canaries(), {})
    catalogue: Catalogue | None = None
    try:
        catalogue = load_catalogue(settings.lists.dir)
        known = set(catalogue.categories)
        services = read_services(settings.lists.dir / "services")
        left_out = read_left_out(settings.lists.dir, catalogue)
    except InputRefused as error:
        problems += error.problems
    problems += _strangers(found, known)
    extra = [*_extra(settings, known, problems)]
    if problems:
        raise ListsUnreadable(problems)
    if not found:
        remedy = "reinstall schoolgate, or set lists.dir"
        raise ListsUnreadable([Problem(str(settings.lists.dir), "", "holds no lists", remedy)])
    may_close = may_close_shared_hosts(settings, catalogue) if catalogue is not None else frozenset()
    feeds = tuple(_feeds(settings, states, may_close))
    of_services = (_of_service(one, work) for one in services)
    excepted = {
        f"{FEED_PREFIX}{feed}": tuple(name.name for name in one.excepted)
        for feed, one in FeedBook(settings.server.state_dir).read().items()
    }
    return (*found, *of_services, *extra, *feeds, *_left_out(feeds, left_out, excepted, settings, work))


def _shipped(lists_dir: Path, problems: list[Problem]) -> Iterator[ListInput]:
    for folder in _FOLDERS:
        for path in sorted((lists_dir / folder).glob("*.txt")):
            try:
                text = read_text(path)
            except InputRefused as error:
                problems += error.problems
                continue
            category, canary = category_and_canary(text)
            if category is None or canary is None:
                remedy = "begin it with `# category: ID` and a test name, as lists/README.md says"
                problems.append(Problem(str(path), "line 1", "has no category or no test name", remedy))
            else:
                yield ListInput(path, f"{folder}/{path.stem}", category, "suffix", canary)


def category_and_canary(text: str) -> tuple[str | None, str | None]:
    """What the first line and the first name or address of a list say."""
    lines = text.splitlines()
    category = lines[0].removeprefix(_HEADER).strip() if lines and lines[0].startswith(_HEADER) else ""
    entries = (line.partition("#")[0].strip() for line in lines)
    first = next((entry for entry in entries if entry), "")
    return category or None, first.lstrip("=!") or None


def _strangers(found: list[ListInput], known: set[str]) -> Iterator[Problem]:
    for one in found:
        if known and one.category not in known:
            yield Problem(str(one.path), "line 1", f"there is no category {one.category}", "correct the first line")


def _of_service(service: Service, work: Path) -> ListInput:
    path = work / f"service-{service.id}.txt"
    path.write_text("".join(f"{domain}\n" for domain in service.domains), encoding="utf-8")
    # A domain of a service carries the service's category however many others it carries.
    return ListInput(path, f"services/{service.id}", f"service:{service.id}", "suffix", service.domains[0])


def _left_out(
    feeds: Iterable[ListInput],
    left_out: LeftOut,
    excepted: Mapping[str, tuple[str, ...]],
    settings: Settings,
    work: Path,
) -> Iterator[ListInput]:
    """For each feed and category, the names that it leaves out: ours, and those of `feeds except`."""
    for feed, category in sorted({(one.feed, one.category) for one in feeds}):
        own = excepted.get(feed, ())
        names = (*left_out.of(category), *own)
        if names:
            # Equal lists are kept once: most feeds have no names of their own here.
            path = work / f"left-out-{category}{f'-{feed.removeprefix(FEED_PREFIX)}' if own else ''}.txt"
            path.write_text("".join(f"!!{name}\n" for name in names), encoding="utf-8")
            origin = f"{settings.lists.dir}: platforms.toml and canaries.toml; schoolgate feeds except"
            yield ListInput(path, feed, category, "suffix", None, origin=origin, spares=True)


def may_close_shared_hosts(settings: Settings, catalogue: Catalogue) -> frozenset[str]:
    """Categories whose feeds may name public suffixes of private hosts: by what they are, or by the school's choice."""
    by_kind = {one.id for one in catalogue.categories.values() if one.private_suffixes}
    return frozenset({*by_kind, *settings.lists.shared_hosts})


def _feeds(
    settings: Settings, states: Mapping[str, FeedState] | None, may_close: frozenset[str]
) -> Iterator[ListInput]:
    """The last good lists of the feeds in use. A list that is damaged or gone stops the build: without it names would
    be open that were closed."""
    state_dir = settings.server.state_dir
    book = FeedBook(state_dir).read()
    chosen = [feed for feed, one in book.items() if one.enabled]
    known = FeedStates(state_dir).read() if states is None and chosen else states or {}
    store = ContentStore(state_dir)
    for feed in chosen:
        good = known[feed].good if feed in known else None
        if good is None:
            continue
        for part in good.parts:
            if not store.intact(part.sha256):
                message = f"{store.path(part.sha256)}: the stored list of feed {feed} is damaged or gone"
                raise StoredListDamaged(f"{message}; fetch it again with `schoolgate lists update {feed}`")
            place = store.path(part.sha256)
            yield ListInput(
                place,
                f"{FEED_PREFIX}{feed}",
                part.category,
                part.match,
                None,
                fetched=True,
                dialect=part.dialect,
                dated=good.confirmed_at,
                origin="/".join(word for word in (good.url or book[feed].path or feed, part.label) if word),
                private_suffixes=part.category in may_close,
            )


def _extra(settings: Settings, known: set[str], problems: list[Problem]) -> Iterator[ListInput]:
    for index, one in enumerate(settings.lists.extra):
        place = f"lists.extra[{index}]"
        if not one.path.is_file():
            remedy = "correct the path, or remove the entry"
            problems.append(Problem(str(one.path), place, "there is no such file", remedy))
        elif known and one.category not in known:
            message = f"there is no category {one.category}"
            problems.append(Problem(str(one.path), place, message, did_you_mean(one.category, known)))
        else:
            yield ListInput(one.path, f"extra/{one.path.stem}", one.category, one.match, None)
