"""A change request as a PDF: tagged for screen readers, its record attached as it is, and text is text."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from tests.unit.evidence.test_evidence_document import HOSTILE, objects

from schoolgate.evidence.request_pdf import request_pdf
from schoolgate.governance.change_request import Applied, Asker, ChangeRequest, Decision, Noted, Problem, Step, Verified
from schoolgate.operations.governance.request_pages import pages_of

AT = dt.datetime(2026, 11, 30, 12, 0, tzinfo=dt.UTC)
AT_US = int(AT.timestamp()) * 10**6
ENTRY = orjson.dumps({"operation": "request.applied", "detail": {"sha256": "a" * 64}}).decode()


def bundle(text: str = "Art", state: str = "applied", **changed: Any) -> dict[str, Any]:
    """A request of which everything is said."""
    noted = Noted(person=text, on="2026-11-30", said=text)
    effect = {"segments": [{"segment": "pupils", "opened": {"names": 3}, "closed": {"names": 0}}]}
    fields = ChangeRequest(
        action="open", names=("art.example",), service="art", segments=("pupils",), group=text, purpose=text,
        reviewed=noted, alternatives=text, conversation=noted, lead_view=noted,
        askers=(Asker(actor="account:1", at_us=AT_US, as_leader=True),), starts_us=AT_US, until_us=AT_US, renews=2,
        decision=Decision(by="account:1", at_us=AT_US, is_approved=True, reason=text, conditions=text, review_us=AT_US,
                          is_alone=True, effect=effect),
        applied=Applied(by="job:requests", at_us=AT_US, before=1, after=2, note=text, verified=(
            Verified(name="art.example", segment="pupils", verdict="allowed", layer="x", revision=2, by="files",
                     is_as_wanted=False),)),
        problem=Problem(at_us=AT_US, revision=1, said=text),
        steps=(Step(at_us=AT_US, actor="account:1", what="reported", note=text, notified=("account:2",)),),
    ).changed(**changed).model_dump(mode="json")  # fmt: skip
    return {
        "request": {"number": 12, "state": state, "fields": fields},
        "decided_by_one_person": {"is_so": bool(fields["decision"]), "reported_to": ["account:2"]},
        "people": {"account:1": {"name": text, "is_active": True}, "account:2": {"name": text, "is_active": False}},
        "made_us": AT_US, "made_by": "account:1",
        "earlier": [{"number": 3, "state": "refused", "names": ["art.example"], "said": text}],
        "policy": {"difference": [text]},
        "attachments": [{"name": text, "octets": 5, "sha256": "b" * 64}],
        "audit": {"checkpoint": "origin\n5\nroot\n\n\u2014 origin sig\n",
                  "entries": [{"epoch": 1, "number": 4, "entry": ENTRY}]},
    }  # fmt: skip


def made(given: dict[str, Any]) -> tuple[bytes, str]:
    text = orjson.dumps(given).decode()
    pages = pages_of(orjson.loads(text), text, "request-12.json", "Example School", ZoneInfo("Europe/London"))
    return request_pdf(pages, text, AT), text


def test_it_is_tagged_and_carries_the_record_as_it_is() -> None:
    pdf, text = made(bundle("Art, \u4e2d\u6587"))
    found = objects(pdf)
    assert re.search(rb"pdfuaid:part(>|=\")1", found)
    assert b"Change request 12" in found and b"request-12.json" in found
    kinds = set(re.findall(rb"/S\s*/([A-Z][A-Za-z0-9]*)", found))
    assert {b"H1", b"Table", b"TH", b"TD", b"P"} <= kinds
    assert text.encode() in found, "the attached file is the record, letter by letter"
    assert made(bundle("Art, \u4e2d\u6587"))[0] == pdf


def test_what_it_shows_says_who_decided_and_by_which_record() -> None:
    given = bundle()
    text = orjson.dumps(given).decode()
    pages = pages_of(given, text, "request-12.json", "Example School", ZoneInfo("Europe/London"))
    assert pages["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert pages["alone"].startswith("Decided by one person: Art asked for it and approved it")
    assert pages["alone"].endswith("Reported at once to Art (account closed).")
    assert pages["entries"] == [["1", "4", "request.applied", "a" * 32 + "\n" + "a" * 32]]
    assert ["Shown for pupils", "3 names would open, 0 would close"] in pages["facts"][1]["rows"]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_people_is_text(text: str) -> None:
    assert made(bundle(text))[0].startswith(b"%PDF-")


def test_a_request_of_which_little_is_said_is_a_document_too() -> None:
    left_out = ("decision", "applied", "problem", "lead_view", "renews", "starts_us", "until_us")
    none = dict.fromkeys(left_out)
    bare = bundle("", "suggested", **none, steps=(), names=(), action="other", wanted="SafeSearch", service="")
    bare |= {"policy": None, "earlier": [], "attachments": []}
    assert made(bare)[0].startswith(b"%PDF-")
