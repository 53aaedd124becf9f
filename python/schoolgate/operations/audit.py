"""The audit log for people who prove what was done, and by whom: its entries, one of them whole, and verification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from schoolgate.accounts.roles import Role
from schoolgate.audit.errors import AuditProblem
from schoolgate.operations import rights
from schoolgate.operations.actor import local_name
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.registry import Bulk, looks
from schoolgate.operations.staff_names import roles_of_accounts
from schoolgate.operations.work import Work

if TYPE_CHECKING:
    from schoolgate.storage.audit_reading import Entry

MOST_ENTRIES = 500
# A reply holds 64 MiB, and quotes need more room there.
MOST_EXPORTED_OCTETS = 24 * 1024 * 1024
Text = Annotated[str | None, Field(max_length=300)]


class TooLarge(AuditProblem):
    """The log does not fit into a reply."""


class BadPlace(AuditProblem):
    """A page was asked for by a cursor that no page gave."""


@dataclass(frozen=True)
class AuditEntry:
    """One entry without its personal values. `detail`: what the operation says of itself. `personal`: the names of
    values that are kept behind commitments."""

    epoch: int
    number: int
    at_us: int | None
    actor: str
    operation: str
    scope: str
    outcome: str
    detail: dict[str, Any]
    personal: tuple[str, ...]


@dataclass(frozen=True)
class AuditPage:
    """Newest first. `before` gets the next page; None: there is none. A page may be empty and have a next one, where
    nothing that is wanted was among the entries that were looked at. `names`: of those who acted, as far as they have
    an account or are users of this machine; their roles for who sees no identities. `is_own`: it holds the caller's
    own entries alone, without names."""

    entries: tuple[AuditEntry, ...]
    before: str | None
    names: dict[str, str] = field(default_factory=dict)
    is_own: bool = False


@dataclass(frozen=True)
class AuditProof:
    """That the entry is in the tree of `size` entries (RFC 9162); hashes in hexadecimal digits."""

    size: int
    root: str
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class AuditEntryShown:
    """`values`: personal ones, None where one was erased; all are left out for who sees no identities. `proof`: None
    for an entry of an older epoch."""

    entry: AuditEntry
    fields: dict[str, Any]
    hash: str
    values: dict[str, str | None]
    proof: AuditProof | None


@dataclass(frozen=True)
class AuditFinding:
    """A kind of tampering, and the entries `first` to `last` of an epoch that it concerns."""

    kind: str
    sentence: str
    epoch: int
    first: int
    last: int


@dataclass(frozen=True)
class AuditExported:
    """`text`: one JSON value a line."""

    text: str


@dataclass(frozen=True)
class AuditVerified:
    """`verdict`: without a checkpoint that was kept elsewhere it can only be found that the log agrees with
    itself. `anchors`: checkpoints that it agrees with."""

    verdict: Literal["sound", "tampered", "consistent with itself only"]
    entries: int
    epochs: int
    anchors: int
    problems: tuple[AuditFinding, ...]
    notices: tuple[str, ...]


@looks("audit.log")
async def log(
    work: Work,
    actor: Text = None,
    operation: Text = None,
    scope: Text = None,
    outcome: Text = None,
    since_us: int | None = None,
    until_us: int | None = None,
    is_about_me: bool = False,
    most: Annotated[int, Field(ge=1, le=MOST_ENTRIES)] = 50,
    before: str | None = None,
) -> AuditPage:
    """Entries, newest first. `operation`: its name, or a noun such as "policy" for all of its operations.

    `is_about_me`: what others did with the caller's account. Times in microseconds since 1970. A provider sees its own
    entries. Raises `BadPlace`.
    """
    from schoolgate.storage import audit_reading

    own = _own_only(work)

    def is_wanted(fields: Mapping[str, Any]) -> bool:
        at, named = fields.get("at_us"), str(fields.get("operation", ""))
        one_of = ((actor, "actor"), (own, "actor"), (scope, "scope"), (outcome, "outcome"))
        return (
            all(wanted is None or fields.get(name) == wanted for wanted, name in one_of)
            and (operation is None or named == operation or named.startswith(f"{operation}."))
            and (since_us is None or (isinstance(at, int) and at >= since_us))
            and (until_us is None or (isinstance(at, int) and at < until_us))
            and (not is_about_me or _is_about(fields, work.actor.id))
        )

    store = await work.store()
    found, place = await audit_reading.page(store, most, _place(before), is_wanted)
    entries = tuple(map(_shown, found))
    names = await _names(work, {one.actor for one in entries}) if own is None else {}
    return AuditPage(entries, None if place is None else f"{place[0]}/{place[1]}", names, own is not None)


@looks("audit.show")
async def show(work: Work, number: int, epoch: int | None = None) -> AuditEntryShown:
    """One entry with its proof. Where personal values are shown, the look is an entry of its own.

    Raises `EntryMissing`.
    """
    from schoolgate.storage import audit_operations, audit_reading

    store = await work.store()
    own = _own_only(work)
    entry = await audit_reading.entry(store, number, epoch)
    if own is not None and entry.fields.get("actor") != own:
        raise NotPermitted("this entry is not of what you did; ask the network manager")
    if rights.sees_identities(work.actor.roles, "audit.show"):
        found = await audit_operations.show_in(store, number, entry.epoch, work.actor.id, work.now_us)
        values = dict(found.entry.personal)
    else:
        found, values = await audit_operations.proved(store, entry), {}
    proof = found.proof
    return AuditEntryShown(
        _shown(entry),
        dict(entry.fields),
        entry.hash.hex(),
        values,
        None if proof is None else AuditProof(proof.size, proof.root.hex(), tuple(one.hex() for one in proof.hashes)),
    )


@looks("audit.verify")
async def verify(
    work: Work, checkpoints: Annotated[tuple[str, ...], Bulk] = (), keys: tuple[str, ...] = ()
) -> AuditVerified:
    """Verifies the whole log. `checkpoints`: signed notes that were kept elsewhere; `keys`: lines that name a key.

    Raises `AuditProblem`.
    """
    from schoolgate.storage import audit_operations

    found = await audit_operations.verify_in(await work.store(), checkpoints, keys)
    verdicts: dict[int, Literal["sound", "tampered", "consistent with itself only"]]
    verdicts = {0: "sound", 1: "tampered", 3: "consistent with itself only"}
    problems = (AuditFinding(one.kind.value, one.sentence, one.epoch, one.first, one.last) for one in found.problems)
    return AuditVerified(
        verdicts[found.exit_code], found.entries, found.epochs, found.anchors, tuple(problems), found.notices
    )


@looks("audit.export")
async def export(work: Work) -> AuditExported:
    """The whole log as `schoolgate audit verify --export` takes it, without personal values. It is on record first.

    Raises `TooLarge`.
    """
    from schoolgate.storage import audit_operations

    store = await work.store()
    parts: list[bytes] = []
    octets = 0
    async for lines in audit_operations.export_lines(store, work.actor.id, work.now_us):
        parts += lines
        octets += sum(len(line) + 1 for line in lines)
        if octets > MOST_EXPORTED_OCTETS:
            raise TooLarge("the log is too large for a browser; run `schoolgate audit export FILE` on the machine")
    return AuditExported("".join(f"{line.decode()}\n" for line in parts))


async def _names(work: Work, actors: set[str]) -> dict[str, str]:
    from schoolgate.accounts import account_list

    if not rights.sees_identities(work.actor.roles, "audit.log"):
        roles = await roles_of_accounts(work)
        return {one: roles[one] for one in actors if one in roles}
    people = {f"account:{one.id}": one.display_name for one in await account_list.all_accounts(await work.store())}
    found = {one: people.get(one) or local_name(one) for one in actors}
    return {actor: name for actor, name in found.items() if name}


def _own_only(work: Work) -> str | None:
    """The actor whose entries alone a caller sees: a provider, who is no one else here."""
    holders = rights.RIGHTS["audit.log"]
    others = [role for role in work.actor.roles if role in holders and role is not Role.provider]
    return None if others else work.actor.id


def _is_about(fields: Mapping[str, Any], actor: str) -> bool:
    """Whether another acted on an account: it is the scope, or stands in what the operation says of itself."""
    if fields.get("actor") == actor:
        return False
    account = actor.removeprefix("account:")
    return account in str(fields.get("scope", "")) or account in str(fields.get("detail", ""))


def _shown(entry: Entry) -> AuditEntry:
    fields = entry.fields
    at, detail = fields.get("at_us"), fields.get("detail")
    actor, operation, scope, outcome = (
        str(fields.get(name, "")) for name in ("actor", "operation", "scope", "outcome")
    )
    return AuditEntry(
        entry.epoch,
        entry.number,
        at if isinstance(at, int) else None,
        actor,
        operation,
        scope,
        outcome,
        dict(detail) if isinstance(detail, dict) else {},
        tuple(entry.personal),
    )


def _place(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    epoch, _, number = text.partition("/")
    if not (epoch.isdecimal() and number.isdecimal() and max(len(epoch), len(number)) < 16):
        raise BadPlace(f"{text!r} is no place of the audit log; ask for the first page again")
    return int(epoch), int(number)
