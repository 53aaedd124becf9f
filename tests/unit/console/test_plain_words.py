"""Numbers and texts as people read them."""

from __future__ import annotations

import pytest

from schoolgate.console.explain_words import ways
from schoolgate.console.plain_words import commands, counted, octets, roughly, span


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 seconds"), (1, "1 second"), (90, "90 seconds"), (60, "1 minute"), (5400, "90 minutes"),
        (3600, "1 hour"), (100_000, "27 hours"), (172_800, "2 days"), (-5, "0 seconds"), (40 * 86_400, "40 days"),
    ],
)  # fmt: skip
def test_a_span_is_said_in_one_unit(seconds: int, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 bytes"), (999, "999 bytes"), (12_400_000_000, "12.4 GB"), (250_000, "250 kB")]
)
def test_octets_are_said_in_powers_of_a_thousand(number: int, said: str) -> None:
    assert octets(number) == said


def test_things_are_in_words_of_their_own() -> None:
    assert [counted(1, "try", "tries"), counted(1200, "try", "tries")] == ["1 try", "1,200 tries"]


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("run `schoolgate serve`; wait", "run <code>schoolgate serve</code>; wait"),
        ("an odd ` one", "an odd  one"),
        ("`<b>`", "<code>&lt;b&gt;</code>"),
        ("<script>", "&lt;script&gt;"),
    ],
)
def test_commands_in_a_text_are_set_apart_and_nothing_is_markup(text: str, page: str) -> None:
    assert commands(text) == page


@pytest.mark.parametrize(
    ("number", "said"), [(5_851_635, "5.9 million"), (42_499, "42,000"), (9_999, "9,999"), (1, "1")]
)
def test_a_number_that_changes_is_said_roughly(number: int, said: str) -> None:
    assert roughly(number) == said


def test_ways_to_change_name_a_policy_as_people_do() -> None:
    one = {"sentence": "from Monday 22:05 on the network has policy sixth-form", "operation": None, "is_yours": False}
    (way,) = ways({"changes": [one]}, {})
    assert way.words == "From Monday 22:05 on the network has policy Sixth form"
