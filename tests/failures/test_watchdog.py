"""What only a restart can mend is left to the service manager: it hears of us no more."""

from __future__ import annotations

import socket

from tests.failures.conftest import MakeSchool
from tests.failures.school import received
from tests.waiting import until

PERIOD_S = 0.3


def test_when_a_worker_dies_the_watchdog_is_fed_no_more_and_status_says_why(school: MakeSchool) -> None:
    here = school(program="tests.failures.lame_server", is_started=False)
    died = here.folder / "died"
    with here.notifications() as manager:
        path = str(here.folder / "notify")
        here.process = here.launch(NOTIFY_SOCKET=path, WATCHDOG_USEC=str(round(PERIOD_S * 1e6)), WORKER_DIED=str(died))
        for _ in range(3):
            _until_fed(manager)
        died.touch()
        until(lambda: "a worker died" in here.said())
        _drain(manager)
        # Three feeds are due in each period; not one may come in two of them.
        assert received(manager, 2 * PERIOD_S) == ""
        assert any("1 of 1 workers died; restart" in one for one in here.status()["problems"])


def _until_fed(manager: socket.socket) -> None:
    until(lambda: "WATCHDOG=1" in received(manager, 1.0))


def _drain(manager: socket.socket) -> None:
    while received(manager, 0.01):
        pass
