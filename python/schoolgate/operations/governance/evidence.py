"""Evidence packs: made from measured values, kept as PDF with their digest in the audit log, listed, read."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import Field

from schoolgate._core import __version__
from schoolgate.evidence.assurance import NEEDED as FOR_SENTENCES
from schoolgate.evidence.assurance import AssuranceSentence, six_sentences
from schoolgate.evidence.limits_statement import NEEDED as FOR_LIMITS
from schoolgate.evidence.limits_statement import Limit, limits_of
from schoolgate.evidence.pack import NEEDED as FOR_PACK
from schoolgate.evidence.pack import pack_of
from schoolgate.evidence.pack_pdf import pdf_of
from schoolgate.evidence.pack_shelf import KeptPack, pack_shelf_of
from schoolgate.operations import rights
from schoolgate.operations.governance.evidence_records import read_evidence_sources
from schoolgate.operations.policies.policy_in_force import policy_in_force
from schoolgate.operations.registry import changes, looks
from schoolgate.operations.staff_names import staff_names
from schoolgate.operations.work import Progress, Work
from schoolgate.storage import state_dir


@dataclass(frozen=True)
class EvidenceMade:
    """`pack`, `values`: the PDF and its values as JSON, as the caller may read them. `posts`: the PDF without names of
    staff. `counts`: rows by state; `broken`: sources that could not be read, with the reason. `digests`: by file."""

    pack: KeptPack
    values: KeptPack
    posts: KeptPack
    counts: dict[str, int]
    broken: tuple[str, ...]
    digests: dict[str, str]

    def about(self) -> dict[str, Any]:
        """For the audit log: the digests by which a file is known as this one."""
        return {"digests": self.digests, "counts": self.counts, "broken": len(self.broken)}


@dataclass(frozen=True)
class EvidenceShelf:
    """Packs that are kept, newest first."""

    folder: str
    packs: tuple[KeptPack, ...]


@dataclass(frozen=True)
class EvidenceFile:
    """A file of the shelf; `octets`: base64."""

    name: str
    sha256: str
    octets: str


@dataclass(frozen=True)
class AssuranceShown:
    """What governors read: six sentences, and what this filter cannot do."""

    at_us: int
    sentences: tuple[AssuranceSentence, ...]
    limits: tuple[Limit, ...]


@changes("evidence.make")
async def make_evidence(work: Work) -> EvidenceMade:
    """Makes an evidence pack and keeps it. A source that is broken is named in it and stops nothing.

    Raises `DocumentNotMade`, `PackNotKept`.
    """
    folder = work.settings.server.state_dir
    state_dir.refuse_strangers(folder)
    work.say(Progress("reading what is measured", 0, 2))
    sources = await read_evidence_sources(work, FOR_PACK)
    names = await staff_names(work)
    work.say(Progress("writing the pages", 1, 2))

    def pages(post_of: Callable[[str], str] | None) -> tuple[dict[str, Any], tuple[bytes, bytes]]:
        school = work.settings.accounts.school or "This school"
        pack = pack_of(sources, school, __version__, policy_in_force(work).zone, post_of)
        return pack, (pdf_of(pack, work.now), orjson.dumps(pack, option=orjson.OPT_INDENT_2))

    def written() -> EvidenceMade:
        pack, named = pages(None)
        kept, posts = pack_shelf_of(work.settings).keep(work.now, named, pages(names.post_of)[1])
        digests = {one.name: one.sha256 for pair in (kept, posts) for one in (pair.pdf, pair.values)}
        own = kept if _sees_names(work) else posts
        return EvidenceMade(own.pdf, own.values, posts.pdf, pack["counts"], tuple(pack["broken"]), digests)

    return await asyncio.to_thread(written)


@looks("evidence.list")
def list_evidence(work: Work) -> EvidenceShelf:
    """The packs that are kept, newest first; without those that name staff for who sees no names."""
    state_dir.refuse_strangers(work.settings.server.state_dir)
    shelf = pack_shelf_of(work.settings)
    return EvidenceShelf(str(shelf.folder), tuple(shelf.all(shows_names=_sees_names(work))))


@looks("evidence.read")
def read_evidence(work: Work, name: Annotated[str, Field(max_length=100)]) -> EvidenceFile:
    """A pack as PDF, or its values as JSON. Raises `NoSuchPack`, `PackNamesStaff`."""
    state_dir.refuse_strangers(work.settings.server.state_dir)
    octets = pack_shelf_of(work.settings).read(name, shows_names=_sees_names(work))
    return EvidenceFile(name, hashlib.sha256(octets).hexdigest(), base64.b64encode(octets).decode())


@looks("evidence.assurance")
async def assurance(work: Work) -> AssuranceShown:
    """Six sentences for governors, and the limits of this filter, measured now."""
    wanted = tuple(dict.fromkeys((*FOR_SENTENCES, *FOR_LIMITS)))
    sources = await read_evidence_sources(work, wanted)
    return AssuranceShown(work.now_us, six_sentences(sources), limits_of(sources))


def _sees_names(work: Work) -> bool:
    return rights.sees_identities(work.actor.roles, "evidence.read")
