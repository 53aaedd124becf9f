"""From findings to alerts: which rule a finding is of, whether it is enough of them, who gets a message and when.

What is urgent and no rule's is kept under the built-in rule, which has no recipient: it is seen in `schoolgate alerts
list`. A rule that only counts makes no alert; the daily digest has its count.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo

from schoolgate.alerts import messages
from schoolgate.alerts.alert import Alert
from schoolgate.alerts.alert_store import ESCALATION, AlertStore
from schoolgate.alerts.findings import SELF_TEST, Finding, at_least
from schoolgate.alerts.outbox import Outbox
from schoolgate.policy.monitoring import WEEKDAYS, AlertRule, Quiet

BUILT_IN = "urgent"
BUILT_IN_RULE = AlertRule(categories=("*",), detectors=("*",), least="urgent", urgency="urgent")
# What the self-test of sealed lists asked: closed from the beginning, with no recipient whatever the rules say.
SELF_TEST_RULE = AlertRule(detectors=(SELF_TEST,))
# A stretch of quiet hours longer than this is a mistake; the message goes out all the same.
LONGEST_QUIET = dt.timedelta(days=4)
_STEP = dt.timedelta(minutes=1)
# Of one client within a rule's window; an infected device asks a hundred thousand times.
MOST_COUNTED = 1000


class AlertRules:
    """The rules of one policy revision."""

    def __init__(self, rules: Mapping[str, AlertRule], zone: ZoneInfo) -> None:
        self.rules = dict(rules)
        self._zone = zone
        self._asked: dict[tuple[str, str, str | None], bool] = {}

    def apply(self, findings: Iterable[Finding], store: AlertStore, outbox: Outbox, now: dt.datetime) -> int:
        """Stores findings, raises alerts, lays messages out: one transaction, so one fsync. Returns the findings that
        are new."""
        new = 0
        with store.transaction() as db:
            for finding in findings:
                if not store.remember(db, finding, now):
                    continue
                new += 1
                for identity, rule in self.rules_for(finding):
                    window_s = rule.window_minutes * 60
                    count = store.hit(db, identity, finding, window_s, max(rule.count, MOST_COUNTED))
                    if finding.is_repeat:
                        store.add_repeats(db, identity, finding, window_s)
                        continue
                    if count < rule.count:
                        continue
                    alert, kind = store.raise_alert(db, identity, rule.urgency, finding, window_s, now)
                    if finding.detector == SELF_TEST:
                        store.close_self_test(db, alert, now)
                        continue
                    if kind is None or not rule.to or rule.deliver != "at-once":
                        continue
                    key = f"alert-{alert}-{finding.severity}"
                    message = messages.about(store.get(alert), key, self._zone, now, kind)
                    outbox.put(db, rule.to, message, now, self.not_before(rule, now), alert)
        return new

    def rules_for(self, finding: Finding) -> list[tuple[str, AlertRule]]:
        """Those that concern it; the built-in one when it is urgent and no rule's; its own for a self-test."""
        if finding.detector == SELF_TEST:
            return [(SELF_TEST, SELF_TEST_RULE)]
        found = [
            (identity, rule)
            for identity, rule in self.rules.items()
            if rule.deliver != "count"
            and at_least(finding.severity, rule.least)
            and rule.concerns(finding.segment, finding.detector, finding.category)
        ]
        if not found and at_least(finding.severity, BUILT_IN_RULE.least):
            return [(BUILT_IN, BUILT_IN_RULE)]
        return found

    def asks_for(self, segment: str, detector: str, category: str | None) -> bool:
        """Whether a rule names what calls for no person by itself."""
        key = (segment, detector, category)
        found = self._asked.get(key)
        if found is None:
            found = self._asked[key] = any(rule.asks_for(*key) for rule in self.rules.values())
        return found

    def readdress(
        self, store: AlertStore, outbox: Outbox, is_reachable: Callable[[str], bool], now: dt.datetime
    ) -> int:
        """Messages of alerts that wait for a recipient whom their rule no longer has, or whom no setting describes, go
        to those of the rule. Returns how many."""
        moved = 0
        with store.transaction() as db:
            for one in outbox.addressed(db):
                alert = store.one(db, one.alert)
                rule = self.rules.get(alert.rule)
                wanted = self._recipients_now(alert, one.is_escalation)
                if alert.state == "closed" or (
                    rule is not None and one.recipient in wanted and is_reachable(one.recipient)
                ):
                    continue
                others = [each for each in wanted if is_reachable(each)]
                if not others:  # it stays as it is: `status` names the recipient that cannot be reached
                    continue
                outbox.move(db, one, others, now)
                told = f"from {one.recipient}, which is gone, to {', '.join(others)}"
                store.note(db, alert.id, now, "schoolgate", "addressed anew", told)
                moved += 1
        return moved

    def _recipients_now(self, alert: Alert, is_escalation: bool) -> tuple[str, ...]:
        """Those of the alert's rule; where that is gone, of the rules that such a finding has now."""
        own = self.rules.get(alert.rule)
        if own is not None:
            return own.escalate_to if is_escalation else own.to
        rules = [
            rule
            for rule in self.rules.values()
            if rule.deliver == "at-once"
            and at_least(alert.severity, rule.least)
            and rule.concerns(alert.segment, alert.detector, alert.category)
        ]
        return tuple(dict.fromkeys(one for rule in rules for one in (rule.escalate_to if is_escalation else rule.to)))

    def not_before(self, rule: AlertRule, now: dt.datetime) -> dt.datetime:
        """When the message of a rule may leave: now, or at the end of its quiet hours."""
        moment = now
        while any(is_quiet(quiet, moment, self._zone) for quiet in rule.quiet_hours) and moment - now < LONGEST_QUIET:
            moment = moment.replace(second=0, microsecond=0) + _STEP
        return moment

    def escalate(self, store: AlertStore, outbox: Outbox, now: dt.datetime) -> int:
        """Escalates alerts that were not acknowledged to their next recipients. Returns how many."""
        escalated = 0
        for identity, rule in self.rules.items():
            if not rule.escalate_to or self.not_before(rule, now) > now:
                continue
            # Read and marked in one transaction: an acknowledgement that comes meanwhile counts.
            with store.transaction() as db:
                for alert in self._overdue(identity, rule, store, now):
                    key = f"{ESCALATION}-{alert.id}-{alert.severity}"
                    message = messages.about(alert, key, self._zone, now, "escalation")
                    outbox.put(db, rule.escalate_to, message, now, now, alert.id)
                    store.mark_escalated(db, alert.id, now)
                    escalated += 1
        return escalated

    def _overdue(self, identity: str, rule: AlertRule, store: AlertStore, now: dt.datetime) -> Iterator[Alert]:
        """Time runs from when the first message may leave: what waits for the morning is not late at night."""
        after = dt.timedelta(minutes=rule.escalate_after_minutes)
        for alert, since in store.unacknowledged(identity, now - after):
            if now - self.not_before(rule, since) >= after:
                yield alert

    def recipients(self) -> set[str]:
        return {one for rule in self.rules.values() for one in (*rule.to, *rule.escalate_to)}


def is_quiet(quiet: Quiet, moment: dt.datetime, zone: ZoneInfo) -> bool:
    """Whether the clock on the school's wall is within. Hours over midnight belong to the day they start on."""
    wall = moment.astimezone(zone)
    here, today = wall.time(), WEEKDAYS[wall.weekday()]
    yesterday = WEEKDAYS[(wall.weekday() - 1) % 7]
    if quiet.from_ < quiet.to:
        return today in quiet.days and quiet.from_ <= here < quiet.to
    return (today in quiet.days and here >= quiet.from_) or (yesterday in quiet.days and here < quiet.to)
