"""Sealed illegal-content lists: taken in from their suppliers, kept as keyed hashes, watched for age, tested by asking.

No entry is ever held in Python: the core reads a supplier's file and writes the sealed one. Nothing here takes an entry
out or gives one away, and a list that was once imported must be there for the server to start.
"""

from schoolgate.sealed.age import ALARM_AFTER_S, UNHEALTHY_AFTER_S, State, state_of, worst
from schoolgate.sealed.importing import ImportReport, SealedShrunk, import_list
from schoolgate.sealed.sealed_status import sealed_problems, sealed_status
from schoolgate.sealed.sealed_store import Facts, OpenedSealed, SealedMissing, SealedOlder, SealedStore
from schoolgate.sealed.selftest import SelfTestFailed
from schoolgate.sealed.tries import failing_feeds

__all__ = [
    "ALARM_AFTER_S",
    "UNHEALTHY_AFTER_S",
    "Facts",
    "ImportReport",
    "OpenedSealed",
    "SealedMissing",
    "SealedOlder",
    "SealedShrunk",
    "SealedStore",
    "SelfTestFailed",
    "State",
    "failing_feeds",
    "import_list",
    "sealed_problems",
    "sealed_status",
    "state_of",
    "worst",
]
