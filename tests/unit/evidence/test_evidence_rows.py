"""Rows of evidence: measured, and never better than their sources."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.unit.evidence.well_school import ITEMS, VALUES, sources

from schoolgate.evidence.assurance import NEEDED as SENTENCES_NEED
from schoolgate.evidence.assurance import six_sentences
from schoolgate.evidence.limits_statement import NEEDED as LIMITS_NEED
from schoolgate.evidence.limits_statement import limits_of
from schoolgate.evidence.measures import Item, RowState, Seen, row_of, rows_of
from schoolgate.evidence.pack import NEEDED as PACK_NEEDS
from schoolgate.evidence.pack import pack_of
from schoolgate.evidence.sources import Source, Sources, needed_by, reads
from schoolgate.operations.governance.evidence_records import RECORD_READERS
from schoolgate.operations.governance.evidence_sources import READERS
from schoolgate.operations.governance.meeting_report import _SENTENCES as MEETING
from schoolgate.operations.governance.meeting_report import SINCE
from schoolgate.operations.governance.review_prefill import NEEDED as REVIEW_NEEDS

USED = sorted({name for one in ITEMS for name in one.sources})


def test_where_all_is_well_each_row_is_measured_and_met() -> None:
    for row in rows_of(ITEMS, sources()):
        assert row.state in (RowState.met, RowState.outside), row
        assert (row.query != "") is (row.state is RowState.met), "what was measured says by which query"


@pytest.mark.parametrize("name", USED)
def test_a_source_that_is_broken_turns_each_of_its_rows_red_and_no_other(name: str) -> None:
    broken = sources(**{name: Source(f"query of {name}", problem="the file is damaged")})
    for item, before, after in zip(ITEMS, rows_of(ITEMS, sources()), rows_of(ITEMS, broken), strict=True):
        if name in item.sources:
            assert (after.state, "the file is damaged" in after.value) == (RowState.broken, True), item.text
        else:
            assert after == before


@pytest.mark.parametrize("name", SENTENCES_NEED)
def test_a_source_that_is_broken_turns_its_sentences_and_limits_red_and_no_other(name: str) -> None:
    broken = sources(**{name: Source(f"query of {name}", problem="the file is damaged")})
    for before, after in zip(six_sentences(sources()), six_sentences(broken), strict=True):
        assert (after.is_met is None) is (f"query of {name}" in before.query.split("; ")), after
    said = [one for one in limits_of(broken) if one.is_broken]
    assert all("the file is damaged" in one.sentence and f"query of {name}" in one.query for one in said)
    assert bool(said) is (name in LIMITS_NEED)


def test_a_measure_reads_no_source_that_it_does_not_name() -> None:
    @reads("status")
    def measure(found: Sources) -> Seen:
        return Seen(str(found["checks"]), True)

    row = row_of(Item("An item", measure), sources())
    assert (row.state, "checks was not read" in row.value) == (RowState.broken, True)


def test_what_is_read_is_what_is_measured_and_nothing_else() -> None:
    """One list: the measures name their sources, and each source that can be read is named by one of them."""
    named = {*PACK_NEEDS, *SENTENCES_NEED, *LIMITS_NEED, *REVIEW_NEEDS, *needed_by(MEETING)} - {SINCE}
    assert named == {*READERS, *RECORD_READERS}
    assert set(PACK_NEEDS) <= set(VALUES), "the school of these tests has each source of a pack"


@pytest.mark.parametrize("name", PACK_NEEDS)
def test_a_pack_says_of_each_source_that_it_is_broken(name: str) -> None:
    broken = sources(**{name: Source(f"query of {name}", problem="the file is damaged")})
    pack = pack_of(broken, "A school", "1", ZoneInfo("Europe/London"))
    whole = pack_of(sources(), "A school", "1", ZoneInfo("Europe/London"))
    assert pack["broken"] == [f"query of {name}: the file is damaged"]
    assert {part for part in pack if part != "broken" and pack[part] != whole[part]}, "it is seen somewhere"


@pytest.mark.parametrize("value", [None, {}, [], "", 0, {"rules": None}])
@pytest.mark.parametrize("name", USED)
def test_an_answer_of_another_form_is_never_good(name: str, value: Any) -> None:
    for item in ITEMS:
        if name in item.sources:
            row = row_of(item, sources(**{name: Source("q", value)}))
            assert row.state is not RowState.met, row


@pytest.mark.parametrize(
    ("name", "change", "item"),
    [
        ("registers", {"unfilled_posts": ["Governor"]}, "A governor, a senior leader"),
        ("registers", {"training_overdue": 1}, "Staff are trained"),
        ("accounts", {"without_factor": 1}, "Each who decides"),
        ("review", {"is_overdue": True}, "A review is signed"),
        ("review", {"signed_on": None}, "A review is signed"),
        ("actions", {"overdue": 1}, "Gaps have actions"),
        ("status", {"feeds": [{"id": "x", "condition": "ok", "age_s": 999_999}]}, "Lists are kept"),
        ("status", {"backup": None}, "Backups"),
        ("status", {"query_log": {"is_on": True, "lost": {"ordinary": 7}}}, "The filter runs"),
        ("status", {"unprotected": [{"id": "categories-starter-only", "sentence": "x: gambling (594)"}]}, "Gambling"),
        ("alerts_open", {"oldest_new_s": 90_000}, "Alerts reach a person"),
        ("checks", {"history": []}, "What must be open"),
        ("openings", {"has_effect": False}, "Who opens sites"),
    ],
)
def test_what_is_not_as_it_should_be_is_to_be_looked_at(name: str, change: dict[str, Any], item: str) -> None:
    wanted = next(one for one in ITEMS if one.text.startswith(item))
    row = row_of(wanted, sources(**{name: Source("q", VALUES[name] | change)}))
    assert row.state is RowState.look, row


def test_who_opens_sites_alone_is_said_and_is_the_choice_of_the_trust() -> None:
    wanted = next(one for one in ITEMS if one.text.startswith("Who opens sites"))
    row = row_of(wanted, sources(openings=Source("q", {"is_on": False, "has_effect": False})))
    assert (row.state, "network manager alone" in row.value) == (RowState.met, True)


def test_a_category_that_is_open_in_the_strictest_policy_is_not_met() -> None:
    policies = [
        one | {"categories": [{**row, "value": "allow"} if row["category"] == "gambling" else row
                              for row in one["categories"]]}
        for one in VALUES["policy"]["policies"]
    ]  # fmt: skip
    wanted = next(one for one in ITEMS if one.text == "Gambling")
    row = row_of(wanted, sources(policy=Source("q", {"policies": policies})))
    assert (row.state, "pupil, guest" in row.value) == (RowState.look, True)


def test_governors_read_six_sentences_whatever_is_broken() -> None:
    assert [one.is_met for one in six_sentences(sources())] == [True] * 6
    none = sources(**{name: Source("q", problem="away") for name in VALUES})
    assert [one.is_met for one in six_sentences(none)] == [None] * 5 + [True]


def test_limits_come_from_the_configuration_and_say_what_could_not_be_measured() -> None:
    plain = {"servers": [{"server": "192.0.2.1", "is_encrypted": False}], "validates": False}
    said = [one.sentence for one in limits_of(sources(forwarders=Source("q", plain)))]
    assert any("Questions to one server travel without encryption" in one for one in said)
    assert any("DNSSEC" in one for one in said)
    assert any("5 entries of the list of IWF name single pages" in one for one in said)
    assert any("Pupils, Guests" in one for one in said), "networks whose firewall is not known"
    well = [one.sentence for one in limits_of(sources())]
    assert not any("encryption" in one or "DNSSEC" in one for one in well)
    silent = limits_of(sources(silent_devices=Source("q", {"open": 3})))
    assert any("3 devices went silent" in one.sentence for one in silent)
    assert any(one.is_broken for one in limits_of(sources(sealed_counts=Source("q", problem="away"))))


def test_a_pack_is_made_of_nothing_but_broken_sources() -> None:
    none = sources(**{name: Source(f"q {name}", problem="away") for name in VALUES})
    pack = pack_of(none, "A school", "1", ZoneInfo("Europe/London"))
    assert pack["counts"]["met"] == 0
    assert len(pack["broken"]) == len(VALUES)
