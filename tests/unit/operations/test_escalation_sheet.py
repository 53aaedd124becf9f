"""The sheet of who is called says what the settings say, and names hours in which no one is."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.operations.signed_in import opened

from schoolgate.accounts.roles import Role

STEPS = """
[escalation]
opens = "08:30"
[[escalation.steps]]
post = "Deputy safeguarding lead"
telephone = "+44 20 7946 0001"
to = ["deputy@school.example"]
after_minutes = 15
[[escalation.steps]]
post = "Safeguarding lead"
to = ["lead@school.example"]
"""


@pytest.mark.asyncio
async def test_the_sheet_is_in_the_order_of_minutes_and_names_gaps(tmp_path: Path) -> None:
    async with opened(tmp_path, STEPS) as school:
        lead = await school.signed_in("dora", Role.safeguarding_lead)
        shown = await school.call(lead, "escalation.show")
        assert [(one.post, one.after_minutes) for one in shown.steps] == [
            ("Safeguarding lead", 0), ("Deputy safeguarding lead", 15),
        ]  # fmt: skip
        assert {(one.concern, one.hours) for one in shown.gaps} == {("technical", "school"), ("technical", "other")}
        assert (shown.is_school, shown.opens, shown.closes) == (True, "08:30", "16:30")
        school.write("")
        assert (await school.call(lead, "escalation.show")).steps == ()
