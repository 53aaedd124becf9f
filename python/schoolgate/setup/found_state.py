"""What is there before a setup: settings, policy and feeds, as the answers that they stand for; and proposals where
nothing is there yet. Existing configuration is the default of every answer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from schoolgate.config import Settings, load, read_text
from schoolgate.config.forwarder_address import in_short
from schoolgate.lists.feed_book import FeedBook
from schoolgate.lists.feed_catalogue import read_published
from schoolgate.lists.recommended import Recommendation, read_recommended
from schoolgate.policy.active_policy import latest_revision, policy_files
from schoolgate.policy.policy_files import PolicyFiles
from schoolgate.policy.templates import is_demonstration, template_text
from schoolgate.setup.answers import FeedsAnswer, SegmentAnswer, SetupAnswers
from schoolgate.setup.machine_networks import MachineAddress, machine_addresses, networks_of
from schoolgate.setup.policy_writing import PolicyAnswers
from schoolgate.setup.school_kinds import phases_of
from schoolgate.setup.settings_placing import SYSTEM_STATE, new_config
from schoolgate.setup.settings_writing import backup_of, mail_of

DNS_PORT = 53
LOCALTIME = Path("/etc/localtime")
UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


@dataclass(frozen=True)
class FoundState:
    """`config`: the settings file, None where there is none; `text` is what it says. `policy`: the text in force, None
    where no policy or only the demonstration was applied."""

    settings: Settings
    config: Path | None
    text: str
    policy: str | None
    revision: int
    addresses: tuple[MachineAddress, ...]

    @property
    def lists_dir(self) -> Path:
        """Where the shipped data is."""
        return self.settings.lists.dir

    @property
    def is_new(self) -> bool:
        """Whether no settings file is there."""
        return self.config is None or not self.config.exists()


def find_state(settings: Settings, config: Path | None) -> FoundState:
    """Reads files, and changes none. Raises `SchoolgateError`."""
    if config is None and (made := new_config(settings.server.state_dir)).exists():
        # A setup wrote it after this process had begun without a file.
        config, settings = made, load(made)
    text = read_text(config) if config is not None and config.exists() else ""
    files: PolicyFiles = policy_files(settings)
    latest = latest_revision(files.look())
    policy = latest.text if latest is not None else None
    if policy is not None and is_demonstration(policy, settings.lists.dir):
        policy = None
    return FoundState(settings, config, text, policy, latest.number if latest else 0, machine_addresses())


def answers_there(found: FoundState) -> SetupAnswers | None:
    """The answers that what is there stands for; None where no school's policy is."""
    if found.policy is None:
        return None
    there = PolicyAnswers(found.policy, found.lists_dir)
    return SetupAnswers(
        school=there.school,
        time_zone=there.time_zone,
        segments=there.segments,
        other_networks=there.other_networks,
        feeds=_feeds(found, there.school),
        listen=tuple(map(str, found.settings.server.listen)),
        forwarders=tuple(map(in_short, found.settings.forwarders.servers)),
        mail=mail_of(found.settings),
        backup=backup_of(found.settings),
    )


def proposed(found: FoundState, school: str) -> SetupAnswers:
    """What to begin the questions with, for a kind of school. Raises `NoSuchTemplate`."""
    there = answers_there(found)
    if there is not None:
        return there
    template = PolicyAnswers(template_text(found.lists_dir, school), found.lists_dir)
    return SetupAnswers(
        school=school,
        time_zone=_machine_zone() or template.time_zone,
        segments=_segments(template.segments, found.addresses),
        feeds=_feeds(found, school),
        listen=tuple(map(str, found.settings.server.listen)) if not found.is_new else _listen(found),
        forwarders=tuple(map(in_short, found.settings.forwarders.servers)),
        mail=mail_of(found.settings),
        backup=backup_of(found.settings),
    )


def with_school(answers: SetupAnswers, school: str, found: FoundState) -> SetupAnswers:
    """The same answers for another kind of school: its segments, with the networks of those of the same name. A
    segment that it does not know keeps its networks and gets the policy of the first. Raises `NoSuchTemplate`."""
    from schoolgate.setup.policy_writing import base_of

    if school == answers.school:
        return answers
    template = PolicyAnswers(base_of(school, found.policy, found.lists_dir), found.lists_dir)
    # A policy without segments has a last policy all the same: the one of devices in no segment, as a rule.
    first = next(iter(template.segments.values()), SegmentAnswer(policy=template.policies[-1]))
    segments = {}
    for name in dict.fromkeys([*template.segments, *answers.segments]):
        there, known = answers.segments.get(name), template.segments.get(name, first)
        if there is None:
            segments[name] = SegmentAnswer(policy=known.policy)
        elif there.networks or there.asked or name in template.segments:
            segments[name] = there.model_copy(update={"policy": known.policy})
    return answers.model_copy(update={"school": school, "segments": segments})


def recommended_for(found: FoundState, school: str) -> tuple[Recommendation, ...]:
    """The public feeds that a school of this kind should begin with."""
    published = read_published(found.lists_dir)
    return read_recommended(found.lists_dir, published).for_phases(phases_of(school))


def feeds_to_add(found: FoundState, school: str) -> tuple[Recommendation, ...]:
    """Those that are not chosen yet. One that the school switched off was chosen, and stays off."""
    chosen = FeedBook(found.settings.server.state_dir).read()
    return tuple(one for one in recommended_for(found, school) if one.feed.id not in chosen)


def advertised(listen: tuple[str, ...], addresses: tuple[MachineAddress, ...]) -> tuple[str, ...]:
    """The addresses that DHCP and router advertisements are to give out: DNS has port 53 there, and no other."""
    from schoolgate.config.addresses import parse_socket_address

    found: list[str] = []
    for one in (parse_socket_address(text, lowest_port=0) for text in listen):
        if one.port != DNS_PORT or one.is_loopback:
            continue
        version = 6 if ":" in one.host else 4
        own = [each.address for each in addresses if each.version == version and not each.is_virtual]
        found += own if one.is_wildcard else [one.host]
    return tuple(dict.fromkeys(found))


def _feeds(found: FoundState, school: str) -> FeedsAnswer:
    wanted = recommended_for(found, school)
    is_used = bool(wanted) and not feeds_to_add(found, school)
    return FeedsAnswer(recommended=is_used, accepts_licences=is_used)


def may_open_port_53(state_dir: Path) -> bool:
    """Whether the DNS server may listen on port 53: a service has the right by its unit, whoever asks here."""
    if state_dir == SYSTEM_STATE:
        return True
    try:
        first_free = int(UNPRIVILEGED.read_text(encoding="ascii"))
    except (OSError, ValueError):
        first_free = 1024
    return os.geteuid() == 0 or first_free <= DNS_PORT


def _listen(found: FoundState) -> tuple[str, ...]:
    """This machine's addresses at port 53, where that may be opened, beside what is listened on now."""
    now = tuple(map(str, found.settings.server.listen))
    if not may_open_port_53(found.settings.server.state_dir):
        return now
    own = (one.address for one in found.addresses if not one.is_virtual)
    return (*now, *(f"[{one}]:{DNS_PORT}" if ":" in one else f"{one}:{DNS_PORT}" for one in own))


def _segments(template: dict[str, SegmentAnswer], addresses: tuple[MachineAddress, ...]) -> dict[str, SegmentAnswer]:
    """The template's segments. A network goes to the one that its interface names; where none does, to the first,
    which has the strictest policy of them."""
    empty = {name: SegmentAnswer(policy=one.policy) for name, one in template.items()}
    first = next(iter(empty), None)
    for network in networks_of(addresses):
        interfaces = [one.interface.lower() for one in addresses if one.network == network]
        named = next((name for name in empty if any(name.rstrip("s") in one for one in interfaces)), first)
        if named is not None:
            there = empty[named]
            empty[named] = SegmentAnswer(policy=there.policy, networks=(*there.networks, network))
    return empty


def _machine_zone() -> str | None:
    """The time zone of this machine, where its link says it."""
    import zoneinfo

    try:
        name = str(LOCALTIME.readlink()).partition("zoneinfo/")[2]
    except OSError:
        return None
    # A server on UTC says nothing of where the school is.
    return name if name in zoneinfo.available_timezones() and not name.startswith(("Etc/", "UTC")) else None
