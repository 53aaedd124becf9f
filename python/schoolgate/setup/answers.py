"""The answers of a setup: one model for the questions in the terminal, the pages of the console, and answer files.

It holds no secret: passwords are chosen by the people themselves, and other secrets are files that it names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, model_validator

from schoolgate.accounts.roles import Role
from schoolgate.config.addresses import SYSTEM, parse_socket_address
from schoolgate.config.forwarder_address import from_short, in_short
from schoolgate.config.problems import ConfigInvalid, InputRefused, Problem, complaint
from schoolgate.config.reading import parse_toml, read
from schoolgate.policy.model import Id, TimeZone
from schoolgate.policy.prefixes import parse_door, parse_network

# The policy that is there stays, and only its segments are asked for.
OWN = "own"
MOST_SEGMENTS, MOST_NETWORKS, MOST_ACCOUNTS = 100, 200, 50


def _network(text: str) -> str:
    return str(parse_network(text))


def _door(text: str) -> str:
    return str(parse_door(text))


def _listen(text: str) -> str:
    return str(parse_socket_address(text, lowest_port=0))


def _forwarder(text: str) -> str:
    return in_short(from_short(text))


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


Network = Annotated[str, AfterValidator(_network)]
Networks = Annotated[tuple[Network, ...], Field(max_length=MOST_NETWORKS), AfterValidator(_once)]
Door = Annotated[str, AfterValidator(_door)]
Doors = Annotated[tuple[Door, ...], Field(max_length=16), AfterValidator(_once)]
Listen = Annotated[str, AfterValidator(_listen)]
Listens = Annotated[tuple[Listen, ...], Field(min_length=1, max_length=32), AfterValidator(_once)]
Server = Annotated[str, AfterValidator(_forwarder)]
Servers = Annotated[tuple[Server, ...], Field(min_length=1, max_length=16), AfterValidator(_once)]
Line = Annotated[str, Field(max_length=1_000, pattern=r"^[^\x00-\x1f\x7f]*$")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Yes = Annotated[bool, Strict()]


class Answer(BaseModel):
    """One group of answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SegmentAnswer(Answer):
    """A segment: its policy, and the networks or doors whose clients have it."""

    policy: Id
    networks: Networks = ()
    asked: Doors = ()


class FeedsAnswer(Answer):
    """Whether the recommended public feeds are used. Their licences are accepted together."""

    recommended: Yes = False
    accepts_licences: Yes = False

    @model_validator(mode="after")
    def _accepted(self) -> FeedsAnswer:
        if self.recommended and not self.accepts_licences:
            raise complaint("the licences are not accepted", "read them, then accept them, or use no feed")
        return self


class MailAnswer(Answer):
    """The server that takes our mail; no `host`: none is sent. The password is in a file of its own."""

    host: Line = ""
    port: Annotated[int, Strict(), Field(ge=0, le=65535)] = 0
    tls: Literal["tls", "starttls", "none"] = "starttls"
    user: Line = ""
    password_file: Line = ""
    sender: Line = "schoolgate@localhost"


class BackupAnswer(Answer):
    """Where backups go: a directory of another disk or share, or a medium that people take away in turn."""

    kind: Literal["none", "folder", "medium"] = "none"
    folder: Line = ""
    name: Id = "backup"

    @model_validator(mode="after")
    def _has_place(self) -> BackupAnswer:
        if self.kind != "none" and not self.folder.startswith("/"):
            raise complaint("the place of backups is missing", 'write a directory that is there, such as "/mnt/backup"')
        return self


class AccountAnswer(Answer):
    """A person who gets an account. It is made once; who has it chooses password and second factor."""

    login: Name
    display_name: Name
    mail: Line = ""
    role: Role = Role.network_manager


class SetupAnswers(Answer):
    """Everything a setup asks. `school`: a shipped template of policies, or `own` for the policy that is there.

    `other_networks`: networks that may ask and are in no segment; these get the strictest policy.
    """

    format: Literal[1] = 1
    school: Id = OWN
    time_zone: TimeZone = "Europe/London"
    listen: Listens
    segments: Annotated[dict[Id, SegmentAnswer], Field(max_length=MOST_SEGMENTS)] = {}
    other_networks: Networks = ()
    forwarders: Servers = (SYSTEM,)
    feeds: FeedsAnswer = FeedsAnswer()
    mail: MailAnswer = MailAnswer()
    backup: BackupAnswer = BackupAnswer()
    accounts: Annotated[tuple[AccountAnswer, ...], Field(max_length=MOST_ACCOUNTS)] = ()

    @model_validator(mode="after")
    def _nothing_twice(self) -> SetupAnswers:
        logins = [one.login.casefold() for one in self.accounts]
        if len(set(logins)) < len(logins):
            raise complaint("a login is there twice", "name each account once")
        named = {network for one in self.segments.values() for network in one.networks}
        if twice := sorted(named & set(self.other_networks)):
            raise complaint(f"{', '.join(twice)} is in a network too", "leave it out of other_networks")
        return self

    def as_json(self) -> dict[str, Any]:
        """As values of JSON; `checked` is the inverse."""
        return self.model_dump(mode="json")


def checked(given: Mapping[str, Any], file: str = "answers") -> SetupAnswers:
    """The answers, from values of JSON or TOML. Raises `InputRefused` with every problem."""
    reading = read(SetupAnswers, given, file)
    if reading.value is None or reading.problems:
        raise InputRefused(reading.problems)
    return reading.value


def parse_answers(text: str, file: str) -> dict[str, Any]:
    """Values of an answer file, TOML or JSON, not checked yet. Raises `InputRefused`."""
    if text.lstrip().startswith("{"):
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigInvalid([Problem(file, "", f"not valid JSON: {error}", "correct this place")]) from error
        return dict(values)
    raw, problems = parse_toml(text, file)
    if problems:
        raise InputRefused(problems)
    return raw


def as_toml(answers: SetupAnswers) -> str:
    """An answer file."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("Answers of `schoolgate setup`: schoolgate setup --answers FILE"))
    for key, value in answers.as_json().items():
        document.add(key, value)
    return tomlkit.dumps(document)
