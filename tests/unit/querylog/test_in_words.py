"""A row for the person it is about: words, and nothing to look up."""

from __future__ import annotations

import pytest
from tests.stand_in.query_log import row

from schoolgate.querylog import Row
from schoolgate.querylog.in_words import in_words
from schoolgate.querylog.log_query import SELF_TEST_RULE

TITLES = {"gambling": "Gambling"}


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (row(), "asked for www.example.org (A) in the network pupils. It was answered. This row is kept as"),
        (row(action="deny", layer="category", category="gambling"), "It was blocked: it is listed as Gambling."),
        (row(action="deny", layer="own-list"), "It was blocked: the school blocks it by name."),
        (row(action="deny", layer="sealed", qname="(withheld)", class_="safeguarding"),
         "asked for a name that is not kept (A) in the network pupils. It was blocked: it is on a list of"),
        (row(action="deny", layer="sealed", qname="(withheld)", rule=SELF_TEST_RULE),
         "It was the self-test of the sealed lists, made in the name of this device: no device and no person asked."),
        (row(action="deny-revealed", category="gambling"), "because the answer led to something that is blocked: it"),
        (row(action="fail"), "no server had an answer."),
        (row(rcode=3), "there is no such name."),
        (row(segment=""), "asked for www.example.org (A). It was answered."),
        (row(class_="safeguarding"), "kept longer, because it matters for safeguarding."),
    ],
)  # fmt: skip
def test_a_row_says_in_words_what_became_of_it(one: Row, said: str) -> None:
    assert said in in_words(one, "A", TITLES)
