"""The answers of a setup as the fields of its pages, and what is wrong with an answer as a mistake beside its field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

# Rows to add to those that are there.
EMPTY_ROWS: Final = 2
MOST_ROWS: Final = 60
_INDEX: Final = re.compile(r"\[\d+\].*$")

Answers = dict[str, Any]
Form = Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """One page. `answers`: the groups that it asks for."""

    id: str
    title: str
    answers: tuple[str, ...]


STEPS: Final = (
    Step("school", "Your school", ("school", "time_zone", "format")),
    Step("addresses", "This server", ("listen",)),
    Step("segments", "Networks", ("segments", "other_networks")),
    Step("lists", "Public lists", ("feeds",)),
    Step("forwarders", "The way to the internet", ("forwarders",)),
    Step("mail", "Mail", ("mail",)),
    Step("backups", "Backups", ("backup",)),
    Step("accounts", "People", ("accounts",)),
)
# The page after the last step.
SUMMARY: Final = "summary"


def after(step: str) -> str:
    """The page that comes next."""
    ids = [one.id for one in STEPS]
    place = ids.index(step) + 1
    return ids[place] if place < len(ids) else SUMMARY


def read_form(step: str, form: Form, answers: Answers) -> Answers:
    """The answers with what a page's form says; nothing that was typed is lost."""
    return answers | _READERS[step](form, answers)


def mistakes_of(problems: Sequence[Mapping[str, Any]], step: Step, answers: Answers) -> dict[str, str]:
    """The mistakes of a page, by field. Those of other pages are said on these, and on the summary."""
    found: dict[str, str] = {}
    for one in problems:
        group = re.split(r"[.\[]", one["path"], maxsplit=1)[0]
        if group in step.answers or (one["path"] == "" and step.id in ("segments", "accounts")):
            found.setdefault(_field(one["path"], answers), in_words(one))
    return found


def in_words(problem: Mapping[str, Any]) -> str:
    """A sentence with what to do."""
    remedy = f": {problem['remedy']}" if problem["remedy"] else ""
    words = f"{problem['message']}{remedy}"
    return words[:1].upper() + words[1:] + "."


def step_of(path: str) -> Step:
    """The page of a problem's answer."""
    group = re.split(r"[.\[]", path, maxsplit=1)[0]
    return next((one for one in STEPS if group in one.answers), STEPS[0])


def lines(values: Sequence[str]) -> str:
    """One value a line."""
    return "\n".join(values)


def _split(text: str) -> list[str]:
    return [one for one in re.split(r"[\s,;]+", text) if one]


def _school(form: Form, answers: Answers) -> Answers:
    return {"school": form.get("school", answers["school"]), "time_zone": form.get("time_zone", "").strip()}


def _addresses(form: Form, answers: Answers) -> Answers:
    return {"listen": _split(form.get("listen", ""))}


def _segments(form: Form, answers: Answers) -> Answers:
    segments: Answers = {}
    for number in range(MOST_ROWS):
        name = form.get(f"name-{number}", "").strip()
        if not name:
            continue
        there = answers["segments"].get(name, {})
        row = {"policy": form.get(f"policy-{number}", ""), "networks": _split(form.get(f"networks-{number}", ""))}
        segments[name] = row | {"asked": there.get("asked", [])}
    return {"segments": segments, "other_networks": _split(form.get("other_networks", ""))}


def _lists(form: Form, answers: Answers) -> Answers:
    if "recommended" not in form:  # all are in use already, so nothing was asked
        return {}
    wanted = form["recommended"] == "yes"
    return {"feeds": {"recommended": wanted, "accepts_licences": wanted and form.get("accepts") == "yes"}}


def _forwarders(form: Form, answers: Answers) -> Answers:
    return {"forwarders": _split(form.get("forwarders", ""))}


def _mail(form: Form, answers: Answers) -> Answers:
    port = form.get("port", "").strip()
    given = {name: form.get(name, "").strip() for name in ("host", "tls", "sender")}
    number: Any = int(port) if port.isascii() and port.isdecimal() and len(port) <= 6 else port or 0
    return {"mail": answers["mail"] | given | {"port": number}}


def _backups(form: Form, answers: Answers) -> Answers:
    kind = form.get("kind", "none")
    folder = form.get("folder", "").strip()
    return {"backup": answers["backup"] | {"kind": kind, "folder": folder}}


def _accounts(form: Form, answers: Answers) -> Answers:
    made = []
    for number in range(MOST_ROWS):
        row = {name: form.get(f"{name}-{number}", "").strip() for name in ("login", "display_name", "mail", "role")}
        if row["login"] or row["display_name"]:
            made.append(row)
    return {"accounts": made}


_READERS: Final = {
    "school": _school,
    "addresses": _addresses,
    "segments": _segments,
    "lists": _lists,
    "forwarders": _forwarders,
    "mail": _mail,
    "backups": _backups,
    "accounts": _accounts,
}


def _field(path: str, answers: Answers) -> str:
    """The field of an answer: segments.staff.networks[0] is networks-1, where staff is the second row."""
    bare = _INDEX.sub("", path)
    if account := re.match(r"accounts\[(\d+)\]\.?(\w*)", path):
        return f"{account[2] or 'login'}-{account[1]}"
    if segment := re.match(r'segments\.(?:"([^"]*)"|([\w-]+))\.?(\w*)', path):
        names = list(answers["segments"])
        name = segment[1] or segment[2]
        what = {"policy": "policy", "networks": "networks", "asked": "networks"}.get(segment[3], "name")
        return f"{what}-{names.index(name)}" if name in names else ""
    fields = {"feeds": "accepts", "backup": "folder", "mail": "host"}
    group, _, name = bare.partition(".")
    if group in fields:
        return name if name in ("host", "tls", "sender", "port", "kind", "folder") else fields[group]
    return "" if bare in ("segments", "accounts", "format") else bare
