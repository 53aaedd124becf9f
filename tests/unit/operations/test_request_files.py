"""Files with a change request: of a few kinds by their content, bounded, proved by the bundle, for who may know it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.unit.operations.request_school import RequestSchool, school_of

from schoolgate.accounts.roles import Role
from schoolgate.governance.attached_file import kind_of, name_of
from schoolgate.governance.bundle_check import check
from schoolgate.governance.errors import NoSuchRecord, RecordChanged, RecordRefused
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.governance import request_files

pytestmark = pytest.mark.asyncio(loop_scope="module")
D, G, H, T = Role.trust_director, Role.governor, Role.head, Role.teacher
PDF = b"%PDF-1.7\n\x00\xff letter"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def school(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RequestSchool]:
    async with school_of(tmp_path_factory.mktemp("files"), D, G, H, T) as made:
        await made.person("other", T)
        yield made


async def attach(school: RequestSchool, who: str, number: int, name: str = "letter.pdf", octets: bytes = PDF) -> Any:
    return await school.ask(who, "attach", number=number, name=name, content=base64.b64encode(octets).decode())


async def test_a_file_is_a_step_that_the_bundle_proves_and_who_decides_sees(school: RequestSchool) -> None:
    number = (await school.file(name="a1.example")).number
    seen = await school.ask(D, "show", number=number)
    kept = await attach(school, H, number)
    decision = {"number": number, "version": seen.version, "decision": "approve"}
    with pytest.raises(RecordChanged):
        await school.ask(D, "decide", **decision)
    shown = await school.ask(D, "show", number=number)
    assert [(one.name, one.media_type, one.sha256) for one in shown.files] == [
        ("letter.pdf", "application/pdf", kept.sha256)
    ]
    assert shown.fields.steps[-1].what == "file added" and kept.sha256 in shown.fields.steps[-1].note
    given = await school.ask(D, "attachment", number=number, file=str(kept.id))
    assert base64.b64decode(given) == PDF
    await school.approve(number)
    made = await school.ask(D, "bundle", number=number)
    assert check(made.text.encode(), ()).problems == ()
    assert orjson.loads(made.text)["attachments"] == [{"name": "letter.pdf", "sha256": kept.sha256, "octets": len(PDF)}]


async def test_a_file_of_a_request_is_no_file_of_a_check(school: RequestSchool) -> None:
    number = (await school.file(name="a3.example")).number
    kept = await attach(school, H, number)
    for role in (G, D):
        with pytest.raises(NoSuchRecord, match="no such file"):
            await school.school.call(await school.session(role), "checks.attachment", file=str(kept.id))


async def test_who_may_not_know_of_a_request_gives_and_takes_no_file(school: RequestSchool) -> None:
    asked = await school.ask(T, "suggest", action="open", names=["b1.example"], segments=["pupils"], purpose="x")
    kept = await attach(school, T, asked.number)
    with pytest.raises(NoSuchRecord):
        await attach(school, "other", asked.number)
    with pytest.raises(NoSuchRecord):
        await school.ask("other", "attachment", number=asked.number, file=str(kept.id))
    with pytest.raises(NotPermitted):
        await school.ask(G, "attachment", number=asked.number, file=str(kept.id))
    own = await school.ask("other", "suggest", action="open", names=["b2.example"], segments=["pupils"], purpose="x")
    with pytest.raises(NoSuchRecord, match="no such file"):
        await school.ask("other", "attachment", number=own.number, file=str(kept.id))
    await school.ask(T, "withdraw", number=asked.number)
    with pytest.raises(RecordRefused, match="withdrawn"):
        await attach(school, T, asked.number)


async def test_what_is_too_large_too_many_or_nothing_is_refused(
    school: RequestSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = (await school.file(name="c1.example")).number
    with pytest.raises(RecordRefused, match="2 MiB"):
        await attach(school, H, number, octets=PDF + b"x" * request_files.MOST_OCTETS)
    with pytest.raises(RecordRefused, match="empty"):
        await attach(school, H, number, octets=b"")
    with pytest.raises(RecordRefused, match="base64"):
        await school.ask(H, "attach", number=number, name="x", content="no base64!")
    monkeypatch.setattr(request_files, "MOST_FILES", 2)
    for name in ("one.pdf", "two.pdf"):
        await attach(school, H, number, name)
    with pytest.raises(RecordRefused, match="2 files"):
        await attach(school, H, number, "three.pdf")
    assert len((await school.ask(H, "show", number=number)).files) == 2


@pytest.mark.parametrize(
    "octets",
    [
        b"MZ\x90\x00",
        b"\x7fELF\x02",
        b"PK\x03\x04\x14\x00\x00",
        b"GIF89a\x01\x00",
        b"\xff\xfe<\x00h\x00",
        b"\x00",
        b"a\x1b[2J",
    ],
)
async def test_what_is_no_document_by_its_content_is_refused(school: RequestSchool, octets: bytes) -> None:
    number = (await school.file(name="d1.example")).number
    with pytest.raises(RecordRefused, match="PDF, a picture"):
        await attach(school, H, number, "letter.pdf", octets)


@pytest.mark.parametrize(
    ("given", "octets", "kept"),
    [
        ("letter.PDF", PDF, "letter.PDF"),
        ("C:\\Users\\x\\..\\letter.pdf", PDF, "letter.pdf"),
        ("../../etc/passwd", b"root\n", "passwd.txt"),
        ("page.html", b"<script>alert(1)</script>", "page.html.txt"),
        ("run.exe", b"\x89PNG\r\n\x1a\n", "run.exe.png"),
        ("\u202egnp.exe\n", b"\xff\xd8\xff\xe0", "gnp.exe.jpg"),
        ("...", b"x", "file.txt"),
        ("a" * 300 + ".pdf", PDF, "a" * 116 + ".pdf"),
    ],
)
async def test_a_name_is_no_path_and_says_its_kind(given: str, octets: bytes, kept: str) -> None:
    assert name_of(given, kind_of(octets)[1]) == kept
