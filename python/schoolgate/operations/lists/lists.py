"""Lists: put an earlier serial in force and hold it, or let updates publish again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schoolgate.config import Settings
from schoolgate.control.client import CommandRefused, ControlUnreachable, NotRunning, call
from schoolgate.lists import kept_serials
from schoolgate.lists.history import Event, History, PinFile
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.operations.registry import changes
from schoolgate.operations.work import Work
from schoolgate.storage import state_dir

# Millions of names are opened and bound to the policies before the server answers.
INSTALL_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class ListsInstalled:
    """`serial` is current. `running` decides by `installed`, None where no server runs; `problem`: why it does not use
    the current one."""

    serial: int
    installed: int | None = None
    problem: str | None = None

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"serial": self.serial, "installed": self.installed}


@dataclass(frozen=True)
class Unpinned:
    """`was_pinned`: whether there was anything to do."""

    was_pinned: bool


@changes("lists.rollback")
def rollback(work: Work, serial: int | None = None, request: int | None = None) -> ListsInstalled:
    """Puts an earlier snapshot in force, the one before the current without a serial, and holds it.

    `request`: the approved one that it is for. Raises `NoSuchSerial`, `NotPermitted`.
    """
    folder = work.settings.server.state_dir
    state_dir.prepare(folder)
    if "lists.rollback" in work.asks_first:
        from schoolgate.operations.policies.policy_openings import refuse_older_lists

        refuse_older_lists(work, serial)
    return installed(work.settings, kept_serials.rollback(folder, serial, work.actor.name, work.now))


@changes("lists.unpin")
def unpin(work: Work) -> Unpinned:
    """Lets updates publish again."""
    folder = work.settings.server.state_dir
    state_dir.refuse_strangers(folder)
    if not PinFile(folder).lift():
        return Unpinned(False)
    serial = SnapshotStore(folder).current_serial()
    History(folder).append(Event(at=work.now, what="unpinned", serial=serial, who=work.actor.name))
    return Unpinned(True)


def installed(settings: Settings, serial: int) -> ListsInstalled:
    """Has the running server take the current lists."""
    try:
        reply = call(settings.server.control_socket, "lists-changed", timeout_s=INSTALL_TIMEOUT_S)
    except NotRunning:
        return ListsInstalled(serial)
    except (ControlUnreachable, CommandRefused) as error:
        return ListsInstalled(serial, None, str(error))
    return ListsInstalled(serial, int(reply["lists_serial"]))
