"""What is in force as a whole: settings, all lists, policy. A change makes a new whole, or fails and changes nothing.

These functions read files and compile: they run in a thread, never on the event loop.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from schoolgate.config import ConfigInvalid, Problem, Settings, config_label, load, read_text
from schoolgate.config.lost_sections import lost_sections
from schoolgate.lists.snapshots import NoUsableSnapshot, Opened, SnapshotStore
from schoolgate.policy import Revision
from schoolgate.policy.active_policy import (
    ActivePolicy,
    Ground,
    compile_active_policy,
    first_policy,
    policy_files,
    read_ground,
    read_policy,
)
from schoolgate.policy.calendar_file import read_calendar
from schoolgate.policy.policy_loading import (
    LoadedPolicy,
    at_another_instant,
    is_unchanged,
    load_again,
    load_at_start,
    published_anew,
)
from schoolgate.sealed import OpenedSealed, SealedStore
from schoolgate.storage.applied_settings import ACCEPT

# Sections whose every setting waits for a restart: what they lay out is laid out once.
_LAID_OUT_ONCE = ("server", "cache", "query_log")


@dataclass(frozen=True)
class ActiveState:
    """One consistent whole."""

    config: Path | None
    settings: Settings
    ground: Ground
    lists: Opened
    loaded: LoadedPolicy
    policy: ActivePolicy
    sealed: OpenedSealed | None = None
    # What the settings were read from, and why that is not the file of today.
    settings_text: str = ""
    settings_problem: str | None = None

    @property
    def revision(self) -> Revision:
        """The revision of the policy in force."""
        return self.loaded.revision

    @property
    def problems(self) -> tuple[str, ...]:
        """What an administrator should look at, besides what `lists` and `sealed` say."""
        settings = (self.settings_problem,) if self.settings_problem is not None else ()
        return (*settings, *self.loaded.problems, *self.loaded.mended)


def at_start(config: Path | None, settings: Settings, now: dt.datetime, say: Callable[[str], None]) -> ActiveState:
    """What to start with. Builds the lists when there are none; a `SchoolgateError` says what cannot be used."""
    # First: without its sealed lists nothing else matters.
    sealed = SealedStore(settings.server.state_dir).open_all(settings)
    ground = read_ground(settings, config_label(config))
    lists = _lists_at_start(settings, say)
    if policy_files(settings).look().kind == "first":
        _refuse_unfit_first_policy(settings, ground, lists, now)
    loaded = load_at_start(settings, ground, now)
    return ActiveState(config, settings, ground, lists, loaded, loaded.active, sealed)


def _refuse_unfit_first_policy(settings: Settings, ground: Ground, lists: Opened, now: dt.datetime) -> None:
    """What `check` and `policy apply` refuse, a first start does not put in force either."""
    # Loaded when it is needed: every later start has a revision that was examined.
    from schoolgate.checks.draft import refuse_unfit, stands_in_the_way

    path, text = first_policy(settings)
    active = compile_active_policy(read_policy(text, str(path), ground), ground, 1, now)
    refuse_unfit(str(path), stands_in_the_way(settings, ground, active, lists.snapshot, now))


def read_anew(old: ActiveState, now: dt.datetime, *, is_loss_accepted: bool = False) -> ActiveState:
    """Configuration, policy and lists from disk, for `reload`: all of it, or an error and nothing."""
    text = read_text(old.config) if old.config is not None else ""
    loaded = load(old.config)
    gone = () if is_loss_accepted else lost_sections(old.settings_text, text)
    if gone:
        message, remedy = f"no longer says {', '.join(gone)}", f"restore it, or accept that with `{ACCEPT}`"
        raise ConfigInvalid([Problem(config_label(old.config), "", message, remedy)])
    settings = loaded.model_copy(update={name: getattr(old.settings, name) for name in _LAID_OUT_ONCE})
    ground = read_ground(settings, config_label(old.config))
    new = replace(old, settings=settings, ground=ground, settings_text=text, settings_problem=None)
    return with_sealed(with_lists(with_policy(new, now), now), now)


def with_policy(old: ActiveState, now: dt.datetime) -> ActiveState:
    """The active file's revision, compiled for `now`; what was mended before is known by now."""
    loaded = load_again(old.settings, old.ground, replace(old.loaded, mended=()), now)
    return replace(old, loaded=loaded, policy=loaded.active)


def with_policy_compared(old: ActiveState, now: dt.datetime) -> ActiveState:
    """The same, where a file of the policy has changed since it was looked at."""
    if is_unchanged(old.settings, old.loaded):
        return old
    loaded = load_again(old.settings, old.ground, old.loaded, now)
    is_same = loaded.revision == old.revision or (loaded.published is None and old.loaded.published is None)
    return replace(old, loaded=loaded, policy=old.policy if is_same else loaded.active)


def with_lists(old: ActiveState, now: dt.datetime) -> ActiveState:
    """The current snapshot, if it is another one. Never falls back: what is in force is better than what is older."""
    store = SnapshotStore(old.settings.server.state_dir)
    if store.current_serial() in (old.lists.snapshot.serial, old.lists.instead_of):
        return old
    return replace(old, lists=store.open_current())


def with_sealed(old: ActiveState, now: dt.datetime) -> ActiveState:
    """The sealed lists on the disk, if they are others. Never older ones, and never none."""
    opened = SealedStore(old.settings.server.state_dir).open_not_older(old.settings, old.sealed)
    if opened is not None and old.sealed is not None and opened.serials == old.sealed.serials:
        # The same lists; whether an operator should look at the files is news all the same.
        return replace(old, sealed=replace(old.sealed, problems=opened.problems))
    return replace(old, sealed=opened)


def at_instant(old: ActiveState, now: dt.datetime) -> ActiveState:
    """The same policy at another instant."""
    return replace(old, policy=at_another_instant(old.loaded, old.ground, now))


def with_calendar(old: ActiveState, now: dt.datetime) -> ActiveState:
    """The same policy by the school's calendar as its file is now; published anew, compiled by it."""
    calendar, _ = read_calendar(old.settings.server.state_dir)
    ground = replace(old.ground, calendar=calendar)
    policy = at_another_instant(old.loaded, ground, now)
    return replace(old, ground=ground, policy=policy, loaded=published_anew(old.settings, old.loaded, policy))


def _lists_at_start(settings: Settings, say: Callable[[str], None]) -> Opened:
    store = SnapshotStore(settings.server.state_dir)
    try:
        return store.open_best()
    except NoUsableSnapshot as error:
        damaged = tuple(str(error).splitlines()) if store.serials() else ()
        for problem in damaged:
            say(problem)
        # Loaded when it is needed: the next start will find lists.
        from schoolgate.lists.build import build

        build(settings, say)
        opened = store.open_current()
        return replace(opened, problems=(*damaged, *_passed_over(settings, opened.snapshot.serial)))


def _passed_over(settings: Settings, serial: int) -> tuple[str, ...]:
    """A pin holds what can be held; the operator must learn that it did not."""
    from schoolgate.lists.history import PinFile

    pin = PinFile(settings.server.state_dir).read()
    if pin is None:
        return ()
    return (
        f"the lists were pinned to serial {pin.serial} by {pin.who}, which cannot be used any more; serial {serial} was"
        " built from what is stored. Look at it with `schoolgate lists diff`, then lift the pin with `lists unpin`",
    )
