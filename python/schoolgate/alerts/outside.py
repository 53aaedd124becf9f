"""Alerts of other monitoring systems, such as one that reads mail or documents, which DNS cannot see.

The other system's key makes an alert the same one: sent twice, it is one alert. What it says about a person stands in
the evidence, which heads do not see, and not in the sentence.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import AlertRules
from schoolgate.errors import SchoolgateError
from schoolgate.policy.monitoring import AlertRule, Severity

# In 24 hours: more is a defect of the other system or a stolen token, and hides the alerts that matter. A school has
# some dozens a day.
MOST_A_DAY: Final = 500
MOST_OF_ALL_A_DAY: Final = 1_000
_DAY: Final = dt.timedelta(days=1)
# As rules name it.
OTHER_SYSTEM: Final = "other-system"
_BUILT_IN: Final = {OTHER_SYSTEM: AlertRule(detectors=(OTHER_SYSTEM,))}


class TooManyFiled(SchoolgateError):
    """A system, or all of them, filed as many alerts as a day may have."""


@dataclass(frozen=True)
class OutsideFinding(Finding):
    """One alert of another system. `client`: the system and its key, with a stroke between, so that it is never
    the address of a device."""

    @property
    def identity(self) -> str:
        """Of the system and its key alone: the same matter with other words is the same matter."""
        return hashlib.sha256(f"{OTHER_SYSTEM}\n{self.client}".encode()).hexdigest()[:32]


def outside_finding(
    source: str, key: str, severity: Severity, category: str | None, segment: str, at: dt.datetime, text: str,
    device: str,
) -> OutsideFinding:  # fmt: skip
    """What the rules decide about."""
    about = (category or "a concern").replace("-", " ")
    said = {"said": text, "device_there": device, "key": key}
    return OutsideFinding(
        OTHER_SYSTEM, severity, segment, f"{source}/{key}", int(at.timestamp() * 1e6), 0,
        f"The system {source} reports: {about}.", category, {name: value for name, value in said.items() if value},
    )  # fmt: skip


def file_outside(
    finding: OutsideFinding, rules: Mapping[str, AlertRule], zone: ZoneInfo, store: AlertStore, now: dt.datetime
) -> tuple[int, bool]:
    """(number of the alert, whether it is new). It is raised whatever the rules say: other systems have counted
    already. Where no rule raises it, it is one of the built-in rule, which has no recipient. Raises `TooManyFiled`."""
    held = store.of_clients([finding.client])
    if held:
        return held[-1].id, False
    _refuse_too_many(finding.client.partition("/")[0], store, now)
    book = AlertRules(rules, zone)
    if not any(rule.count == 1 for _, rule in book.rules_for(finding)):
        book = AlertRules(_BUILT_IN, zone)
    book.apply([finding], store, Outbox(store), now)
    return store.of_clients([finding.client])[-1].id, True


def _refuse_too_many(source: str, store: AlertStore, now: dt.datetime) -> None:
    """A repeat is never refused: it is no new alert."""
    for who, of, most in ((f"the system {source}", f"{source}/", MOST_A_DAY), ("all systems", "", MOST_OF_ALL_A_DAY)):
        if store.opened_since(OTHER_SYSTEM, now - _DAY, of) >= most:
            raise TooManyFiled(
                f"{who} filed {most} alerts within 24 hours, and no more are taken until the oldest is a day old; send"
                " it again then, tell the safeguarding lead of what is urgent, and mend the system that files so many"
            )
