"""Whatever a person or a program writes, reading it ends in a value or in problems with a remedy: never in a crash."""

from pathlib import Path

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from schoolgate.config import ConfigInvalid
from schoolgate.config import parse as parse_settings
from schoolgate.config.domain_name import parse_domain_name
from schoolgate.policy import PolicyRefused, parse
from schoolgate.policy.zone_text import parse_zone_text

WORDS = st.sampled_from(
    (
        *("format", "strictest", "allowed_clients", "policies", "segments", "pupil", "trust", "extends", "locked"),
        *("categories", "deny", "allow", "safesearch", "exceptions", "schedule", "days", "dates", "only", "except"),
        *("server", "listen", "cache", "forwarders", "servers", "forward_zones", "zone", "lists", "extra", "local"),
        *(
            "prefixes",
            "asked",
            "policy",
            "name",
            "until",
            "from",
            "to",
            "rate_limit",
            "unknown",
            "time_zone",
            "",
            "[key]",
        ),
    )
)
VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.datetimes(),
        st.dates(),
        st.times(),
        st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20),
        WORDS,
        st.sampled_from(("10.0.0.0/8", "127.0.0.1:5300", "trust", "deny", "inherit", "Europe/London", "..", "12:00")),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=15,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(WORDS, VALUES, max_size=6))
def test_any_toml_is_a_policy_or_is_refused_with_remedies(tables: dict[str, object]) -> None:
    text = tomlkit.dumps(tables)
    for reader, refusal in ((parse, PolicyRefused), (parse_settings, ConfigInvalid)):
        try:
            reader(text, "x.toml")
        except refusal as refused:
            assert refused.problems
            assert all(problem.message and problem.remedy for problem in refused.problems)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_a_name_in_normal_form_or_is_refused(text: str) -> None:
    try:
        name = parse_domain_name(text)
    except PydanticCustomError as refused:
        assert refused.context is not None
        assert refused.context["remedy"]
    else:
        assert name == name.lower()
        assert name.isascii()
        assert 0 < len(name) <= 253
        assert parse_domain_name(name) == name


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from('a.b *@$;"()\\\n\t019 INATXTMX:/é'), max_size=60))
def test_any_zone_text_is_records_and_problems_that_name_their_lines(text: str) -> None:
    records, problems = parse_zone_text("$ORIGIN example.\n" + text, str(Path("x.zone")))
    assert all(record.name.endswith("example") or "." in record.name or record.name for record in records)
    assert all(problem.path.startswith("line ") and problem.remedy for problem in problems)
