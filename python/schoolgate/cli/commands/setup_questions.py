"""The questions of `schoolgate setup`, a group at a time; each has the answer that is there as its default.

After each group the answers are kept as a draft, so that another run goes on there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer
from pydantic_core import PydanticCustomError

from schoolgate.accounts.roles import Role
from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import note, say
from schoolgate.config.addresses import SYSTEM, parse_socket_address
from schoolgate.config.forwarder_address import from_short
from schoolgate.config.problems import message_and_remedy
from schoolgate.errors import SchoolgateError
from schoolgate.operations.setup.setup_results import SetupLook
from schoolgate.policy.prefixes import parse_network

NONE = "-"
Parse = Callable[[str], object]
Asked = dict[str, Any]


def every_question(config: Path | None) -> Asked:
    """The answers of a person. Raises `typer.Abort` where it ends before them."""
    look: SetupLook = ask(config, "setup.look")
    say("schoolgate setup: Enter takes what is in brackets, - empties it, Ctrl-C ends it. Nothing is changed before"
        " you have seen a summary and said yes.", "bold")  # fmt: skip
    if look.has_draft:
        note("going on with the answers of an earlier setup")
    answers = _school(config, dict(look.answers), look)
    # What is offered follows from the kind of school alone.
    look = ask(config, "setup.look", school=answers["school"])
    for number, (name, question) in enumerate(_GROUPS.items(), start=2):
        ask(config, "setup.draft", answers=answers, step=name)
        say(f"\n{number} of {len(_GROUPS) + 1}: {name}", "bold")
        answers = question(config, answers, look)
    ask(config, "setup.draft", answers=answers, step="summary")
    return answers


def _school(config: Path | None, answers: Asked, look: SetupLook) -> Asked:
    say(f"\n1 of {len(_GROUPS) + 1}: school", "bold")
    names = [one.id for one in look.kinds]
    for number, one in enumerate(look.kinds, start=1):
        say(f"  {number}  {one.name}: {one.about}")
    now = names.index(answers["school"]) + 1 if answers["school"] in names else 1
    school = names[_number("Kind of school", now, 1, len(names)) - 1]
    if school != answers["school"]:
        answers = dict(ask(config, "setup.look", school=school).answers)
    return answers | {"time_zone": typer.prompt("Time zone", default=answers["time_zone"])}


def _address(config: Path | None, answers: Asked, look: SetupLook) -> Asked:
    for one in look.addresses:
        virtual = ", of containers or virtual machines" if one.is_virtual else ""
        say(f"  {one.interface}: {one.address} in {one.network}{virtual}")
    if not look.may_open_port_53:
        note(
            "this user may not open port 53, which devices need: deploy/README.md sets up a service that may", "yellow"
        )
    listen = _several("Answer DNS on", answers["listen"], lambda text: parse_socket_address(text, lowest_port=0))
    return answers | {"listen": listen or answers["listen"]}


def _segments(config: Path | None, answers: Asked, look: SetupLook) -> Asked:
    say("Which devices are in which network? Such as 10.1.20.0/22, fd00:1::/64; of nested networks the smaller counts.")
    segments: Asked = {}
    for name, one in answers["segments"].items():
        networks = _several(f"Networks of {name} (policy {one['policy']})", one["networks"], parse_network)
        if networks or one["asked"]:
            segments[name] = {**one, "networks": networks}
    while name := typer.prompt("Another network, by name", default="", show_default=False).strip():
        policy = _one_of("Its policy", look.policies, look.policies[-1] if look.policies else "")
        networks = _several(f"Networks of {name}", (), parse_network)
        if networks:
            segments[name] = {"policy": policy, "networks": networks}
    others = _several("Networks that may ask and have the strictest policy", answers["other_networks"], parse_network)
    return answers | {"segments": segments, "other_networks": others}


def _feeds(config: Path | None, answers: Asked, look: SetupLook) -> Asked:
    new = [one for one in look.feeds if one.is_new]
    if not look.feeds:
        say("No public list is recommended.")
        return answers
    if not new:
        say(f"All {len(look.feeds)} recommended public lists are in use.")
        return answers | {"feeds": {"recommended": True, "accepts_licences": True}}
    say("The lists that come with schoolgate hold the best-known names only. These public lists close the rest:")
    by_licence: dict[str, list[str]] = {}
    for one in new:
        by_licence.setdefault(f"{one.publisher} ({one.licence})", []).append(one.name)
    for licence, names in by_licence.items():
        say(f"  {licence}: {', '.join(names)}")
    taken = typer.confirm("Use them, and accept these licences", default=bool(answers["feeds"]["recommended"]))
    return answers | {"feeds": {"recommended": taken, "accepts_licences": taken}}


def _forwarders(config: Path | None, answers: Asked, look: SetupLook) -> Asked:
    own = ", ".join(look.resolvers) or "none"
    say(f"Who answers for the internet? {SYSTEM}: this machine's own resolvers ({own}).")
    say("Encrypted: tls://192.0.2.1#dns.example.org (address, name of its certificate). Either all are, or none.")
    while True:
        servers = _several("Forwarders", answers["forwarders"], _forwarder) or [SYSTEM]
        answers = answers | {"forwarders": servers}
        tried = ask(config, "setup.try_forwarders", servers=servers)
        for one in tried:
            say(f"  {one.server}: {one.said}", "green" if one.is_good else "red")
        if any(one.is_good for one in tried):
            return answers
        if not typer.confirm("None of them answers now. Name others", default=False):
            return answers


def _mail(config: Path | None, answers: Asked, look: SetupLook) -> Asked:
    mail = dict(answers["mail"])
    mail["host"] = _text("Server that takes alerts and reports by mail", mail["host"])
    if not mail["host"]:
        return answers | {"mail": mail}
    mail["tls"] = _one_of("Encryption", ("tls", "starttls", "none"), mail["tls"])
    mail["port"] = _number("Port (0: the usual one)", mail["port"], 0, 65535)
    mail["user"] = _text("Sign in as", mail["user"])
    if mail["user"]:
        mail["password_file"] = _text("File with the password, readable by the service alone", mail["password_file"])
    mail["sender"] = _text("Sender", mail["sender"]) or mail["sender"]
    answers = answers | {"mail": mail}
    if recipient := typer.prompt("Send a test to (Enter: no test)", default="", show_default=False).strip():
        try:
            ask(config, "setup.try_mail", answers=answers, recipient=recipient)
            say("  sent", "green")
        except SchoolgateError as error:
            note(f"  not sent: {error}", "red")
    return answers


def _backup(config: Path | None, answers: Asked, look: SetupLook) -> Asked:
    backup = dict(answers["backup"])
    say("folder: another disk or share; medium: a disk that people take away; others (S3, SFTP): docs/backup.md")
    backup["kind"] = _one_of("Backups go to", ("none", "folder", "medium"), backup["kind"])
    while backup["kind"] != "none" and not backup["folder"].startswith("/"):
        backup["folder"] = _text("Its directory, such as /mnt/backup", backup["folder"])
    return answers | {"backup": backup}


def _accounts(config: Path | None, answers: Asked, look: SetupLook) -> Asked:
    say("Who may sign in at the console? Each gets a code, chooses a password and sets up a second factor with it.")
    accounts = list(answers["accounts"])
    for one in accounts:
        say(f"  {one['login']}: {one['display_name']}, {one['role']}")
    while login := typer.prompt("Another account, by login (Enter: none)", default="", show_default=False).strip():
        made = {"login": login, "display_name": typer.prompt("Name", default=login)}
        made["mail"] = _text("Mail address", "")
        made["role"] = _one_of("Role", tuple(Role), Role.network_manager)
        accounts.append(made)
    return answers | {"accounts": accounts}


_GROUPS: dict[str, Callable[[Path | None, Asked, SetupLook], Asked]] = {
    "addresses": _address,
    "segments": _segments,
    "lists": _feeds,
    "forwarders": _forwarders,
    "mail": _mail,
    "backups": _backup,
    "accounts": _accounts,
}


def _text(words: str, now: str) -> str:
    given = str(typer.prompt(words, default=now or NONE)).strip()
    return "" if given == NONE else given


def _number(words: str, now: int, least: int, most: int) -> int:
    while True:
        given = int(typer.prompt(words, default=now, type=int))
        if least <= given <= most:
            return given
        note(f"write a number from {least} to {most}", "red")


def _one_of(words: str, choices: Iterable[str], now: str) -> str:
    known = [str(one) for one in choices]
    while True:
        given = str(typer.prompt(f"{words} ({', '.join(known)})", default=str(now))).strip()
        if given in known:
            return given
        note(f"{given} is none of them", "red")


def _several(words: str, now: Iterable[str], parse: Parse) -> list[str]:
    """Values by comma or blank; asked again until each can be read."""
    while True:
        given = _text(words, ", ".join(now)).replace(",", " ").split()
        try:
            for one in given:
                parse(one)
            return given
        except PydanticCustomError as error:
            note(": ".join(message_and_remedy(error)), "red")


def _forwarder(text: str) -> object:
    return from_short(text)
