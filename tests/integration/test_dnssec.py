"""DNSSEC with a real validating resolver beside the service: what devices see, what is counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from tests.integration.serving import ANSWER_WITHIN_S, Serving, reasons, texts
from tests.integration.validating_resolver import (
    ADDRESS,
    BOGUS,
    FORGED,
    PLAIN,
    SIGNED,
    ValidatingResolver,
    are_there,
)

DNSSEC_BOGUS = 6
pytestmark = pytest.mark.skipif(not are_there(), reason="needs unbound and ldnsutils")


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValidatingResolver]:
    with ValidatingResolver(tmp_path_factory.mktemp("sidecar")) as resolver:
        yield resolver


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, sidecar: ValidatingResolver) -> Iterator[Serving]:
    settings = f'[forwarders]\nservers = ["127.0.0.1:{sidecar.port}"]\ndnssec = "sidecar"\n'
    started = Serving(tmp_path_factory.mktemp("school"), 0, settings=settings)
    started.start()
    yield started
    started.stop()


def ask(serving: Serving, name: str, rdtype: str = "A", *, flags: int = 0, do: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, rdtype, use_edns=0, payload=1232, want_dnssec=do)
    query.flags = dns.flags.RD | flags
    return dns.query.udp(query, "127.0.0.1", timeout=ANSWER_WITHIN_S, port=serving.port)


def is_authentic(answer: dns.message.Message) -> bool:
    return bool(answer.flags & dns.flags.AD)


def counted(serving: Serving, what: str) -> int:
    return int(serving.control("status")["counters"][f"dnssec_{what}"])


def test_a_device_that_asks_hears_that_an_answer_was_validated(serving: Serving) -> None:
    for _ in ("from the forwarder", "from the cache"):
        answer = ask(serving, f"www.{SIGNED}", flags=dns.flags.AD)
        assert (texts(answer), is_authentic(answer)) == ([ADDRESS], True)
    assert not is_authentic(ask(serving, f"www.{SIGNED}"))
    signed = ask(serving, f"www.{SIGNED}", do=True)
    assert is_authentic(signed)
    assert {one.rdtype for one in signed.answer} == {dns.rdatatype.A, dns.rdatatype.RRSIG}
    absent = ask(serving, f"absent.{SIGNED}", do=True)
    assert (absent.rcode(), is_authentic(absent)) == (dns.rcode.NXDOMAIN, True)
    assert is_authentic(ask(serving, f"alias.{SIGNED}", flags=dns.flags.AD))


def test_an_answer_of_an_unsigned_zone_is_no_worse_and_no_better(serving: Serving) -> None:
    before = counted(serving, "insecure")
    answer = ask(serving, f"www.{PLAIN}", flags=dns.flags.AD)
    assert (texts(answer), is_authentic(answer)) == ([ADDRESS], False)
    assert counted(serving, "insecure") == before + 1


def test_a_forged_answer_is_servfail_that_says_why(serving: Serving) -> None:
    before = counted(serving, "bogus")
    answer = ask(serving, f"www.{BOGUS}")
    assert (answer.rcode(), [code for code, _ in reasons(answer)]) == (dns.rcode.SERVFAIL, [DNSSEC_BOGUS])
    assert counted(serving, "bogus") == before + 1
    unchecked = ask(serving, f"www.{BOGUS}", flags=dns.flags.CD | dns.flags.AD)
    assert (texts(unchecked), is_authentic(unchecked)) == ([FORGED], False), "CD asks for what is there"


def test_what_we_say_ourselves_is_never_called_validated_and_cd_opens_nothing(serving: Serving) -> None:
    for name in ("localhost", "gambling.blocked.example.com"):
        for flags in (dns.flags.AD, dns.flags.AD | dns.flags.CD):
            answer = ask(serving, name, flags=flags, do=True)
            assert not is_authentic(answer)
    plain = ask(serving, "gambling.blocked.example.com")
    assert ask(serving, "gambling.blocked.example.com", flags=dns.flags.CD).rcode() == plain.rcode()


def test_query_shows_what_was_validated(serving: Serving) -> None:
    def shown(name: str) -> str:
        return serving.cli("query", name, "--server", f"127.0.0.1:{serving.port}").stdout

    assert "DNSSEC: validated" in shown(f"www.{SIGNED}")
    assert "DNSSEC: validated" not in shown(f"www.{PLAIN}")
    assert "DNSSEC Bogus" in shown(f"www.{BOGUS}")


def test_switched_off_no_query_asks_for_ad(tmp_path: Path, sidecar: ValidatingResolver) -> None:
    settings = f'[forwarders]\nservers = ["127.0.0.1:{sidecar.port}"]\ndnssec = "off"\n'
    serving = Serving(tmp_path, 0, settings=settings)
    serving.start()
    try:
        answer = ask(serving, f"www.{SIGNED}", flags=dns.flags.AD, do=True)
        assert (ADDRESS in texts(answer), is_authentic(answer)) == (True, False)
        assert (counted(serving, "secure"), counted(serving, "insecure")) == (0, 0)
    finally:
        serving.stop()
