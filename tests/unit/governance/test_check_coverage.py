"""The matrix of checks has every cell of the plan once, and due is what was not checked since."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from schoolgate.governance.check_coverage import PERSONAL_KINDS, coverage
from schoolgate.governance.check_fields import Check, CheckPlan
from schoolgate.governance.record_store import Record

PLAN = CheckPlan(places=("Main", "Annexe"), groups=("pupils", "staff"), lines=("Fibre", "Backup 5G"))
MADE = st.lists(
    st.builds(
        Check,
        at_us=st.integers(0, 100),
        who=st.just("a"),
        is_automatic=st.booleans(),
        result=st.sampled_from(["passed", "failed"]),
        tested=st.just("t"),
        device_kind=st.sampled_from(["owned", "personal", "guest", "server"]),
        place=st.sampled_from(["Main", " main ", "Annexe", "Elsewhere"]),
        group=st.sampled_from(["pupils", "STAFF", "guests"]),
        line=st.sampled_from(["", "fibre", "Backup  5g"]),
    ),
    max_size=12,
)


def record(number: int, check: Check) -> Record[Check]:
    return Record(UUID(int=number), number, 1, "passed", "person", None, 0, "a", 0, "a", 1, number, check)


@given(MADE, st.integers(0, 100))
def test_a_cell_is_due_unless_a_person_checked_it_since(made: list[Check], since: int) -> None:
    found = coverage(PLAN, [record(number, one) for number, one in enumerate(made)], since, 200)
    assert len(found.cells) == 2 + 2 * 2 * len(PERSONAL_KINDS)
    assert len({(one.device_kind, one.place, one.group, one.line) for one in found.cells}) == len(found.cells)
    for cell in found.cells:
        fitting = [
            one.at_us
            for one in made
            if not one.is_automatic
            and (
                one.line.lower().split() == cell.line.lower().split()
                if cell.line
                else (one.device_kind, one.place.strip().lower(), one.group.lower())
                == (cell.device_kind, cell.place.lower(), cell.group.lower())
            )
        ]
        assert cell.at_us == (max(fitting) if fitting else None)
        assert cell.is_due is (not fitting or max(fitting) < since)
