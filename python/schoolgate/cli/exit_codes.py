"""With which code a command ends: for scripts, timers and health checks. The help pages and docs/exit-codes.md say the
same."""

from __future__ import annotations

# Of every command.
ALL = {
    0: "done",
    1: "refused or failed: standard error says why, and what to do next",
    2: "the command line is wrong; nothing was done",
    130: "interrupted (Ctrl-C)",
}
# Where a command means something more by a code; by its words.
OWN: dict[str, dict[int, str]] = {
    "status": {0: "the service answers, whatever it says of itself", 1: "nothing answers"},
    "setup": {
        0: "done, or nothing to do",
        1: "refused: nothing was changed",
        3: "with --check: something would change; else a list could not be fetched, and all else is done",
    },
    "check": {0: "everything can be used", 1: "something cannot; all of it is named"},
    "check reachability": {
        0: "all that must be open is open",
        1: "it could not be checked",
        3: "something that must be open is closed",
    },
    "check safesearch": {0: "every target answers", 1: "it could not be checked", 3: "a target does not answer"},
    "check run": {
        0: "every network that was asked from gets what its policy says, and one was",
        1: "it could not be checked",
        3: "a network does not, or none was asked from",
    },
    "check drift": {0: "nothing was changed outside an operation", 1: "it could not be read", 3: "something was"},
    "check coverage": {0: "nothing is due", 1: "it could not be read", 3: "checks are due"},
    "check forwarders": {0: "every forwarder is well", 1: "they could not be checked", 3: "one of them is not well"},
    "lists update": {0: "all well", 1: "nothing was published", 3: "a feed failed; its last good list stays"},
    "sealed update": {0: "all well", 3: "a supplier's list failed; the last good one stays"},
    "backup create": {0: "made, or not due", 1: "none was made", 3: "made, and a target did not get it"},
    "backup list": {0: "every target was asked", 3: "a target could not be asked"},
    "backup test": {
        0: "the backup brings everything back",
        1: "it could not be restored: wrong key, damaged, of a later version",
        3: "restored, and something does not work as it must",
    },
    "request check-bundle": {
        0: "sound, and signed by a key from outside",
        1: "changed, or no bundle",
        3: "consistent with itself only: no key from outside was given",
    },
    "audit verify": {
        0: "sound, and it agrees with checkpoints from outside",
        1: "tampered with, or not readable",
        3: "consistent with itself only: no checkpoint from outside was given",
    },
}


def epilog(command: str) -> str:
    """The last line of a command's help page."""
    return "; ".join(f"Exit code {code}: {what}" for code, what in OWN[command].items()) + "."
