"""One row of the query log as a sentence, for a person who asks what is held of them."""

from __future__ import annotations

from collections.abc import Mapping

from schoolgate.querylog.log_query import COUNTED, OWN_CHECK_RULE, SELF_TEST_RULE, WITHHELD, Row

_OUTCOMES = {
    "allow": "It was answered.",
    "rewrite": "It was answered with the safe version of that service.",
    "deny": "It was blocked",
    "deny-revealed": "It was blocked, because the answer led to something that is blocked",
    "fail": "It was not answered: no server had an answer.",
}
_REASONS = {
    "sealed": "it is on a list of illegal content, and the name is not kept",
    "trust-locked": "the school's trust blocks it",
    "exception": "an exception says so",
    "own-list": "the school blocks it by name",
    "unknown": "only names that the school has listed are open here",
}
# RCODE (RFC 1035, section 4.1.1) of an answer that names nothing.
_NO_SUCH_NAME = 3


def in_words(row: Row, type_name: str, titles: Mapping[str, str]) -> str:
    """`titles`: names of categories. No abbreviation but the type of the question stands alone."""
    segment = f" in the network {row.segment}" if row.segment else ""
    asked = {WITHHELD: "a name that is not kept", COUNTED: "a name that was only counted"}.get(row.qname, row.qname)
    outcome = _OUTCOMES.get(row.action, f"What became of it: {row.action}.")
    if row.rule == SELF_TEST_RULE:
        outcome = (
            "It was the self-test of the sealed lists, made in the name of this device: no device and no person asked."
        )
    elif row.rule == OWN_CHECK_RULE:
        outcome = "It was an hourly check that this server made from an address of its own: no device asked."
    elif row.action.startswith("deny"):
        outcome = f"{outcome}: {_reason(row, titles)}."
    elif row.action == "allow" and row.rcode == _NO_SUCH_NAME:
        outcome = "It was answered: there is no such name."
    kept = "kept longer, because it matters for safeguarding" if row.class_ == "safeguarding" else "kept as usual"
    return f"asked for {asked} ({type_name}){segment}. {outcome} This row is {kept}."


def _reason(row: Row, titles: Mapping[str, str]) -> str:
    if row.category:
        return f"it is listed as {titles.get(row.category, row.category)}"
    return _REASONS.get(row.layer, f"by the rules of the layer {row.layer}")
