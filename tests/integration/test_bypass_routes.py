"""The page of all ways round a block: made by asking the real service, and kept equal to what it answers.

`SCHOOLGATE_WRITE_PAGES=1 pytest tests/integration/test_bypass_routes.py` writes the page anew.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.bypass_packets import by_tcp, by_udp, longest_ttl, query, question, said
from tests.integration.bypass_routes import POLICY, PUPIL, STAFF, WHO, Route, all_routes
from tests.integration.bypass_school import started
from tests.integration.bypass_upstream import BLOCKED, ENGINES, OPEN, BypassUpstream
from tests.integration.conftest import Start
from tests.integration.serving import Serving, reasons

PAGE = Path(__file__).parents[2] / "deploy" / "bypass-routes.md"
WRITE = "SCHOOLGATE_WRITE_PAGES"
TTL_CAP_S = 60
# Shorter than the TTL of the answer, longer than any start.
LESSON_S = 200
STALE = 3
ROUTES = all_routes()
# Where the tables end and the transcripts begin.
TRANSCRIPTS = "\n## What `dig` shows\n"
HEAD = """\
# Ways round a block

Each row was asked of a running server by `tests/integration/test_bypass_routes.py`, which fails when an answer is not
the one on this page. Behind the server stands a forwarder that lies. Pupils have gambling, encrypted DNS and unlockable
search engines denied, every search engine locked and `ech = "strip"`; staff have little denied. EDE 15 is "blocked",
with its category; EDE 16 is a sealed list, which says nothing more; EDE 4 is SafeSearch.

What no DNS server can do: stop a device that asks somebody else (the firewall must: `firewall/nftables.conf`), that has
an address already, or that is inside a tunnel; and close a look-alike name, which is another name, without closing
honest ones with it.
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[BypassUpstream]:
    with BypassUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory, upstream: BypassUpstream) -> Iterator[Serving]:
    school = started(tmp_path_factory.mktemp("bypass"), upstream.port)
    yield school
    school.stop()


def heard(school: Serving, route: Route) -> bytes | None:
    """The answer to a route."""
    if route.first is not None:
        assert by_udp(school.port, route.first, route.packet) is not None
    if not route.tcp:
        return by_udp(school.port, route.client, route.packet, is_silent=route.wanted == "no answer")
    before = [query(question(OPEN))] if route.behind else []
    return by_tcp(school.port, route.client, [*before, route.packet], in_pieces=route.pieces)


def row(number: int, route: Route, answer: str) -> str:
    right = "yes" if answer == route.wanted else f"NO: {route.wanted}"
    cells = (number, route.area, route.way, f"`{route.asked}`", WHO[route.client], f"`{answer}`", right)
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def agrees(part: str, *, is_first: bool) -> None:
    """Compares one part of the page, or writes it where that is asked for."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else TRANSCRIPTS
    tables, _, transcripts = page.partition(TRANSCRIPTS)
    if os.environ.get(WRITE):
        parts = (part, transcripts) if is_first else (tables, part)
        PAGE.write_text(TRANSCRIPTS.join(parts), encoding="utf-8")
        return
    assert (tables if is_first else transcripts) == part, f"look at the answers, then write the page with {WRITE}=1"


def test_every_route_gets_the_answer_on_the_page(school: Serving) -> None:
    assert len(ROUTES) >= 60
    answers = [(route, heard(school, route)) for route in ROUTES]
    wrong = [(route, said(answer)) for route, answer in answers if said(answer) != route.wanted]
    assert not wrong, "\n".join(f"{one.area}: {one.way}: {one.asked}: {got}, not {one.wanted}" for one, got in wrong)
    late = [route.way for route, answer in answers if route.client == PUPIL and longest_ttl(answer) > TTL_CAP_S]
    assert late == [], "a pupil's device may keep an answer for a minute"
    rows = [row(number, route, said(answer)) for number, (route, answer) in enumerate(answers, 1)]
    head = "| | area | way | question | who | answer | right |\n|---|---|---|---|---|---|---|"
    agrees(f"{HEAD}\n{head}\n" + "\n".join(rows) + "\n", is_first=True)


@pytest.mark.skipif(shutil.which("dig") is None, reason="needs dig")
def test_dig_shows_what_the_page_says_of_search_engines(school: Serving) -> None:
    def dig(name: str, rtype: str, client: str) -> str:
        asked = [name, rtype, "+noall", "+answer", "+nottlid", "+nocrypto"]
        where = ["@127.0.0.1", "-p", str(school.port), "-b", client]
        run = subprocess.run(["dig", *where, *asked], capture_output=True, text=True, check=True, timeout=60)
        records = "\n".join(" ".join(line.split()) for line in run.stdout.splitlines() if line)
        return f"$ dig @127.0.0.1 -b {client} {name} {rtype} +noall +answer\n{records or '(no data)'}"

    parts = [
        "\n```\n" + "\n".join(dig(name, rtype, client) for rtype in ("A", "AAAA", "HTTPS")) + "\n```\n"
        for name in ENGINES
        for client in (PUPIL, "127.0.0.4", STAFF)
        if client != "127.0.0.4" or "youtube" in name
    ]
    about = "\n127.0.0.1 is a pupil, 127.0.0.4 a pupil with YouTube moderate, 127.0.0.2 staff. TTLs are left out.\n"
    agrees(about + "".join(parts), is_first=False)


def test_a_stale_answer_is_judged_too(school: Serving, upstream: BypassUpstream) -> None:
    name = "stale-alias.example.org"
    assert school.rcode(name, source=STAFF) == "NOERROR"
    upstream.is_dead = True
    try:
        # Past its TTL of a second; nothing but the clock can make an answer stale.
        school.until(lambda: STALE in dict(reasons(school.ask(name, source=STAFF))))
        assert school.rcode(name, source=PUPIL) == "NXDOMAIN"
        assert school.rcode(name, source=STAFF) == "NOERROR"
    finally:
        upstream.is_dead = False


def test_no_answer_is_kept_past_the_end_of_a_lesson(start: Start) -> None:
    until = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=LESSON_S)).replace(microsecond=0)
    exception = f'{{ name = "{BLOCKED}", reason = "r", approved_by = "a", until = {until.isoformat()} }}'
    school = start(policy=POLICY.replace("max_ttl_s = 60\n", f"exceptions = [{exception}]\n"))
    before = dt.datetime.now(dt.UTC)
    answer = school.ask(BLOCKED)
    assert answer.answer[0].ttl <= (until - before).total_seconds() + 1


def test_private_addresses_have_a_counter_of_their_own(school: Serving) -> None:
    def counted() -> int:
        return int(school.control("status")["counters"]["denied_private"])

    before = counted()
    assert school.rcode("ten.example.org") == "NXDOMAIN"
    assert counted() == before + 1
