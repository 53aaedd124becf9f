"""Verifies the bundle of a change request on any machine: nothing but the file, and a key that was kept elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from schoolgate.audit.errors import AuditProblem
from schoolgate.audit.merkle import inclusion_holds, leaf_hash
from schoolgate.audit.note import SignedCheckpoint, parse_checkpoint, public_keys, signer_of

FORMAT = "schoolgate-change-request-1"


@dataclass(frozen=True)
class BundleChecked:
    """`problems`: none where all agrees. `is_signed`: by a key that was given. `entries`: how many were proved;
    `unproved`: of older epochs of the log."""

    problems: tuple[str, ...]
    is_signed: bool
    entries: int
    unproved: int

    @property
    def exit_code(self) -> int:
        """0 sound; 1 changed, or no bundle; 3 it agrees with itself only."""
        return 1 if self.problems else 0 if self.is_signed else 3


def check(octets: bytes, keys: Sequence[str] = ()) -> BundleChecked:
    """Checks a bundle. `keys`: verifier keys from elsewhere (`schoolgate audit checkpoint --key`)."""
    try:
        bundle = orjson.loads(octets)
        if not isinstance(bundle, dict) or bundle.get("format") != FORMAT:
            return BundleChecked((f"this is no bundle: its format is not {FORMAT}",), False, 0, 0)
        checkpoint = parse_checkpoint(str(bundle["audit"]["checkpoint"]))
        known = public_keys(keys)
        is_signed = signer_of(checkpoint, known) is not None
        problems = [*_problems(bundle, checkpoint)]
        if known and not is_signed:
            problems.append("the checkpoint is not signed by a key that was given")
        proved = sum(one["proof"] is not None for one in bundle["audit"]["entries"])
        return BundleChecked(tuple(problems), is_signed, proved, len(bundle["audit"]["entries"]) - proved)
    except (AuditProblem, orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        return BundleChecked((f"this is no bundle that can be read: {type(error).__name__}: {error}",), False, 0, 0)


def decided_by_one(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Whether who asked approved it alone, and which accounts that was reported to; by the fields of a request."""
    told = [who for step in fields["steps"] if step["what"] == "reported" for who in step.get("notified", ())]
    return {"is_so": bool((fields["decision"] or {}).get("is_alone")), "reported_to": told}


def _problems(bundle: Mapping[str, Any], checkpoint: SignedCheckpoint) -> Iterator[str]:
    size, root = checkpoint.checkpoint.size, checkpoint.checkpoint.root
    entries = bundle["audit"]["entries"]
    if not entries:
        yield "it holds no entry of the audit log"
        return
    for one in entries:
        if one["proof"] is None:
            continue
        proof = [bytes.fromhex(each) for each in one["proof"]]
        leaf = leaf_hash(one["entry"].encode())
        if one["size"] != size or not inclusion_holds(leaf, one["number"], size, proof, root):
            yield f"entry {one['number']} is not in the log that the checkpoint signs"
    request = bundle["request"]
    wanted = [*map(tuple, request["fields"]["entries"]), tuple(request["entry"])]
    if [(one["epoch"], one["number"]) for one in entries] != wanted:
        yield "an entry of the request is missing, or in another place"
    if "decided_by_one_person" in bundle and bundle["decided_by_one_person"] != decided_by_one(request["fields"]):
        yield "what it says of a decision by one person is not what the fields say"
    yield from _of_last(request, orjson.loads(entries[-1]["entry"])["detail"])


def _of_last(request: Mapping[str, Any], detail: Mapping[str, Any]) -> Iterator[str]:
    """The newest entry holds the digest of all fields."""
    digest = hashlib.sha256(orjson.dumps(request["fields"], option=orjson.OPT_SORT_KEYS)).hexdigest()
    if detail.get("sha256") != digest:
        yield "the fields of the request are not those that the log holds the digest of"
    if (detail.get("number"), detail.get("state")) != (request["number"], request["state"]):
        yield "number or state of the request are not those of the log"
