"""Answers become settings and a policy, and are read back from these as they were given."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schoolgate.config import parse
from schoolgate.config.problems import InputRefused
from schoolgate.console.setup_forms import STEPS, read_form
from schoolgate.setup.answer_draft import fitting
from schoolgate.setup.answers import (
    BackupAnswer,
    MailAnswer,
    SegmentAnswer,
    SetupAnswers,
    as_toml,
    checked,
    parse_answers,
)
from schoolgate.setup.found_state import FoundState, advertised, answers_there, proposed, with_school
from schoolgate.setup.machine_networks import MachineAddress, machine_addresses
from schoolgate.setup.school_kinds import KINDS
from schoolgate.setup.settings_placing import place_settings
from schoolgate.setup.setup_plan import place_of, plan

NOW = dt.datetime(2026, 11, 30, 9, 0, tzinfo=dt.UTC)
ADDRESSES = (
    MachineAddress("eth0", "10.1.0.53", "10.1.0.0/24"),
    MachineAddress("eth0", "2001:db8::53", "2001:db8::/64"),
)


def found(folder: Path, text: str = "", policy: str | None = None) -> FoundState:
    config = folder / "schoolgate.toml"
    config.unlink(missing_ok=True)
    if text:
        config.write_text(text, encoding="utf-8")
    environ = {"SCHOOLGATE_STATE_DIR": str(folder / "state")}
    return FoundState(parse(text, "x", folder, environ), config, text, policy, 0, ADDRESSES)


def applied(answers: SetupAnswers, before: FoundState) -> FoundState:
    """What is there once the texts of the plan are written."""
    made = plan(answers, before)
    assert before.config is not None
    return found(before.config.parent, made.settings, made.policy)


# Either all are encrypted, or none.
SERVERS = (
    ("system", "192.0.2.1:53", "[2001:db8::9]:53"),
    ("tls://192.0.2.1:853#dns.example.org", "https://[2001:db8::9]:443#dns.example.org"),
)
NETWORKS = st.lists(st.integers(0, 60), unique=True, max_size=12)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)


@st.composite
def answers_of(draw: st.DrawFn) -> SetupAnswers:
    kind = draw(st.sampled_from([one.id for one in KINDS if one.id != "guest-only"]))
    numbers = draw(NETWORKS)
    texts = [f"10.{one}.0.0/16" if one % 2 else f"2001:db8:{one:x}::/48" for one in numbers]
    names = draw(st.lists(NAMES | st.sampled_from(["pupils", "staff", "guests"]), unique=True, max_size=4))
    segments: dict[str, SegmentAnswer] = {}
    for name in names:
        if texts:
            policy = draw(st.sampled_from(["pupil", "staff", "guest"]))
            segments[name] = SegmentAnswer(policy=policy, networks=tuple(texts[:2]), asked=())
            texts = texts[2:]
    folder = draw(st.sampled_from(["", "/mnt/backup"]))
    return SetupAnswers(
        school=kind,
        time_zone=draw(st.sampled_from(["Europe/London", "Europe/Paris"])),
        listen=tuple(
            draw(st.lists(st.sampled_from(["127.0.0.1:5300", "10.1.0.53:53", "[::1]:5300"]), min_size=1, unique=True))
        ),
        segments=segments,
        other_networks=tuple(texts),
        forwarders=tuple(draw(st.lists(st.sampled_from(draw(st.sampled_from(SERVERS))), min_size=1, unique=True))),
        mail=MailAnswer(host=draw(st.sampled_from(["", "mail.school.example"])), port=draw(st.integers(0, 65535))),
        backup=BackupAnswer(kind="folder", folder=folder) if folder else BackupAnswer(),
    )


@settings(max_examples=6, deadline=None)
@given(first=answers_of(), second=answers_of())
def test_what_is_written_is_read_back_and_written_again_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, first: SetupAnswers, second: SetupAnswers
) -> None:
    state = found(tmp_path_factory.getbasetemp())
    for answers in (first, second):
        state = applied(answers, state)
        assert answers_there(state) == answers
        again = plan(answers, state)
        assert not again.is_change
        assert (again.settings, again.policy) == (state.text, state.policy)


def example(**more: Any) -> SetupAnswers:
    segments = {"pupils": {"policy": "pupil", "networks": ["10.1.0.0/16"]}}
    return checked({"school": "secondary-school", "listen": ["10.1.0.53:53"], "segments": segments, **more})


def test_what_the_school_wrote_itself_stays(tmp_path: Path) -> None:
    text = "# ours\n[cache]\nsize_mib = 64 # enough\n[mail]\nhost = 'old.example'\n"
    state = applied(example(), found(tmp_path, text))
    assert state.policy is not None
    assert "# ours" in state.text and "size_mib = 64 # enough" in state.text
    own = state.policy.replace("deny = []               # of two", 'deny = ["closed.example"] # of two')
    assert own != state.policy
    moved = example(segments={"pupils": {"policy": "pupil", "networks": ["10.9.0.0/16"]}})
    after = applied(moved, found(tmp_path, state.text, own))
    assert after.policy is not None
    assert 'deny = ["closed.example"]' in after.policy, "a rule of the school outlives another setup"
    assert 'policy = "pupil-lunch"' in after.policy, "so does the schedule of a segment"
    assert "10.1.0.0/16" not in after.policy


def test_a_forwarder_that_stays_keeps_what_no_question_asks_for(tmp_path: Path) -> None:
    pins = '["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="]'
    one = f'{{ address = "192.0.2.1", transport = "tls", name = "dns.example.org", pins = {pins} }}'
    before = found(tmp_path, f"[forwarders]\nservers = [{one}]\n")
    kept = "tls://192.0.2.1:853#dns.example.org"
    forwarders = (kept, "tls://192.0.2.2#dns.example.org")
    answers = SetupAnswers(school="secondary-school", listen=("127.0.0.1:5300",), forwarders=forwarders)
    after = applied(answers, before).settings.forwarders.servers
    assert after[0] == before.settings.forwarders.servers[0]
    assert len(after) == 2


def test_another_kind_of_school_loses_no_network(tmp_path: Path) -> None:
    state = applied(example(), found(tmp_path))
    there = answers_there(state)
    assert there is not None
    other = with_school(there, "early-years", state)
    assert {one for each in other.segments.values() for one in each.networks} == {"10.1.0.0/16"}
    kept = SetupAnswers(**{**other.as_json(), "segments": {k: v for k, v in other.segments.items() if v.networks}})
    assert place_of("10.1.2.3", plan(kept, state).policy) is not None
    bare = 'format = 1\nallowed_clients = ["10.0.0.0/8"]\nstrictest = "all"\n[policies.all]\n'
    assert with_school(example(), "own", found(tmp_path, "", bare)).segments["pupils"].policy == "all"


def test_a_device_belongs_to_the_smallest_network_around_it(tmp_path: Path) -> None:
    nested = {
        "pupils": {"policy": "pupil", "networks": ["10.1.0.0/16", "2001:db8:1::/48"]},
        "staff": {"policy": "staff", "networks": ["10.1.9.0/24"]},
    }
    policy = plan(example(segments=nested, other_networks=["192.0.2.0/24"]), found(tmp_path)).policy
    places = {
        one: place_of(one, policy) for one in ("10.1.2.3", "10.1.9.3", "2001:db8:1::7", "192.0.2.1", "198.51.100.1")
    }
    said = {one: (place.segment, place.policy) for one, place in places.items() if place is not None}
    assert said == {
        "10.1.2.3": ("pupils", "pupil"),
        "10.1.9.3": ("staff", "staff"),
        "2001:db8:1::7": ("pupils", "pupil"),
        "192.0.2.1": (None, "unknown-device"),
        "198.51.100.1": (None, ""),
    }
    assert place_of("::ffff:10.1.9.3", policy) == place_of("10.1.9.3", policy).__class__(
        "::ffff:10.1.9.3", "staff", "staff"
    )
    assert place_of("no address", policy) is None


def test_an_answer_file_is_toml_or_json_and_is_named_with_its_mistakes() -> None:
    answers = example()
    assert checked(parse_answers(as_toml(answers), "x")) == answers
    assert checked(parse_answers(answers.model_dump_json(), "x")) == answers
    wrong = {"listen": ["10.1.0.53"], "segments": {"x": {"policy": "p", "networks": ["10.1.0.1/16"]}}, "schol": "x"}
    with pytest.raises(InputRefused) as refused:
        checked(wrong, "school.toml")
    said = str(refused.value)
    for part in ("listen[0]", "segments.x.networks[0]", 'write "10.1.0.0/16"', "did you mean school?"):
        assert part in said
    for text in ('{"listen": ', "listen = [", '{"feeds": ' + "[" * 5000):
        with pytest.raises(InputRefused):
            parse_answers(text, "school.toml")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(draft=st.dictionaries(st.sampled_from(list(SetupAnswers.model_fields)) | st.text(max_size=5), JSON, max_size=8))
def test_whatever_a_draft_holds_its_answers_have_the_form_that_pages_show(draft: dict[str, Any]) -> None:
    known = example().as_json()
    made = fitting(draft, known)
    assert made.keys() == known.keys()
    assert all(isinstance(made[name], type(known[name])) for name in known)
    assert all(set(one) == {"policy", "networks", "asked"} for one in made["segments"].values())
    for group in ("feeds", "mail", "backup"):
        assert made[group].keys() == known[group].keys()
    for step in STEPS:
        read_form(step.id, {}, made)  # a page that is sent empty is no defect
    assert fitting(known, made) == known


def test_licences_are_accepted_or_no_feed_is_used() -> None:
    with pytest.raises(InputRefused, match="licences"):
        example(feeds={"recommended": True})


def test_dhcp_gives_out_addresses_at_port_53_alone() -> None:
    assert advertised(("127.0.0.1:53", "10.1.0.53:5300"), ADDRESSES) == ()
    assert advertised(("10.1.0.53:53", "[2001:db8::53]:53"), ADDRESSES) == ("10.1.0.53", "2001:db8::53")
    assert advertised(("0.0.0.0:53",), ADDRESSES) == ("10.1.0.53",)


def test_this_machines_addresses_are_found_without_a_program() -> None:
    for one in machine_addresses():
        assert "/" in one.network and one.interface
        assert not one.address.startswith(("127.", "fe80:"))


def test_a_settings_file_that_may_not_be_written_waits_with_the_command_that_places_it(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory", encoding="utf-8")
    placed = place_settings(tmp_path / "state", blocked / "schoolgate.toml", "old = 1\n", "new = 1\n", NOW)
    assert placed.path.read_text(encoding="utf-8") == "new = 1\n"
    assert str(placed.path) in placed.waits_for and str(blocked / "schoolgate.toml") in placed.waits_for
    assert placed.copy is not None and placed.copy.read_text(encoding="utf-8") == "old = 1\n"
    assert placed.copy.stat().st_mode & 0o777 == placed.path.stat().st_mode & 0o777 == 0o600


def test_an_encrypted_forwarder_stays_as_the_file_has_it(tmp_path: Path) -> None:
    text = (
        '[server]\nlisten = ["10.1.0.53:53"]\n'
        '[forwarders]\nservers = [{ address = "192.0.2.1", transport = "tls", name = "dns.example.org" }]\n'
    )
    before = found(tmp_path, text)
    answers = proposed(before, "secondary-school")
    assert checked(answers.as_json()) == answers
    after = applied(answers.model_copy(update={"mail": MailAnswer(host="mail.school.example")}), before)
    assert after.settings.forwarders == before.settings.forwarders
    nameless = answers.model_copy(update={"forwarders": ("tls://192.0.2.9:853",)})
    with pytest.raises(InputRefused, match="needs a name"):
        checked(nameless.as_json())
