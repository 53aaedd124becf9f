"""The command that measures our service bundles against a reference counts what it says it counts."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
from benchmarks.services_coverage import POPULAR, ROOT, main, measure, names_of, read_reference

DATA = Path(os.environ.get("SCHOOLGATE_BENCH_DATA", ROOT.parent / "shared" / "data"))
REFERENCE = DATA / "services-reference.tar.gz"


def test_a_file_of_the_reference_is_read_with_what_it_includes() -> None:
    files = {"a": "# x\na.example @ads\nfull:b.example\ninclude:c\nregexp:^z\n", "c": "c.example\ninclude:a\n"}
    assert names_of(files, "a") == {"a.example", "b.example", "c.example"}


def test_popular_names_are_covered_left_out_or_missing() -> None:
    files = {"netflix": "netflix.com\nfast.com\nother.example\n"}
    names = ["www.netflix.com", "api.fast.com", "a.other.example", "b.other.example", "www.example.org"]
    (found,) = measure(files, names)
    assert (found.service, found.popular, found.covered, found.left_out) == ("netflix", 4, 1, 1)
    assert found.missing == {"other.example": 2}


def test_the_command_prints_each_service_and_the_sums(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "reference.tar.gz"
    text = b"netflix.com\n"
    with tarfile.open(place, "w:gz") as tar:
        member = tarfile.TarInfo("data/netflix")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    (tmp_path / "popular-100k.txt.gz").write_bytes(gzip.compress(b"www.netflix.com\nwww.example.org\n"))
    assert main([str(place)]) == 0
    out = capsys.readouterr().out
    assert "netflix: 1 of 1, 0 left out; missing: -" in out
    assert "1 of 1 popular names covered" in out


@pytest.mark.skipif(not REFERENCE.exists(), reason=f"the reference to compare with is not in {DATA}")
def test_each_popular_name_of_a_service_is_in_its_bundle_or_left_out_with_a_reason() -> None:
    names = gzip.decompress((DATA / POPULAR).read_bytes()).decode().split()
    assert {one.service: dict(one.missing) for one in measure(read_reference(REFERENCE), names) if one.missing} == {}
