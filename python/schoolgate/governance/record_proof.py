"""The proof that versions of a record are entries of the audit log, in a form that another machine verifies offline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schoolgate.storage import audit_operations, audit_reading
from schoolgate.storage.audit_operations import Place
from schoolgate.storage.store import Store

# Another entry may come between the signature and the proofs.
TRIES = 5


async def proof_of(
    store: Store, place: Place, entries: Sequence[tuple[int, int]], actor: str, now_us: int
) -> dict[str, Any]:
    """Entries (epoch, number) with their proofs to the root of one signed checkpoint, which is made now.

    An entry of an older epoch has no proof: an export of the whole log shows it. Raises `AuditProblem`.
    """
    for left in reversed(range(TRIES)):
        signed = await audit_operations.checkpoint_in(store, place.key, actor, now_us)
        shown = [await _shown(store, epoch, number) for epoch, number in entries]
        sizes = {one.proof.size for one in shown if one.proof is not None}
        if (len(sizes) < 2 and (not sizes or f"\n{sizes.pop()}\n" in signed.note)) or not left:
            break
    return {
        "checkpoint": signed.note,
        "verifier_key": signed.verifier_key,
        "entries": [
            {
                "epoch": one.entry.epoch,
                "number": one.entry.number,
                "entry": one.entry.octets.decode(),
                "size": None if one.proof is None else one.proof.size,
                "proof": None if one.proof is None else [each.hex() for each in one.proof.hashes],
            }
            for one in shown
        ],
    }


async def _shown(store: Store, epoch: int, number: int) -> audit_operations.Shown:
    return await audit_operations.proved(store, await audit_reading.entry(store, number, epoch))
