"""`request.bundle`: all of one request, the difference of the policy, the mails, and the proof of its audit entries."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from schoolgate.evidence.request_pdf import request_pdf
from schoolgate.governance import record_store
from schoolgate.governance.bundle_check import FORMAT, decided_by_one
from schoolgate.governance.change_request import ChangeRequest
from schoolgate.governance.record_proof import proof_of
from schoolgate.governance.record_store import Record
from schoolgate.operations.governance import request_steps as steps
from schoolgate.operations.governance.request_notices import WORDS, where
from schoolgate.operations.governance.request_pages import pages_of
from schoolgate.operations.governance.request_results import Person
from schoolgate.operations.governance.request_views import show
from schoolgate.operations.policies.policy_in_force import policy_in_force
from schoolgate.operations.registry import sees
from schoolgate.operations.work import Work
from schoolgate.policy import NoSuchRevision, difference
from schoolgate.policy.active_policy import policy_files
from schoolgate.storage.audit_operations import Place


@dataclass(frozen=True)
class RequestBundle:
    """`text`: JSON, which `schoolgate request check-bundle` verifies on any machine. `pdf`: base64 of the same to read,
    with the JSON attached; None where it was not asked for."""

    name: str
    text: str
    pdf: str | None = None

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        octets = self.text.encode()
        return {"octets": len(octets), "sha256": hashlib.sha256(octets).hexdigest()}


@sees("request.bundle")
async def bundle(work: Work, number: int, has_pdf: bool = False) -> RequestBundle:
    """One request with all that proves it. That it was taken is on record. `has_pdf`: as a document, too.

    Raises `NoSuchRecord`, `DocumentNotMade`.
    """
    store = await work.store()
    async with store.reading() as connection:
        found = await record_store.get(connection, store.site_id, ChangeRequest, number)
        attached = await record_store.attachments(connection, found)
    steps.refuse_stranger(work, found)
    shown = await show(work, number)
    entries = [*found.fields.entries, (found.audit_epoch, found.audit_number)]
    place = Place.in_folder(work.settings.server.state_dir)
    made: dict[str, Any] = {
        "format": FORMAT,
        "made_us": work.now_us,
        "made_by": work.actor.id,
        "installation": str(store.site_id),
        "request": _request(found),
        "decided_by_one_person": decided_by_one(found.fields.model_dump(mode="json")),
        "people": {actor: asdict(one) for actor, one in shown.people.items()} | _self(work),
        "earlier": [asdict(one) for one in shown.earlier],
        "policy": await asyncio.to_thread(_policy, work, found.fields),
        "mails": list(_mails(work, found)),
        "attachments": [{"name": one.name, "sha256": one.sha256, "octets": one.size_octets} for one in attached],
        "audit": await proof_of(store, place, entries, work.actor.id, work.now_us),
    }
    text = orjson.dumps(made, option=orjson.OPT_INDENT_2, default=str).decode() + "\n"
    name = f"request-{number}.json"
    return RequestBundle(name, text, await asyncio.to_thread(_pdf, work, text, name) if has_pdf else None)


def _pdf(work: Work, text: str, name: str) -> str:
    school = work.settings.accounts.school or "This school"
    pages = pages_of(orjson.loads(text), text, name, school, policy_in_force(work).zone)
    return base64.b64encode(request_pdf(pages, text, work.now)).decode()


def _self(work: Work) -> dict[str, Any]:
    """Who takes it away."""
    return {work.actor.id: asdict(Person(work.actor.name, True))}


def _request(found: Record[ChangeRequest]) -> dict[str, Any]:
    # The fields that were kept, and none that came later: the audit log has their digest.
    fields = found.fields.model_dump(mode="json", exclude_unset=True)
    return {
        "id": str(found.id), "number": found.number, "version": found.version, "state": found.state,
        "created_us": found.created_us, "created_by": found.created_by, "changed_us": found.changed_us,
        "entry": [found.audit_epoch, found.audit_number], "fields": fields,
    }  # fmt: skip


def _policy(work: Work, fields: ChangeRequest) -> dict[str, Any] | None:
    """Revisions before and after, and what changed between them; None where none was made."""
    done = fields.applied
    if done is None or not done.after:
        return None
    store = policy_files(work.settings).store
    try:
        after = store.show(done.after)
        before = store.show(done.before) if done.before else None
    except NoSuchRevision as error:
        return {"before": done.before, "after": done.after, "why_not": str(error)}
    return {
        "before": done.before,
        "after": done.after,
        "checksums": {"before": before.checksum if before else None, "after": after.checksum},
        "why": after.why,
        "who": after.who,
        "difference": difference(before.text if before else "", after.text),
    }


def _mails(work: Work, found: Record[ChangeRequest]) -> Iterator[dict[str, Any]]:
    """What the outbox was given for each step."""
    for one in found.fields.steps:
        if one.notified and one.what in WORDS:
            subject, sentence = WORDS[one.what]
            yield {
                "at_us": one.at_us, "to": list(one.notified), "subject": f"Request {found.number} {subject}",
                "text": sentence, "address": where(work.settings, found.number),
            }  # fmt: skip
