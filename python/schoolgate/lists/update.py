"""One update: every feed that is due is renewed, then one snapshot is made of all lists and published.

A feed that fails keeps its last good version and the others go on; when the news of a feed break the proof of the new
snapshot, it is made again without them. Nothing here can disturb what is in force.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import fcntl
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from schoolgate._core import Snapshot
from schoolgate.config import Settings
from schoolgate.config.problems import did_you_mean
from schoolgate.errors import SchoolgateError
from schoolgate.lists import update_status as status_file
from schoolgate.lists.build import BuildReport, ListsNotBuilt, ListsPinned, build_if_new
from schoolgate.lists.canaries import CanariesBroken
from schoolgate.lists.content_store import ContentStore
from schoolgate.lists.feed_book import FeedBook, Source
from schoolgate.lists.feed_catalogue import NoSuchFeed, Published, read_published
from schoolgate.lists.fetch import Fetcher
from schoolgate.lists.guards import Bounds
from schoolgate.lists.history import Event as Happened
from schoolgate.lists.history import History, PinFile
from schoolgate.lists.inputs import may_close_shared_hosts
from schoolgate.lists.inspection import Inspector
from schoolgate.lists.last_good import FeedState, FeedStates
from schoolgate.lists.left_out import read_left_out
from schoolgate.lists.limits import Limits
from schoolgate.lists.manifests import Manifests
from schoolgate.lists.progress import Event, Step, Tell
from schoolgate.lists.protected import protected_names
from schoolgate.lists.renewal import Outcome, Renewal, is_due
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.policy.catalogue import load_catalogue

# Rows of a week that a feed may newly close without being asked about: of a small school, few are no share.
_FEW_ROWS = 20
ALL_WELL, NOTHING_PUBLISHED, SOME_FAILED = 0, 1, 3


class UpdateRunning(SchoolgateError):
    """Another update is at work."""


@dataclass(frozen=True)
class Wish:
    """What is asked of one update. `only`: these feeds, due or not; `force`: every feed, due or not; `accept`: these,
    however much they have shrunk or grown."""

    only: frozenset[str] = frozenset()
    force: bool = False
    accept: frozenset[str] = frozenset()
    who: str = "timer"


@dataclass(frozen=True)
class Weighed:
    """What a new snapshot would close and open of what was asked for lately. `closed`, by feed: rows, and their share
    of those of the segment that loses most. `sentences` say it for people."""

    closed: Mapping[str, tuple[int, float]]
    sentences: tuple[str, ...]


class ClosesTooMuch(SchoolgateError):
    """News of feeds would close more of what is asked for than a school wants to find out afterwards."""

    def __init__(self, message: str, feeds: Collection[str]) -> None:
        self.feeds = frozenset(feeds)
        super().__init__(message)


@dataclass(frozen=True)
class UpdateReport:
    """What an update did. `built` is None when there was nothing new, or lists are pinned. `weighed`: what the new
    lists close and open of what was asked for lately, in sentences."""

    exit_code: int
    outcomes: tuple[Outcome, ...]
    built: BuildReport | None
    serial: int | None
    problems: tuple[str, ...]
    weighed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Updater:
    """Updates the lists of one state directory."""

    settings: Settings
    tell: Tell
    limits: Limits = field(default_factory=Limits)
    bounds: Bounds = field(default_factory=Bounds)
    # How to fetch; its folder and limits are set here.
    fetcher: Fetcher | None = None
    # Says what a new snapshot would close of what was asked for lately.
    weigh: Callable[[Snapshot], Weighed] = lambda _: Weighed({}, ())

    @property
    def state_dir(self) -> Path:
        return self.settings.server.state_dir

    def update(self, wish: Wish, now: dt.datetime) -> UpdateReport:
        """Raises `UpdateRunning`, and `SchoolgateError` when the update cannot even begin."""
        with self._alone() as work:
            published = read_published(self.settings.lists.dir)
            sources, problems = FeedBook(self.state_dir).sources(published)
            _refuse_strangers(wish, sources)
            states = FeedStates(self.state_dir).read()
            outcomes = asyncio.run(self._renew_all(sources, states, wish, now, work, published))
            return self._publish(wish, sources, states, outcomes, now, problems)

    async def _renew_all(
        self,
        sources: tuple[Source, ...],
        states: Mapping[str, FeedState],
        wish: Wish,
        now: dt.datetime,
        work: Path,
        published: Published,
    ) -> tuple[Outcome, ...]:
        renewal = self._renewal(sources, work, ContentStore(self.state_dir), published)
        turn = asyncio.Semaphore(self.limits.at_once)

        async def one(source: Source) -> Outcome:
            state = states.get(source.id, FeedState())
            if not _wanted(source, state, wish, now):
                return Outcome(source.id, "not due", state)
            async with turn:
                return await renewal.renew(source, state, now, accepted=source.id in wish.accept)

        return tuple(await asyncio.gather(*(one(source) for source in sources)))

    def _renewal(self, sources: tuple[Source, ...], work: Path, store: ContentStore, published: Published) -> Renewal:
        protected = protected_names(self.settings, (source.url for source in sources))
        catalogue = load_catalogue(self.settings.lists.dir)
        left_out = read_left_out(self.settings.lists.dir, catalogue)
        return Renewal(
            fetcher=replace(self.fetcher or Fetcher(work), proxy=self.settings.lists.proxy),
            store=store,
            work=work,
            published=published,
            catalogue=catalogue,
            inspect=Inspector(protected, left_out.of, may_close_shared_hosts(self.settings, catalogue), self.limits),
            tell=self.tell,
            limits=self.limits,
            bounds=self.bounds,
        )

    def trial(self, source: Source, now: dt.datetime) -> Outcome:
        """What the first update of a feed would make of it, once: nothing is kept. Raises nothing for what a feed does;
        the outcome says it."""
        with tempfile.TemporaryDirectory(prefix="schoolgate-trial-") as folder:
            once = replace(self, limits=replace(self.limits, attempts=1))
            published = read_published(self.settings.lists.dir)
            work = Path(folder) / "work"
            renewal = once._renewal((source,), work, ContentStore(Path(folder)), published)
            return asyncio.run(renewal.renew(source, FeedState(), now, accepted=False))

    def _publish(
        self,
        wish: Wish,
        sources: tuple[Source, ...],
        before: Mapping[str, FeedState],
        outcomes: tuple[Outcome, ...],
        now: dt.datetime,
        problems: tuple[str, ...],
    ) -> UpdateReport:
        built: BuildReport | None = None
        pinned: str | None = None
        failure: str | None = None
        said: tuple[str, ...] = ()

        def examine(snapshot: Snapshot) -> None:
            nonlocal said
            weighed = self.weigh(snapshot)
            said = weighed.sentences
            _refuse_what_closes_too_much(weighed, before, wish, self.settings.lists.most_newly_closed)

        while True:
            candidate = {**before, **{one.feed: one.state for one in outcomes}}
            try:
                built = build_if_new(self.settings, self._say, states=candidate, examine=examine)
            except ListsPinned as error:
                pinned = str(error)
                self.tell(Event("pinned", text=pinned))
            except ListsNotBuilt as error:
                cause = error.__cause__
                guilty = cause.feeds if isinstance(cause, CanariesBroken | ClosesTooMuch) else frozenset()
                held = isinstance(cause, ClosesTooMuch)
                reverted = tuple(_reverted(one, before, guilty, str(cause), now, held=held) for one in outcomes)
                if reverted != outcomes:
                    for one in reverted:
                        if one not in outcomes:
                            self.tell(Event("held" if held else "failed", one.feed, text=one.message))
                    outcomes = reverted
                    continue
                failure = str(error)
                outcomes = tuple(_unpublished(one, before, failure, now) for one in outcomes)
                candidate = {**before, **{one.feed: one.state for one in outcomes}}
            break
        # What is off is forgotten with its lists, so that it comes back only by being fetched.
        in_use = FeedBook(self.state_dir).in_use()
        candidate = {feed: state for feed, state in candidate.items() if feed in in_use}
        FeedStates(self.state_dir).write(candidate)
        failed = {one.feed: one.message for one in outcomes if one.kind in ("failed", "held")}
        code = NOTHING_PUBLISHED if failure is not None else SOME_FAILED if failed or problems else ALL_WELL
        serial = SnapshotStore(self.state_dir).current_serial()
        all_problems = (*problems, *((pinned,) if pinned else ()), *((failure,) if failure else ()))
        self._leave_word(wish, sources, candidate, outcomes, now, code, serial, built, all_problems, failed)
        return UpdateReport(code, outcomes, built, serial, all_problems, said)

    def _leave_word(
        self,
        wish: Wish,
        sources: tuple[Source, ...],
        states: Mapping[str, FeedState],
        outcomes: tuple[Outcome, ...],
        now: dt.datetime,
        code: int,
        serial: int | None,
        built: BuildReport | None,
        problems: tuple[str, ...],
        failed: dict[str, str],
    ) -> None:
        refresh = {source.id: source.refresh_h for source in sources}
        rows = [
            status_file.feed_row(feed, states[feed], refresh[feed], now) for feed in sorted(refresh) if feed in states
        ]
        status_file.write(self.state_dir, now, code, serial, PinFile(self.state_dir).read(), rows, problems)
        what = "failed" if code == NOTHING_PUBLISHED else "published" if built is not None else "unchanged"
        changed = tuple(one.feed for one in outcomes if one.kind == "changed")
        names = built.names if built is not None else None
        History(self.state_dir).append(
            Happened(
                at=now, what=what, serial=serial, who=wish.who, names=names, changed=changed, failed=failed,
                note="; ".join(problems),
            )
        )  # fmt: skip
        self._drop_unused(states)

    def _drop_unused(self, states: Mapping[str, FeedState]) -> None:
        used = set(Manifests(self.state_dir).keep_only(SnapshotStore(self.state_dir).serials()))
        for state in states.values():
            if state.good is not None:
                used |= {part.sha256 for part in state.good.parts}
        ContentStore(self.state_dir).keep_only(used)

    def _say(self, text: str) -> None:
        steps: dict[str, Step] = {"compiling": "compiling", "proving": "proving", "publishing": "publishing"}
        step = steps.get(text.partition(" ")[0])
        if step is not None:
            self.tell(Event(step, text=text))

    @contextmanager
    def _alone(self) -> Iterator[Path]:
        folder = self.state_dir / "lists"
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        with (folder / "update.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UpdateRunning("another update of the lists is at work; wait for it, then ask again") from None
            work = folder / "fetching"
            shutil.rmtree(work, ignore_errors=True)  # of an update that was killed
            work.mkdir(mode=0o750)
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)


def _refuse_strangers(wish: Wish, sources: tuple[Source, ...]) -> None:
    in_use = {source.id for source in sources}
    unknown = sorted((wish.only | wish.accept) - in_use)
    if unknown:
        raise NoSuchFeed("\n".join(f"feed {one} is not in use; {did_you_mean(one, in_use)}" for one in unknown))


def _wanted(source: Source, state: FeedState, wish: Wish, now: dt.datetime) -> bool:
    named = wish.only | wish.accept
    if named:
        return source.id in named
    return wish.force or is_due(source, state, now)


def _refuse_what_closes_too_much(weighed: Weighed, before: Mapping[str, FeedState], wish: Wish, most: float) -> None:
    """Of a feed that was just chosen a person expects that it closes something. Raises `ClosesTooMuch`."""
    known = {feed for feed, state in before.items() if state.good is not None} - wish.accept
    heavy = {
        feed: (rows, share)
        for feed, (rows, share) in sorted(weighed.closed.items())
        if feed in known and rows > _FEW_ROWS and share > most
    }
    if heavy:
        shares = ", ".join(f"{feed} {rows} rows ({share:.1%} of a network)" for feed, (rows, share) in heavy.items())
        raise ClosesTooMuch(f"it would close too much of what was asked for lately: {shares}", heavy)


def _reverted(
    one: Outcome,
    before: Mapping[str, FeedState],
    guilty: Collection[str],
    why: str,
    now: dt.datetime,
    *,
    held: bool,
) -> Outcome:
    """The outcome with the feed's last good, where its news broke the proof or would close too much."""
    if one.feed not in guilty or one.kind != "changed":
        return one
    hint = f"; if that is right: schoolgate lists update --accept {one.feed}" if held else ""
    state = before.get(one.feed, FeedState()).failed(now, f"{why}{hint}", held=held)
    return replace(one, kind="held" if held else "failed", state=state, message=f"{why}{hint}")


def _unpublished(one: Outcome, before: Mapping[str, FeedState], why: str, now: dt.datetime) -> Outcome:
    """News that are in no snapshot are no last good."""
    if one.kind != "changed":
        return one
    message = f"nothing was published: {why.splitlines()[0]}"
    return replace(one, kind="failed", state=before.get(one.feed, FeedState()).failed(now, message), message=message)
