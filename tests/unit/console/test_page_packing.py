"""Pages as they travel: their length tells little of what is in them."""

from __future__ import annotations

import gzip

from aiohttp import web

from schoolgate.console.page_packing import LEAST_OCTETS, MOST_PADDING, pack

OURS = {"Sec-Fetch-Site": "same-origin", "Accept-Encoding": "gzip"}
PAGE = "<p>a name that a pupil chose, beside what others asked for</p>" * 40


def packed(headers: dict[str, str] = OURS) -> tuple[bytes, str]:
    response = web.Response(text=PAGE, content_type="text/html")
    pack(headers, response)
    assert isinstance(response.body, bytes)
    return response.body, response.headers.get("Content-Encoding", "")


def test_the_same_page_has_many_lengths() -> None:
    """Pupils choose names that stand in a page of the log, and can watch the lengths on the air."""
    bodies = [packed()[0] for _ in range(200)]
    assert {gzip.decompress(one).decode() for one in bodies} == {PAGE}
    lengths = set(map(len, bodies))
    assert len(lengths) > MOST_PADDING / 4
    assert max(lengths) - min(lengths) <= MOST_PADDING


def test_what_others_may_have_asked_for_is_not_packed() -> None:
    for site in ("cross-site", "same-site", ""):
        assert packed(OURS | {"Sec-Fetch-Site": site}) == (PAGE.encode(), "")
    assert len(PAGE) > LEAST_OCTETS
