"""One person decides what two decide elsewhere: where the trust switched that on for a small school.

The person who filed a request approves it; governors and trust directors get a mail at once. What cannot be reported is
not decided. Accounts, second factors and signed reviews take two people all the same.
"""

from __future__ import annotations

from typing import Final

from schoolgate.accounts.roles import Role
from schoolgate.governance.change_request import ChangeRequest
from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.request_people import LEADERS, People
from schoolgate.operations.governance import request_notices
from schoolgate.operations.governance import request_steps as steps
from schoolgate.operations.work import Work

REPORTED_TO: Final = frozenset({Role.governor, Role.trust_director})
# The step that names the recipients.
REPORTED: Final = "reported"


def is_alone(work: Work, known: People, fields: ChangeRequest) -> bool:
    """Whether the caller would decide their own request, and may."""
    if not work.settings.operations.one_person_decides or not known.roles.get(work.actor.id, frozenset()) & LEADERS:
        return False
    return fields.was_asked_by(work.actor.id) or bool(steps.same_name(work, fields, known))


def recipients(work: Work, known: People) -> tuple[str, ...]:
    """Recipients: actors who have an account here with a mail address, and are not the caller."""
    found = (one for one in known.holders(REPORTED_TO) if one != work.actor.id)
    return tuple(one for one in found if request_notices.addresses(known, [one]))


def refuse_unreported(work: Work, known: People, decision: str) -> tuple[str, ...]:
    """The recipients. Raises `RecordRefused` where there is none, or it is no approval."""
    if decision != "approve":
        raise RecordRefused("you asked for it yourself: take it back")
    if not work.settings.mail.host:
        raise RecordRefused("no mail server is set up, so it cannot be reported; another person decides")
    whom = recipients(work, known)
    if not whom:
        raise RecordRefused(
            "no governor or trust director but you has an account with a mail address here, so it cannot be reported;"
            " another person decides"
        )
    return whom


async def report(work: Work, known: People, number: int, version: int, whom: tuple[str, ...]) -> None:
    """Puts the reports before the decision is on record. Raises `RecordRefused`: then it is not decided."""
    is_put = await request_notices.put(work.settings, known, whom, number, version, REPORTED, work.now)
    if not is_put:
        raise RecordRefused("it cannot be reported now, so it is not decided; see the service's log, then try again")
