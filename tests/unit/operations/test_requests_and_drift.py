"""What was asked for and approved is no drift, by which way it is put in force."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.unit.operations.request_school import DAY, IT, RequestSchool, school_of

from schoolgate.accounts.roles import Role
from schoolgate.governance.errors import NoSuchRecord, RecordChanged
from schoolgate.operations.errors import NotPermitted

pytestmark = pytest.mark.asyncio(loop_scope="module")
D, H, L, N, P = Role.trust_director, Role.head, Role.safeguarding_lead, Role.network_manager, Role.provider


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def school(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RequestSchool]:
    async with school_of(tmp_path_factory.mktemp("agreed"), D, H, L, N, P) as made:
        yield made


async def look(school: RequestSchool) -> Any:
    return await school.by(IT, "checks.drift")


async def test_what_was_approved_is_no_drift_until_its_end(school: RequestSchool) -> None:
    assert (await look(school)).changed == ()
    first = (await school.file(name="a1.example", lasts="5d")).number
    assert (await school.approve(first)).state == "applied"
    assert (await look(school)).changed == ()
    later = (await school.file(name="a2.example", starts=school.iso(DAY), until=school.iso(9 * DAY))).number
    await school.approve(later)
    school.later(DAY)
    assert (await school.keep_up()).applied == (later,), "by the job"
    assert (await look(school)).changed == ()
    made = await school.ask(H, "show", number=later)
    await school.ask(N, "end", number=later, version=made.version, reason="over")
    assert (await look(school)).changed == ()
    school.later(5 * DAY)
    assert (await school.keep_up()).ended == (first,)
    assert (await look(school)).changed == ()


async def approved(school: RequestSchool, wanted: str) -> Any:
    made = await school.ask(H, "file", action="other", wanted=wanted, purpose="a larger school")
    return await school.approve(made.number)


async def test_a_setting_that_was_approved_is_agreed_when_it_is_said_to_be_done(school: RequestSchool) -> None:
    asked = await approved(school, "a larger cache")
    school.school.write("[cache]\nsize_mib = 32\n")
    found = await look(school)
    assert found.changed == ("settings: cache",)
    done = {"number": asked.number, "version": asked.version, "reason": "set in the file"}
    with pytest.raises(NotPermitted, match="drift"):
        await school.ask(P, "carried_out", **done, drift=found.number)
    with pytest.raises(NoSuchRecord, match="no drift"):
        await school.ask(N, "carried_out", **done, drift=99)

    school.school.write('[cache]\nsize_mib = 32\n[metrics]\nlisten = "127.0.0.1:9999"\n')
    more = await look(school)
    assert len(more.changed) == 2
    seen = {"drift": found.number, "drift_version": found.version}
    with pytest.raises(RecordChanged, match="more was changed"):
        await school.ask(N, "carried_out", **done, **seen)
    assert (await school.ask(N, "show", number=asked.number)).state == "approved", "nothing was done by half"

    school.school.write("[cache]\nsize_mib = 32\n")
    again = await look(school)
    seen = {"drift": again.number, "drift_version": again.version}
    assert (await school.ask(N, "carried_out", **done, **seen)).state == "applied"
    assert (await look(school)).changed == ()
    school.school.write("[cache]\nsize_mib = 64\n")
    assert (await look(school)).changed == ("settings: cache",), "what comes after is another change"
    school.school.write("[cache]\nsize_mib = 32\n")
    assert (await look(school)).changed == ()
