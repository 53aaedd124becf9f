"""Every real list of ../shared/data through the real updater, from a web server of the test's own."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.feed_school import School, lists_dir
from tests.integration.feed_server import FeedServer

from schoolgate.lists.limits import Limits

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
LISTS = ROOT / "lists"

# (file, dialect that is found, least names: counted in the files themselves, a name of the list and its category)
FORMATS = (
    ("adblock-drugs.txt.gz", "adblock", 26_000, "001kanpou.com"),
    ("adblock-light.txt.gz", "adblock", 120_000, "0001.best"),
    ("dnsmasq-drugs.txt.gz", "dnsmasq", 26_000, "001kanpou.com"),
    ("domains-drugs.txt.gz", "domains", 26_000, "001kanpou.com"),
    ("domains-nosafesearch.txt.gz", "domains", 170, "a.searx.space"),
    ("hosts-drugs.txt.gz", "hosts", 26_000, "001kanpou.com"),
    ("unbound-easylist.conf.gz", "unbound", 30_000, None),
    ("wildcard-easylist.txt.gz", "wildcard", 30_000, None),
)

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data is not here: {DATA}")


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as serving:
        yield serving


@pytest.fixture
def school(tmp_path: Path) -> School:
    lists_dir(tmp_path / "lists")
    limits = replace(Limits(), silent_s=30.0, attempts=1)
    return School(tmp_path, limits=limits)


def test_every_format_as_its_publisher_writes_it(school: School, server: FeedServer) -> None:
    for file, *_ in FORMATS:
        server.text(f"/{file}", (DATA / "formats" / file).read_bytes(), Content_Type="application/gzip")
        school.choose(file.partition(".")[0], url=server.url(f"/{file}"), category="drugs")
    report = school.update()
    assert report.exit_code == 0, [one.message for one in report.outcomes if one.kind != "changed"]
    for file, dialect, least, name in FORMATS:
        good = school.state(file.partition(".")[0]).good
        assert good is not None
        assert (good.parts[0].dialect, good.rules >= least) == (dialect, True), (file, good.parts[0])
        if name is not None:
            assert "drugs" in school.said_of(f"www.{name}"), (file, name)


def test_a_million_names(school: School, server: FeedServer) -> None:
    packed = (DATA / "block-1m.txt.gz").read_bytes()
    server.text("/block", gzip.decompress(packed), Content_Encoding="identity")
    server.text("/block.gz", packed, Content_Type="application/octet-stream")
    school.choose("plain", url=server.url("/block"), category="advertising")
    school.choose("packed", url=server.url("/block.gz"), category="malware")
    report = school.update()
    assert report.exit_code == 0, report.outcomes
    plain, packed_too = school.state("plain").good, school.state("packed").good
    assert plain is not None
    assert packed_too is not None
    assert plain.parts[0].sha256 == packed_too.parts[0].sha256, "the same octets, however they came"
    assert plain.rules > 990_000
    assert report.built is not None
    assert report.built.names > 990_000


def test_the_ut1_tarball_with_the_shipped_categories(school: School, server: FeedServer) -> None:
    (school.folder / "lists" / "categories.toml").write_bytes((LISTS / "categories.toml").read_bytes())
    (school.folder / "lists" / "feeds.toml").write_bytes((LISTS / "feeds.toml").read_bytes())
    server.text("/all", (DATA / "ut1.tar.gz").read_bytes(), Content_Type="application/x-gzip")
    # The largest categories are missing from this copy, so it is smaller than the catalogue says.
    school.choose("ut1-all", licence="CC BY-SA 4.0", category=None, url=server.url("/all"))
    report = school.update()
    assert report.exit_code == 0, report.outcomes
    good = school.state("ut1-all").good
    assert good is not None
    by_category = {part.category for part in good.parts}
    assert {"gambling", "dating", "circumvention-vpn", "social", "games"} <= by_category
    assert not by_category & {"platform", "exams", "help-lines", "health-education"}
    assert good.rules > 400_000
    assert all("/domains" in part.label for part in good.parts)
