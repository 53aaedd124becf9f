"""A packet cache for which the system gives no address space is an error that names the setting."""

from __future__ import annotations

from tests.failures.conftest import MakeSchool

ADDRESS_SPACE_OCTETS = 4 << 30


def test_a_cache_that_does_not_fit_is_an_error_that_names_the_setting(school: MakeSchool) -> None:
    here = school(settings="[cache]\nsize_mib = 65536\n", is_started=False)
    said = here.fails_to_start(wrap=["prlimit", f"--as={ADDRESS_SPACE_OCTETS}"])
    assert "no room for a packet cache of 65536 MiB" in said
    assert "[cache] size_mib" in said
