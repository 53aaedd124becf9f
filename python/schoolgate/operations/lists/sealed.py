"""Sealed lists: serial and age, and their renewal. Nothing here, and no operation, shows what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schoolgate.control.client import CommandRefused, ControlUnreachable, NotRunning, call
from schoolgate.operations.registry import changes, looks
from schoolgate.operations.status_results import SealedAge
from schoolgate.operations.work import Work
from schoolgate.storage import state_dir

INSTALL_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class SealedShown:
    """`lists`: of the server that runs, else on the disk (`is_in_force`). `is_required`: the settings refuse a start
    without one. `fetched`: suppliers whose lists are fetched."""

    lists: tuple[SealedAge, ...]
    is_in_force: bool
    is_required: bool
    fetched: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class SealedRenewed:
    """One supplier's list: the new serial, or why it was not renewed; then the last good one stays."""

    supplier: str
    serial: int | None
    failure: str | None


@dataclass(frozen=True)
class SealedUpdated:
    """`is_in_force`: whether the running server decides by them; None: none runs. `problem`: why it does not."""

    lists: tuple[SealedRenewed, ...]
    is_in_force: bool | None = None
    problem: str | None = None

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"renewed": {one.supplier: one.serial for one in self.lists}}


@looks("sealed.show")
def show(work: Work) -> SealedShown:
    """Serial and age of each sealed list, and what is wrong with them."""
    from schoolgate.sealed import failing_feeds

    settings = work.settings
    state_dir.refuse_strangers(settings.server.state_dir)
    failing = failing_feeds(settings.server.state_dir)
    try:
        found = call(settings.server.control_socket, "status")["sealed"]
        is_in_force = found is not None
    except (ControlUnreachable, CommandRefused):
        found, is_in_force = _on_disk(work), False
    lists = found["suppliers"] if found is not None else ()
    problems = found["problems"] if found is not None else ()
    return SealedShown(
        tuple(SealedAge(one["supplier"], one["serial"], one["age_s"], one["state"]) for one in lists),
        is_in_force,
        settings.sealed.required,
        tuple(one.supplier for one in settings.sealed.feeds),
        (*problems, *failing),
    )


@changes("sealed.update")
def update(work: Work) -> SealedUpdated:
    """Fetches and imports what suppliers publish. What fails stays as it was, with its true age."""
    from schoolgate.operations.apart import do_apart

    if not work.settings.sealed.feeds:
        return SealedUpdated(())
    state_dir.prepare(work.settings.server.state_dir)
    done = tuple(SealedRenewed(**one) for one in do_apart(work, "sealed", who=work.actor.name))
    if all(one.serial is None for one in done):
        return SealedUpdated(done)
    try:
        call(work.settings.server.control_socket, "sealed-changed", timeout_s=INSTALL_TIMEOUT_S)
    except NotRunning:
        return SealedUpdated(done)
    except (ControlUnreachable, CommandRefused) as error:
        return SealedUpdated(done, False, str(error))
    return SealedUpdated(done, True)


def _on_disk(work: Work) -> dict[str, Any] | None:
    from schoolgate.sealed import SealedStore, sealed_status

    opened = SealedStore(work.settings.server.state_dir).open_all(work.settings)
    return None if opened is None else sealed_status(opened, work.now)
