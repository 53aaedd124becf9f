"""The packet cache: no room for it is an error that names the setting; a name in use does not leave it."""

from __future__ import annotations

from tests.failures.conftest import MakeSchool
from tests.failures.upstream import HONEST, QUESTION, A, Upstream, record, reply
from tests.waiting import until

ADDRESS_SPACE_OCTETS = 4 << 30


def test_a_cache_that_does_not_fit_is_an_error_that_names_the_setting(school: MakeSchool) -> None:
    here = school(settings="[cache]\nsize_mib = 65536\n", is_started=False)
    said = here.fails_to_start(wrap=["prlimit", f"--as={ADDRESS_SPACE_OCTETS}"])
    assert "no room for a packet cache of 65536 MiB" in said
    assert "[cache] size_mib" in said


def test_a_name_in_use_is_fetched_again_before_its_answer_expires(school: MakeSchool, upstream: Upstream) -> None:
    here = school()
    upstream.says[b"used"] = lambda query: [reply(query, [record(QUESTION, A, HONEST, 10)])]
    here.ask("used.example.org")

    def is_prefetched() -> bool:
        here.ask("used.example.org")
        return here.counter("prefetched") > 0

    until(is_prefetched)
    until(lambda: upstream.times_asked("used") == 2)
    assert here.counter("cache_misses") == 1
