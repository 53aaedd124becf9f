"""Policies: apply, roll back, block, allow, repair, show. Each change is a revision, published as the active file."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from schoolgate.checks.draft import Draft, examine
from schoolgate.config import Settings, config_label
from schoolgate.config.diagnostics import Diagnostic
from schoolgate.config.problems import Problem
from schoolgate.control.client import CommandRefused, ControlUnreachable, NotRunning, call, call_if_running
from schoolgate.errors import SchoolgateError
from schoolgate.operations.policies import alert_rules_notice
from schoolgate.operations.policies.policy_openings import refuse_opening
from schoolgate.operations.registry import Bulk, Personal, StaffName, changes, looks
from schoolgate.operations.work import Work
from schoolgate.policy import NoSuchRevision, Revision, difference
from schoolgate.policy.active_policy import Ground, label, latest_revision, policy_files, read_ground
from schoolgate.policy.policy_change import PolicyChange, change_policy
from schoolgate.policy.policy_files import PolicyFiles
from schoolgate.policy.repair import repair as mend
from schoolgate.policy.repair import repair_with
from schoolgate.policy.revisions import RevisionOvertaken
from schoolgate.storage import state_dir

# Millions of names are opened and bound to the policies before the server answers.
INSTALL_TIMEOUT_S = 60.0

# in_force: the server decides by it. no_service: none runs; it starts with it. not_in_force: `problem` says why.
State = Literal["in_force", "no_service", "not_in_force"]


class StalePolicy(SchoolgateError):
    """The text was made from a revision that is not the latest any more; the message shows what changed meanwhile."""


@dataclass(frozen=True)
class InForce:
    """What the DNS server decides by after a change."""

    state: State
    revision: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class PolicyApplied:
    """`revision` is stored; it is `before` where the text was the same. `difference`: in the words of the policy."""

    revision: int
    label: str
    before: int | None
    is_change: bool
    difference: tuple[str, ...]
    not_published: str | None
    in_force: InForce

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"revision": self.revision, "before": self.before, "in_force": self.in_force.state}


@dataclass(frozen=True)
class PolicyText:
    """A revision as it was applied."""

    number: int
    label: str
    text: str


@dataclass(frozen=True)
class RevisionRow:
    """A revision without its text. `at`: ISO 8601, UTC."""

    number: int
    at: str
    who: Annotated[str, StaffName]
    why: str
    rolls_back_to: int | None
    checksum: str


@dataclass(frozen=True)
class FilesState:
    """Whether database and active file agree: `kind` is a word of policy/store_check.py."""

    kind: str
    problem: str | None
    said: str | None


@dataclass(frozen=True)
class PolicyRepaired:
    """`what` was mended, None where nothing was wrong. `kept`: files put aside."""

    number: int
    what: str | None
    history_from: int
    kept: tuple[str, ...]
    in_force: InForce

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"revision": self.number, "mended": self.what}


@looks("policy.show")
def show(work: Work, number: int | None = None) -> PolicyText:
    """The text of a revision; the latest without a number. Raises `NoSuchRevision`."""
    files = _files(work)
    revision = files.store.show(number) if number is not None else _latest(files)
    return PolicyText(revision.number, label(revision), revision.text)


@looks("policy.revisions")
def revisions(work: Work) -> tuple[RevisionRow, ...]:
    """Every revision, newest first."""
    return tuple(_row(one) for one in _files(work).store.log())


@looks("policy.files")
def files_state(work: Work) -> FilesState:
    """Whether the policy's database and active file can be used. A running server writes a lost active file anew."""
    with contextlib.suppress(CommandRefused, ControlUnreachable):
        call_if_running(work.settings.server.control_socket, "policy-changed", timeout_s=INSTALL_TIMEOUT_S)
    check = policy_files(work.settings).look(is_thorough=True)
    return FilesState(check.kind, check.problem, check.said)


@changes("policy.apply")
def apply(
    work: Work,
    text: Annotated[str, Bulk],
    reason: Annotated[str, Personal],
    file: Annotated[str, Personal] = "the policy",
    expected: int | None = None,
    request: int | None = None,
) -> PolicyApplied:
    """Checks a policy, stores it as a revision, and has the server decide by it.

    `file` names the text in messages. `expected`: the revision that the text was made from, 0 for none.
    `request`: the approved one that it is for. Raises `PolicyRefused`, `StalePolicy`, `NotPermitted`.
    """
    settings, ground = ground_of(work)
    if expected is not None:
        _refuse_stale(settings, expected)
    examined(work, ground, text, file).refuse()
    refuse_opening(work, ground, text, "policy.apply")
    return applied(work, change_text(work, ground, text, file, reason, follows=expected, is_same_kept=True))


@changes("policy.rollback")
def rollback(
    work: Work,
    number: int,
    reason: Annotated[str, Personal],
    expected: int | None = None,
    request: int | None = None,
) -> PolicyApplied:
    """Applies the text of an older revision as a new one. A rule of alerts that cannot speak is said, not refused.

    `expected`: the revision that is to be undone. `request`: the approved one that it is for. Raises `NoSuchRevision`,
    `StalePolicy`, `NotPermitted`.
    """
    settings, ground = ground_of(work)
    if expected is not None:
        _refuse_stale(settings, expected)
    old = _said_of(work, policy_files(settings), is_thorough=True).store.show(number)
    draft = examined(work, ground, old.text, label(old))
    for problem in draft.mute:
        work.say(Diagnostic("mute-rule", "notice", problem.path, problem.message, problem.remedy))
    draft.refuse(may_be_mute=True)
    refuse_opening(work, ground, old.text, "policy.rollback")
    change = change_policy(
        settings,
        ground,
        old.text,
        label(old),
        work.now,
        lambda store: store.rollback(number, who=work.actor.name, why=reason, now=work.now),
    )
    return applied(work, change)


@changes("policy.repair")
def repair(
    work: Work, text: Annotated[str | None, Bulk] = None, file: Annotated[str, Personal] = "the policy"
) -> PolicyRepaired:
    """Mends database or active file from the other; with a text, begins anew where neither can be used."""
    settings, ground = ground_of(work)
    if text is not None:
        why = f"policy repair, from {file}"
        done = repair_with(settings, ground, text, file, who=work.actor.name, why=why, now=work.now)
    else:
        done = mend(settings, ground, work.now)
    in_force = InForce("in_force", done.number) if done.what is None else _installed(settings, done.number, None)
    return PolicyRepaired(done.number, done.what, done.history_from, tuple(map(str, done.kept)), in_force)


def examined(work: Work, ground: Ground, text: str, file: str) -> Draft:
    """All there is to say of a policy before anything is stored; warnings are said."""
    before = latest_revision(policy_files(work.settings).look())
    draft = examine(work.settings, ground, text, file, work.now, before=before)
    for warning in draft.warnings:
        work.say(_warning(warning))
    return draft


def change_text(
    work: Work,
    ground: Ground,
    text: str,
    file: str,
    reason: str,
    *,
    follows: int | None = None,
    is_same_kept: bool = False,
) -> PolicyChange:
    """Stores a text, in whose way nothing stands, as the next revision. Raises `StalePolicy`."""
    try:
        return change_policy(
            work.settings,
            ground,
            text,
            file,
            work.now,
            lambda store: store.apply(text, who=work.actor.name, why=reason, now=work.now, follows=follows),
            is_same_kept=is_same_kept,
        )
    except RevisionOvertaken:
        _refuse_stale(work.settings, follows or 0)
        raise


def applied(work: Work, change: PolicyChange) -> PolicyApplied:
    """Has the server decide by it."""
    before, revision = change.before, change.revision
    lines = difference(before.text, revision.text) if before is not None else ()
    if change.is_change:
        alert_rules_notice.tell(work, before, revision, lines)
        in_force = _installed(work.settings, revision.number, change.not_published)
    else:
        in_force = InForce("in_force", revision.number)
    number = before.number if before is not None else None
    return PolicyApplied(
        revision.number, label(revision), number, change.is_change, tuple(lines), change.not_published, in_force
    )


def _installed(settings: Settings, number: int, not_published: str | None) -> InForce:
    try:
        reply = call(settings.server.control_socket, "policy-changed", timeout_s=INSTALL_TIMEOUT_S)
    except NotRunning:
        return InForce("no_service", None, not_published)
    except (ControlUnreachable, CommandRefused) as error:
        return InForce("not_in_force", None, str(error))
    revision = int(reply["policy_revision"])
    if revision < number:
        why = not_published or "it has another state directory; use the --config it was started with"
        return InForce("not_in_force", revision, f"the running service decides by revision {revision}: {why}")
    return InForce("in_force", revision)


def _refuse_stale(settings: Settings, expected: int) -> None:
    files = policy_files(settings)
    latest = latest_revision(files.look())
    if (latest.number if latest is not None else 0) == expected or latest is None:
        return
    lines = difference(files.store.show(expected).text, latest.text) if expected else []
    changed = "\n".join(f"  {line}" for line in lines) or "  no difference but in layout and comments"
    raise StalePolicy(
        f"nothing was applied: the text was made from revision {expected}, and {label(latest)} is the latest."
        f" Changed meanwhile:\n{changed}\nTake that into the text, then apply it with the new number"
    )


def ground_of(work: Work) -> tuple[Settings, Ground]:
    state_dir.prepare(work.settings.server.state_dir)
    return work.settings, read_ground(work.settings, config_label(work.config))


def _files(work: Work) -> PolicyFiles:
    """Also for reading: SQLite makes files beside the database, which must be the service user's."""
    state_dir.refuse_strangers(work.settings.server.state_dir)
    return _said_of(work, policy_files(work.settings))


def _said_of(work: Work, files: PolicyFiles, *, is_thorough: bool = False) -> PolicyFiles:
    """Says beforehand what may be wrong with them, and what mends it."""
    problem = files.look(is_thorough=is_thorough).problem
    if problem is not None:
        work.say(Diagnostic("policy-files", "warning", "policy.db", problem, ""))
    return files


def _latest(files: PolicyFiles) -> Revision:
    """The one in force, also where the database is damaged."""
    latest = latest_revision(files.look())
    if latest is None:
        raise NoSuchRevision("no policy was applied yet; apply one with `schoolgate policy apply FILE`")
    return latest


def _row(one: Revision) -> RevisionRow:
    fields = {name: value for name, value in asdict(one).items() if name not in ("text", "at")}
    return RevisionRow(at=one.at.isoformat(), **fields)


def _warning(one: Problem) -> Diagnostic:
    return Diagnostic("policy-warning", "warning", one.path, str(one), "")
