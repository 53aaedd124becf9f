"""Segments: networks that share a policy. No client may belong to two, and none may be served that is not allowed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from schoolgate.config.problems import Problem, did_you_mean, path_of
from schoolgate.policy.model import Document, Segment
from schoolgate.policy.prefixes import Door, Network

# A resolver that answers half the internet is a weapon in a reflection attack; no school's network is this
# large.
_WIDEST_PUBLIC = {4: 8, 6: 16}
_PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "127.0.0.0/8", "fc00::/7", "fe80::/10")))


def segment_problems(document: Document, file: str) -> Iterator[Problem]:
    """Everything about networks and references that has to be mended."""
    yield from _open_resolver(document, file)
    yield from _unknown_policies(document, file)
    for identity, segment in document.segments.items():
        if not segment.prefixes and not segment.asked:
            path = path_of(("segments", identity))
            yield Problem(file, path, "names no network", 'write prefixes = ["10.1.0.0/16"], or asked')
    yield from _twice(document, file)
    yield from _groups_twice(document, file)


def segment_warnings(document: Document, file: str) -> Iterator[Problem]:
    """Networks whose clients would be refused."""
    for identity, segment in document.segments.items():
        for index, prefix in enumerate(segment.prefixes):
            if not any(_holds(allowed, prefix) for allowed in document.allowed_clients):
                path = path_of(("segments", identity, "prefixes", index))
                yield Problem(file, path, f"{prefix} is outside allowed_clients: refused", "add it to allowed_clients")


def _holds(outer: Network, inner: Network) -> bool:
    return outer.version == inner.version and inner.network_address in outer and inner.prefixlen >= outer.prefixlen


def _open_resolver(document: Document, file: str) -> Iterator[Problem]:
    for index, network in enumerate(document.allowed_clients):
        private = any(_holds(outer, network) for outer in _PRIVATE)
        if network.prefixlen < _WIDEST_PUBLIC[network.version] and not private:
            path = path_of(("allowed_clients", index))
            yield Problem(file, path, f"{network} would make an open resolver", "name the school's own networks")


def _unknown_policies(document: Document, file: str) -> Iterator[Problem]:
    uses: list[tuple[tuple[str | int, ...], str]] = [(("strictest",), document.strictest)]
    for identity, segment in document.segments.items():
        uses.append((("segments", identity, "policy"), segment.policy))
        for index, interval in enumerate(segment.schedule):
            uses.append((("segments", identity, "schedule", index, "policy"), interval.policy))
        for index, exam in enumerate(segment.exams):
            uses.append((("segments", identity, "exams", index, "policy"), exam.policy))
    uses += [(("groups", name, "policy"), group.policy) for name, group in document.groups.items()]
    for steps, policy in uses:
        if policy not in document.policies:
            remedy = did_you_mean(policy, document.policies)
            yield Problem(file, path_of(steps), f"there is no policy {policy}", remedy)


def _twice(document: Document, file: str) -> Iterator[Problem]:
    """The same network twice, at the same door. Nested networks are fine: the longer prefix wins."""
    first: dict[tuple[Door | None, Network], str] = {}
    for identity, segment in document.segments.items():
        for path, door, prefix in _places(identity, segment, document.allowed_clients):
            known = first.setdefault((door, prefix), path)
            if known != path:
                at = f" asked at {door}" if door else ""
                yield Problem(file, path, f"{prefix}{at} belongs to {known} too", "leave it in one of them")


def _groups_twice(document: Document, file: str) -> Iterator[Problem]:
    """Two groups that differ in nothing but capital letters: people who write them mean one."""
    first: dict[str, str] = {}
    for name in document.groups:
        known = first.setdefault(group_key(name), name)
        if known != name:
            yield Problem(file, path_of(("groups", name)), f"is the group {known} too", "leave one of them")


def group_key(name: str) -> str:
    """What the engine calls a group: capital letters and spaces around it make no other group."""
    return name.strip().casefold()


def _places(
    identity: str, segment: Segment, allowed: tuple[Network, ...]
) -> Iterator[tuple[str, Door | None, Network]]:
    for number, door in enumerate(segment.asked or (None,)):
        for index, prefix in enumerate(segment.prefixes or allowed):
            steps: tuple[str | int, ...] = ("prefixes", index) if segment.prefixes else ("asked", number)
            yield path_of(("segments", identity, *steps)), door, prefix
