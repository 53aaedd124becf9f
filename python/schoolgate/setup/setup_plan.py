"""What answers would change: the texts to write, the differences in words, what stands in the way. Writes nothing."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from schoolgate.config import Problem, parse
from schoolgate.config.settings import Settings
from schoolgate.lists.recommended import Recommendation
from schoolgate.policy.difference import difference
from schoolgate.setup.answers import SetupAnswers
from schoolgate.setup.found_state import FoundState, advertised, feeds_to_add, may_open_port_53
from schoolgate.setup.policy_writing import policy_text
from schoolgate.setup.settings_placing import new_config
from schoolgate.setup.settings_writing import settings_text


@dataclass(frozen=True)
class SetupPlan:
    """`config`: where the settings go. The lists of differences are empty where nothing changes."""

    config: Path
    settings: str
    settings_difference: tuple[str, ...]
    policy: str
    policy_difference: tuple[str, ...]
    feeds: tuple[Recommendation, ...]
    advertised: tuple[str, ...]
    warnings: tuple[Problem, ...]
    new_settings: Settings

    @property
    def is_change(self) -> bool:
        """Whether applying writes anything besides accounts."""
        return bool(self.settings_difference or self.policy_difference or self.feeds)


def plan(answers: SetupAnswers, found: FoundState) -> SetupPlan:
    """Raises `ConfigInvalid` and other `InputRefused` for answers that make no settings."""
    empty = [name for name, one in answers.segments.items() if not one.networks and not one.asked]
    named = {name: one for name, one in answers.segments.items() if name not in empty}
    answers = answers.model_copy(update={"segments": named})
    config = found.config or new_config(found.settings.server.state_dir)
    new = settings_text(answers, found.text, found.settings, is_new=found.is_new)
    parsed = parse(new, str(config), folder=config.absolute().parent)
    text = policy_text(answers, found.policy, found.lists_dir)
    given = advertised(answers.listen, found.addresses)
    return SetupPlan(
        config=config,
        settings=new,
        settings_difference=difference(found.text, new),
        policy=text,
        policy_difference=_policy_difference(found.policy, text),
        feeds=feeds_to_add(found, answers.school) if answers.feeds.recommended else (),
        advertised=given,
        warnings=(*_left_out(empty), *_warnings(answers, given, found.settings.server.state_dir)),
        new_settings=parsed,
    )


def _policy_difference(old: str | None, new: str) -> tuple[str, ...]:
    """Of a first policy its segments alone: all else is the template's, which is shown by its name."""
    if old is not None:
        return difference(old, new)
    return tuple(one for one in difference("", new) if one.startswith(("segments.", "allowed_clients", "time_zone")))


def _left_out(names: list[str]) -> list[Problem]:
    return [
        Problem("answers", f"segments.{name}", f"{name} names no network and is left out", "name its networks")
        for name in names
    ]


def _warnings(answers: SetupAnswers, given: tuple[str, ...], state_dir: Path) -> list[Problem]:
    found = []
    if not given:
        why = "no address of this machine is answered at port 53"
        if not may_open_port_53(state_dir):
            why += ", which this user may not open: deploy/README.md sets up a service that may"
        found.append(Problem("answers", "listen", f"devices cannot use this server yet: {why}", "add ADDRESS:53"))
    if not answers.segments:
        message = "no network is named: every device gets the strictest policy"
        found.append(Problem("answers", "segments", message, "name the networks of staff, pupils and guests"))
    if not answers.feeds.recommended:
        message = "without public lists most harmful sites stay open, whatever the policy says"
        found.append(Problem("answers", "feeds", message, "use the recommended feeds"))
    if answers.backup.kind == "none":
        message = "no backups are made: a broken disk takes policy, log and accounts with it"
        found.append(Problem("answers", "backup", message, "name a directory of another disk"))
    elif not Path(answers.backup.folder).is_dir():
        message = f"{answers.backup.folder} is no directory on this machine now"
        found.append(Problem("answers", "backup.folder", message, "make or mount it before the first backup"))
    return found


@dataclass(frozen=True)
class DevicePlace:
    """Where a device belongs: `segment` None with `policy` "" where it is refused, None with a policy where it is in no
    segment and gets the strictest."""

    address: str
    segment: str | None
    policy: str


def place_of(address: str, policy: str) -> DevicePlace | None:
    """The segment and policy that a policy's text gives an address by its network; None for what is no address."""
    import tomllib

    try:
        client = ipaddress.ip_address(address)
    except ValueError:
        return None
    client = getattr(client, "ipv4_mapped", None) or client
    raw = tomllib.loads(policy)
    if not any(client in ipaddress.ip_network(one) for one in raw["allowed_clients"]):
        return DevicePlace(address, None, "")
    nets = [
        (ipaddress.ip_network(network).prefixlen, name, one["policy"])
        for name, one in raw.get("segments", {}).items()
        for network in one.get("prefixes", ())
        if client in ipaddress.ip_network(network)
    ]
    if not nets:
        return DevicePlace(address, None, str(raw["strictest"]))
    _, name, chosen = max(nets)
    return DevicePlace(address, name, str(chosen))
