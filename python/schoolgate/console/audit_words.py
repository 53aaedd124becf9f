"""Entries of the audit log as people say them: what was done, without the name of an operation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from schoolgate.console.plain_words import group, list_name

# Nouns of operations, in words: what an entry can be filtered by.
ABOUT: Final = {
    "policy": "Policies", "exceptions": "Exceptions", "services": "Services", "exam": "Exam mode",
    "feeds": "Lists and feeds", "lists": "Built lists", "alerts": "Alerts", "case": "Cases",
    "request": "Change requests", "ticket": "Reports of staff", "lesson": "Lessons", "calendar": "School calendar",
    "log": "The query log", "device": "Devices", "account": "Accounts", "role": "Roles", "session": "Sign-ins",
    "reports": "Reports", "review": "Reviews", "action": "Actions", "register": "Registers", "evidence": "Evidence",
    "suggestions": "Suggestions", "words": "Words", "checks": "Checks", "audit": "This record", "backup": "Backups",
    "sealed": "Sealed lists", "settings": "Settings", "setup": "Setup",
}  # fmt: skip

# One line an operation or event: "noun.deed  words". A test holds it to every operation that is on record.
_TABLE: Final = """
account.agree_reset          Agreed to reset a second factor
account.approve              Approved a role
account.compromised          Stopped an account that others may use
account.confirm              Confirmed a role for another quarter
account.create               Added a person
account.created              Added a person
account.disable              Disabled an account
account.enable               Enabled an account
account.end_role             Ended a role
account.end_sessions         Signed a person out everywhere
account.link_identity        Let a person sign in elsewhere
account.make_token           Made a key for a program
account.read_leavers         Looked for people who have left
account.refuse               Refused a role
account.reset_factor         Reset a second factor
account.reset_password       Made a link for a new password
account.revoke_token         Revoked a key of a program
account.role                 Gave a role, or asked for it
account.seal_break_glass     Made the sealed code for emergencies
account.sessions             Looked at where a person is signed in
action.add                   Added an action
action.change                Changed an action
action.done                  Finished an action
alerts.acknowledge           Has seen an alert
alerts.close                 Closed an alert
alerts.export                Took the alerts away as a table
alerts.file                  Filed an alert of another system
alerts.hold                  Kept an alert as evidence
alerts.release               Let an alert go that was kept as evidence
alerts.show                  Looked at an alert
alerts.test                  Sent a test message
audit.export                 Took the whole record away
audit.show                   Looked at an entry of this record
audit.show_personal          Looked at personal values of this record
audit.verify                 Verified this record
backup.create                Made a backup
calendar.import              Took a calendar file
calendar.remove              Removed dates of the calendar
calendar.set                 Wrote dates in the calendar
case.close                   Closed a case
case.export                  Took the cases away as a table
case.judge                   Judged a case
case.note                    Added a note to a case
case.open                    Opened a case
case.send                    Sent a case to the case system
case.show                    Looked at a case
checks.accept_drift          Agreed to a change of the set-up
checks.add                   Recorded a check
checks.attach                Kept a file with a check
checks.drift                 Compared the set-up with what was agreed
checks.finish                Finished what a check asked for
checks.plan                  Planned the checks
checks.run                   Checked every network from inside
device.book                  Looked at the names of devices
device.entry                 Looked at the name of a device
device.forget                Forgot the name of a device
device.group                 Put a device in groups
device.groups                Looked at groups of devices
device.list                  Looked at the list of devices
device.lose                  Marked a device as lost, or as found
device.name                  Named a device
device.names                 Looked up names of devices
device.show                  Looked at a device
evidence.make                Made an evidence pack
exam.begin                   Set exam mode
exam.end                     Ended exam mode
exceptions.end               Ended an exception
exceptions.end_deny          Ended a closing
exceptions.renew             Renewed an exception
feeds.add                    Added a list
feeds.disable                Switched a list off
feeds.enable                 Switched a list on
feeds.enable_recommended     Chose the recommended lists
feeds.except                 Left a site out of a list
feeds.remove                 Removed a list
lesson.agree_list            Decided a list for lessons
lesson.end_list              Ended a list for lessons
lesson.file                  Announced a lesson
lesson.propose_list          Proposed a list for lessons
lesson.withdraw              Withdrew a lesson
lists.rollback               Put earlier lists in force
lists.unpin                  Let lists be updated again
lists.update                 Updated the lists
log.erase                    Erased what the log holds of a device
log.export                   Took away what the log holds of a device
log.live                     Watched the log live
log.maintain                 Put the log in order
log.preview_erasure          Looked what erasing a device would take away
log.remove_search            Removed a search of their own
log.reveal                   Revealed the address of a device
log.save_search              Kept a search of their own
log.search                   Searched the log
log.top                      Looked at what is asked most
log.watch                    Watched the log live
pages.ask_teacher            Gave a device a code for a teacher
pages.guest_accepted         A guest accepted the notice
pages.last_block             Told a device why a site did not open
pages.nonce                  Told a device how to ask why
pages.notice                 Showed the public notice
policy.allow                 Opened a site
policy.apply                 Changed the policy
policy.block                 Closed a site
policy.repair                Repaired the stored policy
policy.rollback              Went back to an earlier policy
register.add                 Added a line to a register
register.change              Changed a line of a register
register.decide              Gave reasons for what is open or closed
register.end                 Ended a line of a register
reports.keep                 Kept a report
reports.make                 Took a report away
reports.read                 Read a kept report
reports.show                 Read a report
reports.sign_read            Signed that a report was read
request.advise               Gave the safeguarding lead's view on a request
request.attach               Kept a file with a request
request.bundle               Took a request away with its proof
request.carried_out          Made a change that was approved
request.decide               Decided a request
request.end                  Ended a request early
request.file                 Asked for a change
request.keep_up              Put requests in force that were due
request.renew                Asked to renew a change
request.review               Looked again at a change in force
request.suggest              Suggested a change
request.withdraw             Took a request back
review.begin                 Began a review
review.save                  Wrote in a review
review.sign                  Signed a review
role.ended                   Ended a role
role.granted                 Got a role
role.requested               Asked for a role
sealed.update                Updated the sealed lists
services.allow               Opened a service
services.block               Closed a service
session.begin                Began to sign in
session.break_glass          Used the sealed code for emergencies
session.change_password      Changed their password
session.choose_password      Chose a new password
session.compromised          Signed out everywhere: someone else may know the password
session.end                  Signed out
session.end_one              Signed out in one place
session.enrol_passkey        Added a passkey
session.enrol_passkey_start  Began to add a passkey
session.enrol_totp           Set up an authenticator app
session.enrol_totp_start     Began to set up an authenticator app
session.factors              Looked at their second factors
session.first_run            Made the first account
session.list                 Looked at where they are signed in
session.look_first_run       Opened the page of the first account
session.look_link            Opened a link for a password
session.make_token           Made a key for a program
session.offers_passkeys      Asked whether passkeys are set up
session.oidc_finish          Signed in elsewhere
session.oidc_start           Began to sign in elsewhere
session.passkey              Gave a passkey
session.passkey_options      Began to give a passkey
session.providers            Asked where people sign in elsewhere
session.recovery_code        Used a recovery code
session.redeem_link          Set a password by a link
session.remove_passkey       Removed a passkey
session.revoke_token         Revoked a key of a program
session.show                 Opened a page
session.tokens               Looked at their keys of programs
session.totp                 Gave a code of their app
setup.apply                  Wrote the setup
setup.draft                  Answered a question of the setup
setup.token                  Made the code of the first run
setup.try_mail               Sent a test message
suggestions.accept           Said that a site belongs on a list
suggestions.dismiss          Said that a site is harmless
suggestions.look             Looked for sites that lists should know
ticket.block                 Closed a site that staff reported
ticket.close                 Answered a report of staff
ticket.file                  Reported a problem
ticket.note                  Added a note to a report of staff
ticket.show                  Looked at a report of staff
words.add                    Added a word to look for
words.remove                 Removed a word to look for
"""
WORDS: Final[Mapping[str, str]] = {
    name: words.strip() for name, _, words in (line.partition(" ") for line in _TABLE.strip().splitlines())
}
# Parts of an entry that say what it was about, as they are said.
_PARTS: Final = {
    "number": "number {}", "role": "as {}", "name": "{}", "category": "{}", "feed": "list {}", "segment": "network {}",
    "revision": "revision {}",
}  # fmt: skip


# A UUID, or a digest.
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-|[0-9a-f]{32}")


def said(operation: str) -> str:
    """What was done: "alerts.acknowledge" is "Has seen an alert"."""
    noun, _, deed = operation.partition(".")
    plain = f"{ABOUT.get(noun, noun.capitalize())}: {deed.replace('_', ' ')}" if deed else operation
    return WORDS.get(operation, plain)


def parts(entry: Mapping[str, Any]) -> list[str]:
    """What it was about, where that is no secret."""
    scope = str(entry["scope"] or "")
    found = [] if scope in ("", "trust") else [place(scope)]
    for name, words in _PARTS.items():
        value = entry["detail"].get(name)
        if value not in (None, "", []):
            found.append(words.format(_value(name, str(value))))
    return found


def details(entry: Mapping[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What an entry holds in the clear, as people read it; and what only a program reads: ids and digests."""
    plain: list[tuple[str, str]] = []
    ids: list[tuple[str, str]] = []
    for name, value in entry["detail"].items():
        text = "" if value is None else str(value)
        is_id = bool(_ID.search(text))
        (ids if is_id else plain).append((name.replace("_", " "), text if is_id else _value(name, text)))
    return plain, ids


def place(scope: str) -> str:
    """Where something holds: "segment:year-11" is "network Year 11"."""
    kind, _, name = scope.partition(":")
    return f"network {group(name)}" if kind == "segment" else "the whole trust" if scope == "trust" else scope


def _value(name: str, value: str) -> str:
    if name == "role":
        return value.replace("_", " ")
    if name in ("segment", "category"):
        return group(value.removeprefix("service:"))
    return list_name(value) if name == "feed" else value
