"""Rows of evidence: what is asked for, what was measured, and by which query. A measure never guesses.

A measure returns what it saw and whether that is as it should be. Where its source is broken the row says so instead.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from schoolgate.evidence.limits_statement import thin_categories
from schoolgate.evidence.sources import SourceBroken, Sources, reads, reads_of

DAY_S = 86_400
# A list that was not confirmed for longer is old; a check, a backup and a training are, too.
OLD_LIST_S = 36 * 3600
OLD_CHECK_S = 3 * DAY_S
OLD_BACKUP_S = 2 * DAY_S


class RowState(StrEnum):
    """met: measured, and as it should be. look: measured, and not so. broken: not measured. outside: no DNS filter can
    measure it, and another means is named."""

    met = "met"
    look = "look"
    broken = "broken"
    outside = "outside"


@dataclass(frozen=True)
class EvidenceRow:
    """`item`: what is asked for; `value`: what was measured, in a sentence; `query`: how anyone measures it again."""

    item: str
    state: RowState
    value: str
    query: str


@dataclass(frozen=True)
class Seen:
    """What a measure saw."""

    value: str
    is_met: bool


@dataclass(frozen=True)
class Item:
    """What is asked for, and what measures it. Without a measure, `outside` says who shows it instead."""

    text: str
    measure: Callable[[Sources], Seen] | None = None
    outside: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """What the measure reads."""
        return () if self.measure is None else reads_of(self.measure)


def row_of(item: Item, sources: Sources) -> EvidenceRow:
    """The row; a source that could not be read makes it broken, whatever the others say."""
    if item.measure is None:
        return EvidenceRow(item.text, RowState.outside, item.outside, "")
    query = sources.queries(item.sources)
    try:
        seen = item.measure(sources.only(item.sources))
    except SourceBroken as error:
        return EvidenceRow(item.text, RowState.broken, f"Not measured: {error}", query)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        return EvidenceRow(item.text, RowState.broken, f"Not measured: the answer has another form ({error!r})", query)
    return EvidenceRow(item.text, RowState.met if seen.is_met else RowState.look, seen.value, query)


# -- roles --------------------------------------------------------------------------------------------------------


@reads("registers")
def posts_filled(sources: Sources) -> Seen:
    """Whether each statutory post has a person or an organisation."""
    unfilled = sources["registers"]["unfilled_posts"]
    if unfilled:
        return Seen(f"Not named: {'; '.join(unfilled)}.", False)
    return Seen(f"All {sources['registers']['statutory_posts']} posts are named.", True)


@reads("registers")
def training(sources: Sources) -> Seen:
    """How much training is current."""
    found = sources["registers"]
    valid, overdue = found["training_current"], found["training_overdue"]
    return Seen(f"Current: {valid}; to be repeated: {overdue}.", valid > 0 and overdue == 0)


@reads("registers")
def suppliers(sources: Sources) -> Seen:
    """Whether contracts and licences are known and in time."""
    found = sources["registers"]
    value = f"Contracts and licences: {found['suppliers_current']}; overdue: {found['suppliers_overdue']}."
    return Seen(value, found["suppliers_current"] > 0 and found["suppliers_overdue"] == 0)


@reads("accounts")
def accounts(sources: Sources) -> Seen:
    """How many accounts there are, and how many lack a second factor."""
    found = sources["accounts"]
    value = (
        f"{found['active']} accounts; {found['without_factor']} without a second factor though their role needs one."
    )
    return Seen(value, found["active"] > 0 and found["without_factor"] == 0)


# -- review -------------------------------------------------------------------------------------------------------


@reads("review")
def review(sources: Sources) -> Seen:
    """Whether a review was signed and the next is not overdue."""
    found = sources["review"]
    if found["signed_on"] is None:
        return Seen("No review is signed here.", False)
    value = f"Review {found['number']} was signed on {found['signed_on']}; the next is due by {found['next_on']}."
    return Seen(value, not found["is_overdue"])


@reads("actions")
def actions(sources: Sources) -> Seen:
    """How actions were handled."""
    found = sources["actions"]
    value = f"{found['done']} done, {found['open']} open, of which {found['overdue']} overdue."
    return Seen(value, found["overdue"] == 0)


@reads("decisions")
def decisions(sources: Sources) -> Seen:
    """Whether each decision has a reason, an owner and a review date."""
    found = sources["decisions"]
    missing = sum(bool(one["missing"]) for one in found)
    return Seen(
        f"Decisions: {len(found)}; without a reason, an owner or a review date: {missing}.",
        missing == 0 and bool(found),
    )


@reads("revisions")
def changes(sources: Sources) -> Seen:
    """Whether each change of the policy has a name and a reason."""
    found = sources["revisions"]
    silent = sum(not str(one["why"]).strip() or not str(one["who"]).strip() for one in found)
    return Seen(
        f"Revisions of the policy: {len(found)}; without a name or a reason: {silent}.", silent == 0 and bool(found)
    )


@reads("registers")
def notices(sources: Sources) -> Seen:
    """Whether rules of use are published and reviewed."""
    found = sources["registers"]
    value = f"Notices of acceptable use: {found['notices_current']}; to be reviewed: {found['notices_overdue']}."
    return Seen(value, found["notices_current"] > 0 and found["notices_overdue"] == 0)


@reads("registers")
def risks(sources: Sources) -> Seen:
    """Whether risks are kept and looked at again."""
    found = sources["registers"]
    value = f"Risks: {found['risks_current']}; to be looked at again: {found['risks_overdue']}."
    return Seen(value, found["risks_current"] > 0 and found["risks_overdue"] == 0)


def recorded(kind: str, words: str) -> Callable[[Sources], Seen]:
    """A measure: whether records of a kind are kept here, and in which states they are."""

    @reads("kinds")
    def measure(sources: Sources) -> Seen:
        states = sources["kinds"].get(kind, {})
        count = sum(states.values())
        said = ", ".join(f"{one.replace('_', ' ')} {many}" for one, many in sorted(states.items()))
        return Seen(f"{words}: {count}" + (f" ({said})." if said else "."), count > 0)

    return measure


# -- filtering ----------------------------------------------------------------------------------------------------


@reads("segments")
def networks(sources: Sources) -> Seen:
    """Whether each network has a policy, and what unknown devices get."""
    found = sources["segments"]
    segments = found["segments"]
    named = ", ".join(f"{one['id']} ({one['policy_now']})" for one in segments)
    value = f"Networks: {named or 'none'}. Any other device gets {found['strictest']}, the strictest."
    return Seen(value, bool(segments))


@reads("status")
def serving(sources: Sources) -> Seen:
    """Whether the filter runs now, and lost nothing of its log."""
    found = sources["status"]
    log = found["query_log"]
    lost = sum(log["lost"].values()) if log else 0
    up_s = next(one["age_s"] for one in found["processes"] if one["name"] == "serve")
    return Seen(
        f"It runs since {_age(up_s)}; {lost:,} rows of its log were lost.", lost == 0 and bool(log and log["is_on"])
    )


@reads("sealed_counts")
def sealed(sources: Sources) -> Seen:
    """Whether lists of illegal content are in use and fresh."""
    found = sources["sealed_counts"]
    if not found:
        return Seen("No list of illegal content (such as IWF, CTIRU) is in use.", False)
    said = "; ".join(f"{one['supplier']}: {one['enforced']:,} sites, {_age(one['age_s'])} old" for one in found)
    return Seen(f"{said}.", all(one["state"] == "ok" for one in found))


@reads("status")
def lists(sources: Sources) -> Seen:
    """How old each list is."""
    feeds = sources["status"]["feeds"]
    if not feeds:
        return Seen("No published list is in use; only the reviewed starter lists are.", False)
    ages = [one["age_s"] for one in feeds if one["age_s"] is not None]
    unwell = [one["id"] for one in feeds if one["condition"] != "ok"]
    oldest = f"the oldest was confirmed {_age(max(ages))} ago" if ages else "none was ever fetched"
    said = f"{len(feeds)} in use, {oldest}" + (f"; to look at: {', '.join(unwell)}" if unwell else "")
    return Seen(f"{said}.", not unwell and len(ages) == len(feeds) and max(ages) <= OLD_LIST_S)


@reads("checks")
def over_blocking(sources: Sources) -> Seen:
    """The measured share of wrong blocks among names that must be open."""
    history = sources["checks"]["history"]
    if not history:
        return Seen("It was not checked yet.", False)
    last = history[-1]
    value = (
        f"{last['over_blocked']} of {last['decisions']:,} decisions about {last['names']:,} names were wrong"
        f" ({last['rate']:.2%}) on {str(last['at'])[:10]}."
    )
    return Seen(value, last["over_blocked"] == 0 and _is_recent(last["at"], sources, OLD_CHECK_S))


@reads("checks")
def safe_search(sources: Sources) -> Seen:
    """Whether the safe modes of search engines answer."""
    found = sources["checks"]["safesearch"]
    if found is None:
        return Seen("It was not checked yet.", False)
    said = list(found.get("sentences", ()))
    value = f"Checked on {str(found['at'])[:10]}: {said[0] if said else 'all safe modes answer'}"
    return Seen(value.rstrip(".") + ".", not said and _is_recent(found["at"], sources, OLD_CHECK_S))


@reads("exceptions")
def exceptions(sources: Sources) -> Seen:
    """Whether each exception has a reason and an end."""
    found = sources["exceptions"]["exceptions"]
    bare = sum(not one["reason"] or (one["until"] is None and one["kind"] != "feed") for one in found)
    return Seen(f"Exceptions: {len(found)}; without a reason or an end: {bare}.", bare == 0)


@reads("openings")
def openings(sources: Sources) -> Seen:
    """Who opens sites. The trust chooses; not met where it wants a second person and none has an account."""
    found = sources["openings"]
    if found["has_effect"]:
        return Seen("By request, which a second person decides; a trust director also directly.", True)
    why = "; a second person is wanted, and no account may decide" if found["is_on"] else ""
    return Seen(f"The network manager alone, or by request{why}.", not found["is_on"])


@reads("segments")
def ages(sources: Sources) -> Seen:
    """How many policies there are for different ages and people."""
    used = sorted({one["policy_now"] for one in sources["segments"]["segments"]})
    return Seen(f"Policies in use: {', '.join(used) or 'none'}.", len(used) > 1)


def closed(*categories: str) -> Callable[[Sources], Seen]:
    """A measure: in which policies categories are closed, and whether enough names of them are known.

    Met where the strictest policy closes each of them and none is thin.
    """

    @reads("policy", "segments", "status")
    def measure(sources: Sources) -> Seen:
        strictest = sources["segments"]["strictest"]
        thin = thin_categories(sources) & set(categories)
        open_in: list[str] = []
        is_closed = False
        for policy in sources["policy"]["policies"]:
            said = {one["category"]: one["value"] for one in policy["categories"]}
            is_open = any(said.get(one) != "deny" for one in categories)
            if policy["policy"] == strictest:
                is_closed = not is_open
            if is_open and policy["segments"]:
                open_in.append(policy["policy"])
        value = "Closed in every policy in use" if not open_in else f"Open, in part at least, in: {', '.join(open_in)}"
        value += f"; few names are known of: {', '.join(sorted(thin))}." if thin else "."
        return Seen(value, is_closed and not thin)

    return measure


# Whether ways around the filter are closed in every policy that is in use.
circumvention = closed(
    "circumvention-vpn", "circumvention-proxy", "circumvention-encrypted-dns", "circumvention-tor"
)  # fmt: skip


# -- monitoring ---------------------------------------------------------------------------------------------------


@reads("status")
def watching(sources: Sources) -> Seen:
    """Whether something watches the log now."""
    monitor = next((one for one in sources["status"]["processes"] if one["name"] == "monitor"), None)
    is_running = monitor is not None and monitor["is_running"]
    return Seen("The log is watched now." if is_running else "Nothing watches the log.", is_running)


@reads("alerts", "alerts_open")
def alerts(sources: Sources) -> Seen:
    """How many alerts there were and how long the oldest waits for a look."""
    found, now = sources["alerts"]["rules"], sources["alerts_open"]
    total = sum(one["alerts"] for one in found.values())
    waits = now["oldest_new_s"]
    value = f"{total:,} in a year; {now['open']} open, {now['new']} not looked at"
    value += f", the longest for {_age(waits)}." if waits is not None else "."
    return Seen(value, waits is None or waits <= DAY_S)


@reads("alerts")
def false_alarms(sources: Sources) -> Seen:
    """The measured share of false alarms among those that were judged."""
    rules = sources["alerts"]["rules"].values()
    judged = sum(sum(one["outcomes"].values()) for one in rules)
    wrong = sum(one["outcomes"].get("false-alarm", 0) for one in rules)
    if not judged:
        return Seen("No alert was judged yet.", False)
    return Seen(f"{wrong:,} of {judged:,} judged alerts were false alarms ({wrong / judged:.0%}).", True)


@reads("log")
def log_kept(sources: Sources) -> Seen:
    """Since when, and how much, is kept."""
    classes = sources["log"]["classes"]
    if not classes:
        return Seen("The log is empty.", False)
    oldest = min(str(one["oldest"]) for one in classes.values())[:10]
    return Seen(f"{sum(one['rows'] for one in classes.values()):,} questions since {oldest}.", True)


@reads("blocked")
def blocked(sources: Sources) -> Seen:
    """What was asked and blocked in 30 days."""
    found = sources["blocked"]["verdict"]
    all_of = sum(found.values())
    denied = sum(count for key, count in found.items() if key.startswith("deny"))
    return Seen(f"{all_of:,} questions in 30 days, {denied:,} blocked.", all_of > 0)


@reads("retention")
def retention(sources: Sources) -> Seen:
    """How long what is kept."""
    found = sources["retention"]
    value = (
        f"Ordinary rows {found['ordinary_days']} days, rows of safeguarding {found['safeguarding_days']} days,"
        f" counts {found['rollups_days']} days; then they are erased, on record."
    )
    return Seen(value, True)


@reads("status")
def backups(sources: Sources) -> Seen:
    """Whether there is a backup that was restored as a test."""
    found = sources["status"]["backup"]
    if found is None:
        return Seen("There is no backup.", False)
    proved = (
        f"restored as a test {_age(found['proved_age_s'])} ago" if found["proved_at"] else "never restored as a test"
    )
    value = f"The last is {_age(found['age_s'])} old; {proved}."
    return Seen(value, bool(found["proved_at"]) and found["age_s"] <= OLD_BACKUP_S)


@reads("audit")
def reveals(sources: Sources) -> Seen:
    """How often a person was revealed, each with a reason."""
    found = sources["audit"]
    value = (
        f"{found['entries']:,} entries in the audit log, {found['reveals']:,} reveals of a person, each with a reason."
    )
    return Seen(value, found["entries"] > 0)


def _age(seconds: float) -> str:
    for word, size in (("day", DAY_S), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}s"
    return f"{seconds:.0f} seconds"


def _is_recent(at: Any, sources: Sources, within_s: int) -> bool:
    then = dt.datetime.fromisoformat(str(at))
    then = then if then.tzinfo is not None else then.replace(tzinfo=dt.UTC)
    return sources.at_us / 1_000_000 - then.timestamp() <= within_s


def rows_of(items: Iterable[Item], sources: Sources) -> tuple[EvidenceRow, ...]:
    """A row for each item."""
    return tuple(row_of(one, sources) for one in items)
