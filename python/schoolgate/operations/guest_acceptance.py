"""A guest accepted the notice at a captive portal, which says so by a signed request: one entry of the audit log.

The guest's device stands there behind a commitment, which can be erased; no other record is made.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schoolgate.alerts.secret_files import read_secret
from schoolgate.audit.event import Event
from schoolgate.operations.errors import OperationProblem
from schoolgate.operations.registry import anyone
from schoolgate.operations.work import Work
from schoolgate.pages.portal_signature import SeenSignatures, refuse_forged

OPERATION: Final = "pages.guest_accepted"
# Who says it: the portal, known by its key.
PORTAL: Final = "job:captive-portal"

_seen = SeenSignatures()


class NoPortal(OperationProblem):
    """The settings have no key of a captive portal."""


class AcceptanceUnreadable(OperationProblem):
    """The body of a portal's request is not what docs/pages.md says."""


class Acceptance(BaseModel):
    """What a portal sends. `device`: how it knows the device; `notice`: which text was accepted, such as a version."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    device: Annotated[str, Field(min_length=1, max_length=100)]
    notice: Annotated[str, Field(min_length=1, max_length=100)]


@dataclass(frozen=True)
class AcceptanceTaken:
    """`is_new`: false where the same request came before."""

    is_new: bool


@anyone(OPERATION)
async def guest_accepted(
    work: Work, body: Annotated[str, Field(max_length=2_000)], signature: Annotated[str, Field(max_length=200)]
) -> AcceptanceTaken:
    """Records that a guest accepted the notice. Raises `NoPortal`, `SignatureRefused`, `AcceptanceUnreadable`."""
    file = work.settings.pages.guest_key_file
    key = None if file == Path() else await asyncio.to_thread(read_secret, file, "", "the key of the captive portal")
    if key is None:
        raise NoPortal("no captive portal is known here; set [pages] guest_key_file")
    refuse_forged(key, body, signature, work.now_us)
    try:
        accepted = Acceptance.model_validate_json(body)
    except ValidationError as error:
        mistakes = ", ".join(".".join(map(str, one["loc"])) or "body" for one in error.errors()[:5])
        raise AcceptanceUnreadable(f"wrong or missing: {mistakes}; send device and notice as JSON") from None
    if not _seen.is_first(signature, work.now_us):
        return AcceptanceTaken(False)
    try:
        await _record(work, accepted)
    except BaseException:
        _seen.forget(signature)
        raise
    return AcceptanceTaken(True)


async def _record(work: Work, accepted: Acceptance) -> None:
    from schoolgate.storage.audit_log import append

    store = await work.store()
    event = Event(
        work.now_us, PORTAL, OPERATION, detail={"notice": accepted.notice}, personal={"device": accepted.device}
    )
    async with store.change() as change:
        await append(change, event)
