"""`cases list | show | open | note | judge | close | send`: prints what the operations return."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.cli.commands.tickets import print_steps, when
from schoolgate.operations.governance.case_views import CasePage, CaseSummary, CaseWithAlerts
from schoolgate.operations.governance.cases import CaseDone


def show_list(config: Path | None, *, is_all: bool, as_json: bool) -> None:
    """Newest first."""
    page: CasePage = ask(config, "case.list", states=["open", "closed"] if is_all else ["open"], most=100)
    if as_json:
        say_json([asdict(one) for one in page.cases])
        return
    if not page.cases:
        say("no cases" if is_all else "no open cases; --all shows closed ones")
        return
    rows = table("id", "state", "severity", "about", "network", "opened", "what")
    for one in page.cases:
        state = one.outcome or ("overdue" if one.is_overdue else one.state)
        cells = (state, one.severity, one.theme or "-", one.group or "-", when(one.opened_us), one.sentence[:80])
        rows.add_row(str(one.number), *map(Text, cells))
    out.print(rows)


def summary(config: Path | None, days: int, *, as_json: bool) -> None:
    """How many alerts were false, of how many that were judged."""
    found: CaseSummary = ask(config, "case.summary", days=days)
    if as_json:
        say_json(asdict(found))
        return
    rate = "not known" if found.false_alert_rate is None else f"{100 * found.false_alert_rate:.0f} %"
    say(f"alerts: {found.alerts}, closed by a person: {found.alerts_judged}, false: {found.false_alarms} ({rate})")
    say(f"until seen: {'not known' if found.minutes_to_seen is None else f'{found.minutes_to_seen} min'}")
    say(f"cases opened: {found.cases_opened}, closed: {found.cases_closed}, false: {found.cases_false}")
    for name, count in sorted(found.outcomes.items()):
        say(f"  {name}: {count}")


def show(config: Path | None, number: int, *, as_json: bool) -> None:
    """One case."""
    found: CaseWithAlerts = ask(config, "case.show", number=number)
    if as_json:
        say_json(asdict(found))
        return
    one = found.case
    say(f"case {one.number}: {one.concern}, {one.severity}, {one.outcome or one.state}", "bold")
    if one.is_illegal:
        note("this may be illegal content: do not visit it, preserve the device, report it to the police", "bold")
    for name, value in (("what", one.sentence), ("about", one.theme), ("segment", one.group),
                        ("judgement", one.judgement), ("in your case system", one.reference)):  # fmt: skip
        if value:
            say(f"{name}: {value}")
    for alert in found.alerts:
        say(f"alert {alert.id}: {alert.state}, {alert.sentence}")
    print_steps(one.steps)


def open_case(config: Path | None, alerts: list[int], ticket: int | None, text: str, *, is_expected: bool) -> None:
    """Opens one."""
    done: CaseDone = ask(config, "case.open", alerts=alerts, ticket=ticket, text=text, is_expected=is_expected)
    _said(done, f"case {done.case.number} is open; talk before you judge")


def note_it(config: Path | None, number: int, text: str, reference: str | None) -> None:
    """Adds a note."""
    _said(ask(config, "case.note", number=number, text=text, reference=reference), f"case {number}: noted")


def judge(config: Path | None, number: int, text: str) -> None:
    """Keeps a judgement."""
    _said(ask(config, "case.judge", number=number, text=text), f"case {number}: the judgement is kept")


def close(config: Path | None, number: int, outcome: str, text: str) -> None:
    """Closes one."""
    _said(ask(config, "case.close", number=number, outcome=outcome, text=text), f"case {number} is closed: {outcome}")


def send(config: Path | None, number: int, webhook: str, post: str) -> None:
    """Lays it out to be sent."""
    words = f"case {number} is passed to {post}" if post else f"case {number} is sent to webhook {webhook}"
    _said(ask(config, "case.send", number=number, webhook=webhook, post=post), words)


def _said(done: CaseDone, words: str) -> None:
    say(words)
    if done.not_done:
        note(done.not_done, "yellow")
