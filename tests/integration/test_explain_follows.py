"""`explain` follows the answer: its verdict is what the device gets, and it leaves no trace in the query log."""

from __future__ import annotations

from collections.abc import Iterator

import dns.edns
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import orjson
import pytest
from tests.integration.bypass_routes import PLAIN, PUPIL, STAFF, STRANGER
from tests.integration.bypass_school import started
from tests.integration.bypass_upstream import BLOCKED, SAYS, SEALED, BypassUpstream
from tests.integration.serving import ANSWER_WITHIN_S, Serving

from schoolgate.checks.explaining import Explained, explained, on_disk
from schoolgate.checks.following import Question, follow
from schoolgate.config import SocketAddress, load

ODD = (
    ".",
    "printer",
    "localhost",
    "example.test",
    "printer.lan.example",
    "pc.corp.example",
    "WWW.Google.COM",
    "use-application-dns.net",
    "10.in-addr.arpa",
    "_25._tcp.mail.example.org",
    "denied.example",
    "locked.example",
    "www.xn--bcher-kva.example",
    BLOCKED,
    SEALED,
)
TABLE = [
    *((name, kind) for name in (*SAYS, *ODD) for kind in ("A", "HTTPS")),
    ("www.google.com", "AAAA"),
    ("alias.example.org", "CNAME"),
    ("www.example.org", "ANY"),
    ("www.example.org", "TXT"),
    ("printer.lan.example", "AAAA"),
]


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with BypassUpstream() as upstream:
        school = started(tmp_path_factory.mktemp("followed"), upstream.port)
        yield school
        school.stop()


def told(school: Serving, name: str, kind: str, client: str) -> Explained:
    settings = load(school.config)
    question = Question(name, dns.rdatatype.from_text(kind), client, SocketAddress("127.0.0.1", school.port))
    return explained(settings, school.config, question, None, None)


def got(school: Serving, name: str, kind: str, client: str) -> tuple[str, list[tuple[int, str]]]:
    """What a device gets: by TCP, so that nothing is cut off."""
    query = dns.message.make_query(name, kind, use_edns=0)
    answer = dns.query.tcp(query, "127.0.0.1", ANSWER_WITHIN_S, school.port, source=client)
    errors = [one for one in answer.options if isinstance(one, dns.edns.EDEOption)]
    return dns.rcode.to_text(answer.rcode()), [(int(one.code), one.text or "") for one in errors]


@pytest.mark.parametrize("client", [PUPIL, STAFF, PLAIN, STRANGER])
def test_the_verdict_is_the_one_that_a_real_query_gets(school: Serving, client: str) -> None:
    settings = load(school.config)
    basis = on_disk(settings, school.config, None).basis
    wrong = []
    for name, kind in TABLE:
        local = SocketAddress("127.0.0.1", school.port)
        followed = follow(settings, basis, Question(name, dns.rdatatype.from_text(kind), client, local))
        here, there = (followed.rcode, list(followed.reasons)), got(school, name, kind, client)
        if here != there:
            wrong.append((name, kind, here, there))
    assert wrong == []


def test_an_answer_that_leads_astray_is_denied_and_what_it_leads_to_is_named(school: Serving) -> None:
    said = school.cli("explain", "alias-last.example.org", "--client", PUPIL, "--asked", f"127.0.0.1:{school.port}")
    assert said.returncode == 0, said.stderr
    assert "DENIED: the name is open, and its answer leads to" in said.stdout
    assert f"{BLOCKED}, which is denied: gambling" in said.stdout
    private = school.cli("explain", "ten.example.org", "--client", STAFF, "--json")
    found = orjson.loads(private.stdout)
    assert found["verdict"] == "denied"
    assert found["decision"]["effect"] == "allow"
    assert found["followed"]["closed_by"] == "10.0.0.1: private address"


def test_nothing_of_a_sealed_list_is_shown(school: Serving) -> None:
    for name in (SEALED, "to-sealed.own.example"):
        found = told(school, name, "A", PUPIL)
        assert found.verdict == "denied"
        assert found.followed is not None
        assert (found.followed.leads_to, found.followed.closed_by) == ((), None)


def test_without_following_the_name_alone_decides(school: Serving) -> None:
    run = school.cli("explain", "ten.example.org", "--no-resolve", "--json")
    assert orjson.loads(run.stdout)["verdict"] == "allowed"
    assert orjson.loads(run.stdout)["followed"] is None


def test_a_question_that_is_explained_is_in_no_log(school: Serving) -> None:
    before = school.control("status")["query_log"]["rows"]
    assert told(school, "alias.example.org", "A", PUPIL).verdict == "denied"
    assert school.control("status")["query_log"]["rows"] == before


def test_addresses_are_refused_alike_with_the_name_offered(school: Serving) -> None:
    for command in (
        ("explain", "https://site.example/x"),
        ("query", "site.example/x"),
        ("lists", "why", "user@site.example"),
        ("log", "search", "--name", "site.example:443"),
        ("log", "top", "--name", "https://site.example"),
        ("policy", "block", "https://site.example/x"),
        ("policy", "allow", "site.example/x", "--for", "2h", "--reason", "a lesson"),
        ("feeds", "except", "some-feed", "https://site.example/x", "--reason", "a false hit"),
    ):
        run = school.cli(*command)
        assert run.returncode == 1, command
        assert 'DNS sees only the name: write "site.example"' in run.stderr
        assert run.stdout == ""
