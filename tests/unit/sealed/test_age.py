"""Over a day is an alarm, over two is unhealthy, and the list is enforced all the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from tests.unit.sealed.conftest import NOW, Import

from schoolgate.config import Settings
from schoolgate.sealed import SealedStore, State, sealed_problems, sealed_status, state_of, worst


@pytest.mark.parametrize(
    ("hours", "state"),
    [(0, State.OK), (24, State.OK), (24.1, State.STALE), (48, State.STALE), (48.1, State.UNHEALTHY), (-0.5, State.OK)],
)
def test_age_has_two_limits(hours: float, state: State) -> None:
    assert state_of(NOW, NOW + dt.timedelta(hours=hours)) is state


def test_a_list_from_the_future_is_of_unknown_age() -> None:
    assert state_of(NOW + dt.timedelta(days=30), NOW) is State.UNHEALTHY


def test_the_worst_of_several_counts() -> None:
    assert worst([State.OK, State.UNHEALTHY, State.STALE]) is State.UNHEALTHY
    assert worst([]) is State.OK


def test_status_tells_ages_and_counts(store: SealedStore, settings: Callable[..., Settings], take: Import) -> None:
    take("bad.example\nshared.example/page\n")
    take("worse.example\n", supplier="ctiru", now=NOW + dt.timedelta(hours=30))
    opened = store.open_all(settings())
    assert opened is not None
    told = sealed_status(opened, NOW + dt.timedelta(hours=30))
    assert (told["serial"], told["state"]) == (2, "stale")
    by_name = {one["supplier"]: one for one in told["suppliers"]}
    assert by_name["iwf"]["age_s"] == 30 * 3600
    assert (by_name["iwf"]["enforced"], by_name["iwf"]["url_level"], by_name["iwf"]["state"]) == (1, 1, "stale")
    assert by_name["ctiru"]["state"] == "ok"
    late = sealed_problems(opened, NOW + dt.timedelta(hours=60))
    assert [one.split(":")[0] for one in late] == ["UNHEALTHY", "ALARM"]
