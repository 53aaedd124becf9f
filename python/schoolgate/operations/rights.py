"""Who may do what: every operation, every role, one table.

R: looks. n: looks, and sees no device or person. W: changes. A dot: not allowed. "own": each account that is signed in,
about itself. "anyone": also who is not signed in, for the steps of a sign-in and the public pages. An operation that is
not in the table is allowed to no role, and a test fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from schoolgate.accounts.roles import Role
from schoolgate.operations.errors import NotPermitted


class Right(StrEnum):
    """What a role may do by an operation."""

    looks = "R"
    looks_without_identities = "n"
    changes = "W"
    own = "own"
    anyone = "anyone"


class Audience(StrEnum):
    """Whom an operation is for."""

    roles = "roles"
    own = "own"
    anyone = "anyone"


# Columns: network manager, safeguarding lead (D), head, trust director, teacher (t), governor, provider,
# data protection officer.
_TABLE = """
                          N D H T t G P O
policy.show               R R R R . . R .
policy.revisions          R R R R . n n R
policy.files              R R R R . . R .
policy.apply              W . . W . . . .
policy.rollback           W . . W . . . .
policy.block              W W . W . . W .
policy.allow              W . . W . . . .
policy.preview            R R R R . . R .
policy.draft              R R R R . . R .
policy.repair             W . . W . . . .
policy.categories         R R R R . . n .
policy.compare            R R R R . . R .
policy.replay             R R R R . . R .
segments.list             R R R R . . R .
schedules.show            R R R R R . R .
exceptions.list           R R R R . . n .
exceptions.renew          W . . W . . . .
exceptions.end            W W . W . . W .
exceptions.end_deny       W . . W . . . .
services.list             R R R R . . R .
services.block            W W . W . . W .
services.allow            W . . W . . . .
feeds.licence             R R R R . . R .
feeds.enable              W . . W . . W .
feeds.enable_recommended  W . . W . . W .
feeds.disable             W . . W . . . .
feeds.remove              W . . W . . . .
feeds.add                 W . . W . . W .
feeds.except              W . . W . . . .
feeds.list                R . . R . . R .
feeds.show                R . . R . . R .
feeds.recommended         R . . R . . R .
lists.show                R . . R . . R .
lists.changes             R . . R . . R .
lists.update              W . . W . . W .
sealed.show               R . . R . . R .
sealed.update             W . . W . . W .
lists.rollback            W . . W . . . .
lists.unpin               W . . W . . W .
alerts.list               R R n n . . R .
alerts.counts             R R R R . . R .
alerts.show               R R n n . . R .
alerts.undelivered        R R . . . . R .
alerts.summary            R R R R . . R .
alerts.digest             n R n n . . n .
alerts.export             R R . . . . R .
alerts.acknowledge        W W . . . . W .
alerts.close              W W . . . . W .
alerts.hold               W W . . . . W .
alerts.release            W W . . . . W .
alerts.test               W W . . . . W .
alerts.file               W W . . . . W .
escalation.show           R R R R . . R .
log.search                n R . n . . n R
log.top                   n R . n . . n R
log.watch                 n R . n . . n .
log.live                  n R . n . . n .
log.live_next             n R . n . . n .
log.choices               R R R R R . R R
log.saved                 R R . R . . R R
log.save_search           W W . W . . W W
log.remove_search         W W . W . . W W
log.hours                 R R R R . . R R
device.list               . R . . . . . .
device.show               n R . . . . n .
device.book               R R . R . . R .
device.entry              n R . n . . n R
device.names              . R . . . . . R
device.sources            R R . R . . R R
device.attributed         R R R R . . R R
device.groups             R R . R . . R R
device.name               W W . W . . W .
device.group              W W . W . . W .
device.lose               W W . W . . W .
device.forget             . W . . . . . W
log.reveal                . W . . . . . W
log.export                . W . . . . . W
log.preview_erasure       . R . . . . . R
log.erase                 . W . . . . . W
log.status                R R . R . . R R
log.maintain              W . . . . . W .
suggestions.list          R R . R . . R .
suggestions.look          W . . W . . W .
suggestions.accept        W . . W . . W .
suggestions.dismiss       W . . W . . W .
words.list                R R . R . . R .
words.try                 R R . R . . R .
words.add                 W . . W . . W .
words.remove              W . . W . . W .
checks.reachability       R R R R . . R .
checks.safesearch         R R R R . . R .
checks.forwarders         R R R R . . R .
checks.record             R R R R . R R R
checks.run                W W W W . . W .
checks.add                W W W W W . W .
checks.attach             W W W W W . W .
checks.finish             W W W W . . W .
checks.plan               W W W W . . W .
checks.drift              W W W W . . W .
checks.accept_drift       W . W W . . . .
checks.list               R R R R . n n R
checks.show               R R R R . n n R
checks.attachment         R R R R . R R R
checks.coverage           R R R R . R R R
checks.probes             R R R R R . R .
reports.make              R R R R . R R R
reports.show              R R R R . R R R
reports.read              R R R R . R R R
reports.keep              W W . W . . W .
reports.list              R R R R . R R R
reports.pdf               R R R R . R R R
reports.readings          R R R R . R R R
reports.sign_read         W W W W . W W .
account.list              R . R R . . . R
account.create            W . . W . . . .
account.disable           W . . W . . . .
account.enable            W . . W . . . .
account.compromised       W . . W . . . .
account.role              W . . W . . . .
account.end_role          W . . W . . . .
account.reset_password    W . . W . . . .
account.reset_factor      W . . W . . . .
account.link_identity     W . . W . . . .
account.sessions          R . R R . . . R
account.end_sessions      W . . W . . . .
account.review            R . R R . . . R
account.confirm           W . . W . . . .
account.tokens            R . R R . . . R
account.make_token        W . . W . . . .
account.revoke_token      W . . W . . . .
account.leavers           R . R R . . . R
account.read_leavers      W . . W . . . .
account.requests          R R R R . . . R
account.approve           . . W W . . . .
account.refuse            . . W W . . . .
account.agree_reset       W W W W . . . W
account.seal_break_glass  . . W W . . . .
setup.token               W . . . . . . .
request.suggest           W W W W W . W .
request.file              W W W W . . W .
request.list              R R R R R . R R
request.show              R R R R R . R R
request.advise            . W . . . . . .
request.decide            . W W W . . . .
request.withdraw          W W W W W . W .
request.renew             W W W W . . W .
request.end               W W W W . . W .
request.review            . W W W . . . .
request.carried_out       W . . W . . W .
request.attach            W W W W W . W .
request.attachment        R R R R R . R R
request.keep_up           W . . W . . . .
setup.look                R . . R . . . .
setup.preview             R . . R . . . .
setup.draft               W . . W . . . .
setup.try_forwarders      R . . R . . . .
setup.try_mail            W . . W . . . .
setup.apply               W . . W . . . .
request.bundle            R R R R . . . R
session.begin             anyone
session.totp              own
session.recovery_code     own
session.offers_passkeys   anyone
session.passkey_options   anyone
session.passkey           anyone
session.enrol_totp_start  own
session.enrol_totp        own
session.enrol_passkey_start own
session.enrol_passkey     own
session.factors           own
session.remove_passkey    own
session.choose_password   own
session.change_password   own
session.show              own
session.end               own
session.list              own
session.end_one           own
session.compromised       own
session.make_token        own
session.tokens            own
session.revoke_token      own
session.look_link         anyone
session.redeem_link       anyone
session.look_first_run    anyone
session.first_run         anyone
session.providers         anyone
session.oidc_start        anyone
session.oidc_finish       anyone
session.break_glass       anyone
ticket.file               W W W W W W W W
ticket.own                R R R R R R R R
ticket.list               R R R R . . R R
ticket.counts             R R R R . . R R
ticket.show               R R R R R R R R
ticket.note               W W W W . . W W
ticket.close              W W W W . . W W
ticket.block              W W . W . . W .
lesson.file               W W W W W . . .
lesson.list               R R R R R . R .
lesson.networks           R R R R R . . .
lesson.expected           R R R R R . R .
lesson.show               R R R R R . R .
lesson.of_alerts          R R R R . . R .
lesson.withdraw           W W W W W . . .
lesson.lists              R R R R R . R .
lesson.propose_list       W W W W W . . .
lesson.agree_list         . W W W . . . .
lesson.end_list           W W W W W . . .
exam.show                 R R R R R . R .
exam.begin                W W W W . . W .
exam.end                  W . W W . . . .
calendar.show             R R R R R R R .
calendar.preview          R . R R . . . .
calendar.set              W . W W . . . .
calendar.remove           W . W W . . . .
calendar.import           W . W W . . . .
case.list                 R R n n . . R .
case.counts               R R R R . . R .
case.show                 R R n n . . R .
case.summary              R R R R . R R .
case.open                 W W . . . . W .
case.note                 W W . . . . W .
case.judge                . W . . . . . .
case.close                W W . . . . W .
case.recipients           . R . . . . . .
case.send                 . W . . . . . .
case.export               . R . . . . . .
pages.notice              anyone
pages.nonce               anyone
pages.last_block          anyone
pages.ask_teacher         anyone
pages.guest_accepted      anyone
pages.asked               R R R R R . R .
audit.log                 R R R R . n n R
audit.show                n R n n . n n R
audit.verify              R R R R . R . R
audit.export              R R R R . R . R
backup.list               R . . R . . R .
backup.create             W . . . . . W .
settings.show             R . . R . . R .
export.mdm                R . . R . . R .
export.chrome             R . . R . . R .
export.edge               R . . R . . R .
export.firefox            R . . R . . R .
export.windows            R . . R . . R .
export.android            R . . R . . R .
export.dhcp               R . . R . . R .
export.dnr                R . . R . . R .
export.firewall           R . . R . . R .
export.poster             R . . R . . R .
status.home               R R R R R R R R
status.show               R . . R . . R .
explain.name              R R R R R . R .
review.list               R R R R . R R R
review.show               R R R R . n n R
review.begin              W W W W . . . .
review.save               W W W W . . . .
review.sign               W W W W . W . .
action.list               R R R R . n n R
action.add                W W W W . . . .
action.change             W W W W . . . .
action.done               W W W W . . . .
action.calendar           R R R R . R R R
register.kinds            R R R R . R R R
register.list             R R R R . n n R
register.show             R R R R . n n R
register.add              W W W W . . . .
register.change           W W W W . . . .
register.end              W W W W . . . .
register.export           R R R R . n n R
register.gaps             R R R R . R R R
register.decisions        R R R R . n n R
register.decide           W W W W . . . .
register.meeting_report   R R R R . R . R
evidence.make             W W W W . . W .
evidence.list             R R R R . n n R
evidence.read             R R R R . n n R
evidence.assurance        R R R R . R R R
evidence.service          R R R R . R R R
evidence.service_pdf      R R R R . R R R
"""
_COLUMNS = tuple(Role)

# What a session may call whose sign-in is not complete: the next step, and the way out.
BEFORE_SIGNED_IN = frozenset(
    {
        "session.totp",
        "session.recovery_code",
        "session.enrol_totp_start",
        "session.enrol_totp",
        "session.enrol_passkey_start",
        "session.enrol_passkey",
        "session.choose_password",
        "session.show",
        "session.end",
    }
)
# What a person may do only within five minutes of giving a second factor.
NEEDS_FRESH_FACTOR = frozenset(
    {
        "log.reveal",
        "log.export",
        "log.erase",
        "device.forget",
        "alerts.export",
        "case.export",
        "case.send",
        "account.create",
        "account.disable",
        "account.enable",
        "account.compromised",
        "account.end_sessions",
        "account.role",
        "account.end_role",
        "account.reset_password",
        "account.reset_factor",
        "account.link_identity",
        "account.make_token",
        "account.read_leavers",
        "account.approve",
        "account.refuse",
        "account.agree_reset",
        "account.seal_break_glass",
        "session.make_token",
        "review.sign",
        "request.decide",
        "lesson.agree_list",
        "setup.apply",
    }
)
# What the holder of the token of the first run may do, while no account was made: the steps of a setup alone.
BY_SETUP_TOKEN = frozenset(
    {
        "setup.look",
        "setup.preview",
        "setup.draft",
        "setup.try_forwarders",
        "setup.try_mail",
        "setup.apply",
        "lists.update",
    }
)
# What no user of this machine may do: a person decides, whose session says who it is.
NEEDS_SESSION = frozenset(
    {
        "account.approve",
        "account.refuse",
        "account.agree_reset",
        "account.seal_break_glass",
        "review.sign",
        "request.decide",
        "lesson.agree_list",
    }
)
# What a person without the right asks for by a change request.
ASKED_FOR = frozenset({"policy.allow", "exceptions.renew", "exceptions.end_deny", "services.allow"})
# What a person with the right asks for too, where the trust wants a second person (openings.py).
OPENS = ASKED_FOR | {"feeds.except", "feeds.disable", "feeds.remove"}
# Of these it is what they open; the rest of them is done by who has the right.
OPENS_IN_PART = frozenset(
    {
        "policy.apply",
        "policy.rollback",
        "lists.rollback",
        "calendar.set",
        "calendar.remove",
        "calendar.import",
    }
)
_ASK = "request.file"


def _read(table: str) -> Mapping[str, Mapping[Role, Right]]:
    rows = (line.split() for line in table.strip().splitlines()[1:])
    return MappingProxyType({name: MappingProxyType(_row(letters)) for name, *letters in rows})


def _row(letters: list[str]) -> dict[Role, Right]:
    letters = letters * len(_COLUMNS) if letters[0] in (Right.own, Right.anyone) else letters
    return {role: Right(letter) for role, letter in zip(_COLUMNS, letters, strict=True) if letter != "."}


RIGHTS = _read(_TABLE)


def audience(operation: str) -> Audience:
    """Whom an operation is for."""
    granted = set(RIGHTS.get(operation, {}).values())
    if Right.anyone in granted:
        return Audience.anyone
    return Audience.own if Right.own in granted else Audience.roles


def may(roles: Iterable[Role], operation: str) -> bool:
    """Whether one of the roles has the right to an operation."""
    holders = RIGHTS.get(operation, {})
    return any(role in holders for role in roles)


def sees_identities(roles: Iterable[Role], operation: str) -> bool:
    """Whether one of the roles sees which device or person it was."""
    holders = RIGHTS.get(operation, {})
    return any(holders.get(role) in (Right.looks, Right.changes) for role in roles)


def require_identities(roles: Iterable[Role], operation: str) -> None:
    """Raises `NotPermitted`, naming the roles that see devices and persons."""
    if not sees_identities(roles, operation):
        found = RIGHTS.get(operation, {}).items()
        holders = ", ".join(
            role.replace("_", " ") for role, right in found if right is not Right.looks_without_identities
        )
        raise NotPermitted(f"{operation}: you see no devices here, so you can search for none; ask one of: {holders}")


def require(roles: Iterable[Role], operation: str) -> None:
    """Raises `NotPermitted`, naming the roles that have the right."""
    if not may(roles, operation):
        holders = ", ".join(role.replace("_", " ") for role in RIGHTS.get(operation, {})) or "no role"
        asks = "; or ask for it: schoolgate request file" if operation in ASKED_FOR and may(roles, _ASK) else ""
        raise NotPermitted(f"{operation} is not yours to do; ask one of: {holders}{asks}")
