"""Failures remembered (RFC 9520)."""

from __future__ import annotations

from schoolgate.resolver.failures import FAILURES_MAX, KEPT_REPLY_OCTETS_MAX, LONGEST_S, FailureTable


def test_a_failure_is_remembered_for_a_second() -> None:
    table = FailureTable()
    table.record(b"q", 10.0, None, 22)
    failure = table.recall(b"q", 10.9)
    assert failure is not None
    assert failure.ede == 22
    assert table.recall(b"q", 11.0) is None
    assert table.recall(b"other", 10.5) is None


def test_failures_in_a_row_are_remembered_longer_up_to_the_limit() -> None:
    table = FailureTable()
    now, spans = 0.0, []
    for _ in range(5):
        table.record(b"q", now, None, 22)
        failure = table.recall(b"q", now)
        assert failure is not None
        spans.append(failure.span_s)
        now = failure.until
    assert spans == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_failure_long_after_the_last_starts_anew() -> None:
    table = FailureTable()
    table.record(b"q", 0.0, None, 22)
    table.record(b"q", 1.0 + LONGEST_S, None, 22)
    failure = table.recall(b"q", 6.5)
    assert failure is not None
    assert failure.span_s == 1.0


def test_an_answer_or_a_returning_forwarder_ends_it() -> None:
    table = FailureTable()
    table.record(b"q", 0.0, None, 22)
    table.forget(b"q")
    assert table.recall(b"q", 0.1) is None
    table.record(b"q", 0.0, None, 22)
    table.clear()
    assert table.recall(b"q", 0.1) is None


def test_the_table_is_bounded_and_the_oldest_gives_way() -> None:
    table = FailureTable()
    for number in range(FAILURES_MAX + 1):
        table.record(number.to_bytes(4), 0.0, None, 22)
    assert len(table.entries) == FAILURES_MAX
    assert table.evicted == 1
    assert table.recall((0).to_bytes(4), 0.1) is None


def test_a_short_failing_reply_is_kept_and_a_long_one_is_not() -> None:
    table = FailureTable()
    table.record(b"short", 0.0, b"servfail", 0)
    table.record(b"long", 0.0, bytes(KEPT_REPLY_OCTETS_MAX + 1), 0)
    short, long = table.recall(b"short", 0.1), table.recall(b"long", 0.1)
    assert short is not None
    assert short.octets == b"servfail"
    assert long is not None
    assert long.octets is None
