"""`explain`: why a name is open or closed, for whom, now or at another time: prints what `explain.name` returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schoolgate.checks.layers import LAYERS
from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import moment, out, say, say_json, table
from schoolgate.operations.explain import LayerSaid, NameExplained
from schoolgate.resolver.stub_resolver import EDE_MEANINGS

# Keys of a decision, as `explain` names them.
_WORDS = {
    "spells": "spells",
    "category": "category",
    "feed": "list",
    "rule": "rule",
    "listed_name": "listed as",
    "own_name": "own name",
    "rewrite": "rewrite",
    "local_zone": "zone",
}


def explain(
    config: Path | None,
    name: str,
    client: str,
    qtype: str,
    at: str | None,
    asked: str | None,
    resolves: bool | None,
    as_json: bool,
) -> None:
    """Prints the decision with its reasons. `resolves` None: where the service runs and no other time is meant."""
    given = {"client": client, "qtype": qtype, "at": at, "asked": asked, "resolves": resolves, "shows_lines": True}
    found: NameExplained = ask(config, "explain.name", name=name, **given)
    if as_json:
        about = {"name": found.name, "type": found.type, "client": found.client, "asked": found.asked}
        more = {"decided_by": found.source, "verdict": found.verdict, "followed": found.followed}
        say_json(about | found.explanation | more)
        return
    _print(found)


_VERDICTS = {
    "allowed": ("ALLOWED", "bold green"),
    "denied": ("DENIED", "bold red"),
    "refused": ("REFUSED", "bold red"),
    "failed": ("NOT ANSWERED", "bold yellow"),
}


def _print(found: NameExplained) -> None:
    explanation, decision = found.explanation, found.explanation["decision"]
    say(f"{found.name} {found.type}, asked by {found.client} of {found.asked}", "bold")
    word, style = _VERDICTS[found.verdict]
    say(f"  {word}: {_in_words(found)}", style)
    if decision is not None:
        say(f"  network   {explanation['segment'] or 'none; unknown clients get the strictest policy'}")
        say(f"  policy    {found.policy}")
        for sentence in found.groups:
            say(f"  device    {sentence}")
        say(f"  layer     {LAYERS.get(decision['layer'], decision['layer'])}")
        for key, word in _WORDS.items():
            if decision[key] is not None and not (key == "rule" and decision["rule"] == decision["feed"]):
                say(f"  {word:<9} {decision[key]}")
        if found.reason:
            say(f"  reason    {found.reason}")
        for line in explanation["lines"]:
            where = line["refused"] or f"{line['origin']}, line {line['line']}: {line['text']}"
            dated = "" if line.get("dated") is None else f" (confirmed {moment(line['dated'].isoformat())})"
            say(f"  written   {where}{dated}")
    if found.followed is not None:
        _print_followed(found.followed)
    if decision is not None:
        _print_matched(found.layers)
    say(
        f"  decided by policy revision {explanation['policy_revision']},"
        f" lists serial {explanation['lists_serial']}; {found.source}",
        "dim",
    )


def _in_words(found: NameExplained) -> str:
    decided: str = found.explanation["answer"].removeprefix("denied: ")
    followed = found.followed
    if followed is None or (found.explanation["decision"] or {"effect": "deny"})["effect"] == "deny":
        return decided
    if followed["outcome"] == "denied":
        return f"the name is open, and its answer leads to {followed['closed_by'] or 'something that is denied'}"
    if followed["outcome"] == "failed":
        return "the name is open, and no forwarder gives a usable answer"
    return decided if followed["rcode"] == "NOERROR" else f"{decided}, and it does not exist ({followed['rcode']})"


def _print_followed(followed: dict[str, Any]) -> None:
    reasons = ", ".join(
        f"EDE {code} {EDE_MEANINGS.get(code, '')}: {text}".rstrip(": ") for code, text in followed["reasons"]
    )
    say(f"  answer    {followed['rcode']}{f', {reasons}' if reasons else ''}")
    for record in followed["records"]:
        say(f"            {record}")
    if followed["leads_to"]:
        say(f"  leads to  {', '.join(followed['leads_to'])}")


def _print_matched(layers: tuple[LayerSaid, ...]) -> None:
    others = [one for one in layers if not one.decides]
    if not others:
        return
    say("  also said of this name:")
    rows = table("   layer", "says", "category", "list or rule")
    for one in others:
        says = one.effect or "nothing: the policy has no rule for it"
        rows.add_row(f"   {one.layer or '-'}", says, one.category or "-", one.feed or one.rule or "-")
    out.print(rows)
