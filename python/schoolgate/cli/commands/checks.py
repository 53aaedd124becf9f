"""`check reachability`, `check safesearch` and `check forwarders`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from schoolgate.checks.forwarders import ForwarderFound, ForwardersFound
from schoolgate.checks.reachability import Closed, Reachability
from schoolgate.cli.commands.asking import ask, ask_watching
from schoolgate.cli.commands.terminal import err, note, out, say, say_json, table
from schoolgate.operations.checks import ReachabilityChecked, SafeSearchChecked
from schoolgate.operations.work import Progress as Step
from schoolgate.operations.work import Said

# What a program asks for: something must be open and is not; something must answer and does not.
EXIT_FOUND = 3
# Lines of one kind that a person reads; all are in --json.
SHOWN = 30


def reachability(config: Path | None, as_json: bool, offline: bool) -> int:
    """The exit code: 3 when something is over-blocked."""
    with _progress() as tell:
        checked: ReachabilityChecked = ask_watching(config, "checks.reachability", tell, is_offline=offline)
    found = checked.found
    _say_not_kept(checked.not_kept)
    if as_json:
        say_json(found.whole() | {"service": checked.service})
    else:
        _print(found, checked.service)
    return EXIT_FOUND if found.over_blocked else 0


def safesearch(config: Path | None, as_json: bool) -> int:
    """The exit code: 3 when a target does not answer."""
    checked: SafeSearchChecked = ask(config, "checks.safesearch")
    found = checked.found
    _say_not_kept(checked.not_kept)
    if as_json:
        say_json(found.whole())
    else:
        for one in found.targets:
            said = "ok  " if one.is_well else "FAIL"
            say(f"{said} {one.target} ({', '.join(one.engines)}): {one.said}", None if one.is_well else "bold red")
        for sentence in found.sentences():
            note(sentence, "bold red")
    return EXIT_FOUND if found.sentences() else 0


def forwarders(config: Path | None, as_json: bool) -> int:
    """The exit code: 3 when a forwarder is not well."""
    found: ForwardersFound = ask(config, "checks.forwarders")
    if as_json:
        say_json(found.whole())
    else:
        rows = table(
            "forwarder", "for", "answers", "answer ms", "connect ms", "certificate", "unknown names", "DNSSEC", "blocks"
        )  # fmt: skip
        for one in found.forwarders:
            rows.add_row(*_row(one))
        if found.forwarders:
            out.print(rows)
        for sentence in found.sentences():
            note(sentence, "bold red")
    return EXIT_FOUND if found.sentences() else 0


def _row(found: ForwarderFound) -> tuple[str, ...]:
    certificate = "not encrypted" if found.transport in ("udp", "tcp") else "-"
    if found.certificate is not None:
        certificate = f"{', '.join(found.certificate.names[:2])}, {found.certificate.days_left} days left"
    return (
        found.server,
        found.zone or "everything",
        "yes" if found.is_reached else "no",
        "-" if found.latency_ms is None else f"{found.latency_ms:.1f}",
        "-" if found.opened_ms is None else f"{found.opened_ms:.1f}",
        certificate,
        {"honest": "no such name", "rewritten": "redirected", None: "-"}[found.nxdomain],
        {True: "validated", False: "not validated", None: "-"}[found.validates],
        ", ".join(found.denies) or "-",
    )


def _say_not_kept(why: str | None) -> None:
    if why is not None:
        note(why, "yellow")


@contextmanager
def _progress() -> Iterator[Callable[[Said], None]]:
    if not err.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        bars: dict[str, TaskID] = {}

        def tell(step: Said) -> None:
            if isinstance(step, Step):
                if step.sentence not in bars:
                    bars[step.sentence] = progress.add_task(step.sentence, total=step.whole)
                progress.update(bars[step.sentence], completed=step.done)

        yield tell


def _print(found: Reachability, service: str | None) -> None:
    head = f"{found.names} names, {len(found.policies)} policies (allow-list only included)"
    say(f"{head}: {found.decisions} decisions by policy revision {found.policy_revision}", "bold")
    style = "bold red" if found.over_blocked else "bold green"
    say(f"over-blocked: {len(found.over_blocked)} of {found.decisions}, {found.rate:.3%}", style)
    _lines(map(str, found.over_blocked), len(found.over_blocked))
    if found.on_purpose:
        say(f"closed on purpose (sealed, threats, own rules of a policy): {len(found.on_purpose)}")
        _lines(_grouped(found.on_purpose), len(_grouped(found.on_purpose)))
    if service is None:
        note("no service runs here (or --offline): nothing was resolved", "yellow")
        return
    said = f"asked {service}: {found.asked} names, {len(found.unresolvable)} do not resolve"
    say(f"{said}, {len(found.without_address)} have no address of their own (what is below them may)")
    _lines((f"{one.name}: {one.said}" for one in found.unresolvable), len(found.unresolvable))
    if found.refused:
        note(
            f"{found.refused} questions were refused: this machine is in none of the policy's allowed_clients", "yellow"
        )


def _grouped(closed: Iterable[Closed]) -> list[str]:
    """One line a name: which policies close it."""
    policies: dict[str, list[str]] = {}
    for one in closed:
        policies.setdefault(f"{one.name}: {one.layer}, {one.by}", []).append(one.policy)
    return [f"{what}, under {', '.join(names)}" for what, names in policies.items()]


def _lines(lines: Iterable[str], count: int) -> None:
    for number, line in enumerate(lines):
        if number == SHOWN:
            say(f"  ... and {count - SHOWN} more; --json has all of them")
            return
        say(f"  {line}")
