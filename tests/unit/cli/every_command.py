"""Every command of the program, found in the program itself, with the least that it must be given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from typer.main import get_command

from schoolgate.cli.application import app

# A value for each argument and option that a command cannot do without; by the name of the parameter.
LEAST = {
    "name": "www.example.org",
    "names": "www.example.org",
    "choice": "approve",
    "purpose": "a lesson",
    "kind": "risk",
    "what": "a test",
    "owner": "Ada",
    "by": "2099-01-01",
    "file": "/dev/null",
    "place": "/nowhere/file",
    "number": "1",
    "before": "1",
    "after": "2",
    "feed": "hagezi-gambling",
    "category": "games",
    "client": "192.0.2.1",
    "reason": "a test",
    "pseudonym": "p-aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "recipient": "head@school.example",
    "supplier": "iwf",
    "until": "23:59",
    "outcome": "other",
    "word": "yeet",
    "result": "passed",
    "tested": "ten names",
    "device": "owned",
    "action": "1",
    "lasts": "2h",
    "source": "schoolgate.tar.age",
    "identity": "/dev/null",
    "folder": "/nowhere",
    "label": "blue",
    "login": "asmith",
    "display_name": "Alice Smith",
    "role": "teacher",
    "scopes": "log.search",
    "ticket_kind": "failure",
    "ticket_outcome": "changed",
    "case_outcome": "technical",
    "webhook": "teams",
    "day_kind": "holiday",
    "title": "half term",
    "segment": "pupils",
    "first": "2026-10-26",
    "text": "a test",
    "token": "019a3185-c500-7000-8000-000000000000",
}
# What a command cannot do without though its options say otherwise: one of two is enough.
NEEDS = {"feed": {"feeds enable"}, "lasts": {"policy allow"}, "names": {"request suggest", "request file"}}
# Where a parameter of the same name takes another word.
OF_COMMAND = {("request suggest", "action"): "open", ("request file", "action"): "open"}


@dataclass(frozen=True)
class Command:
    """Its words, and the parameters that click knows of it."""

    words: tuple[str, ...]
    params: tuple[Any, ...]

    def __str__(self) -> str:
        return " ".join(self.words)

    @property
    def least(self) -> list[str]:
        """The command line with what is required, and nothing else."""
        line = list(self.words)
        for one in self.params:
            if one.required or str(self) in NEEDS.get(one.name, ()):
                value = OF_COMMAND.get((str(self), one.name), LEAST[one.name])
                line += [value] if one.param_type_name == "argument" else [one.opts[0], value]
        return line


def every_command() -> list[Command]:
    """All that do something by themselves, in the order of the help pages."""
    return list(_below(get_command(app)))


def _below(command: Any, words: tuple[str, ...] = ()) -> Iterator[Command]:
    inner: dict[str, Any] = getattr(command, "commands", {})
    if words and (not inner or command.invoke_without_command):
        yield Command(words, tuple(command.params))
    for name, one in inner.items():
        yield from _below(one, (*words, name))
