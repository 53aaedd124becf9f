"""Groups of devices: how many devices each has, and the policy that the school wrote for it. It names no device."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from schoolgate.operations.devices.device_book import read_records
from schoolgate.operations.devices.published_groups import groups_of
from schoolgate.operations.policies.policy_in_force import policy_in_force
from schoolgate.operations.registry import looks
from schoolgate.operations.work import Work
from schoolgate.policy.segments import group_key


@dataclass(frozen=True)
class DeviceGroup:
    """One group. `policy`: where it is at least as strict as that of the network, devices in the group have it; None:
    the group is a word for people alone."""

    name: str
    policy: str | None
    devices: int


@looks("device.groups")
async def groups(work: Work) -> tuple[DeviceGroup, ...]:
    """Groups that have a policy or a device, in the order of the alphabet."""
    records = await read_records(work)
    written = {group_key(name): (name, one.policy) for name, one in policy_in_force(work).document.groups.items()}
    names, counted = dict[str, str](), Counter[str]()
    for record in records.values():
        names |= {group_key(name): name for name in record.fields.groups}
        counted.update(groups_of(record.fields))
    shown = {key: (names.get(key, key), None) for key in counted} | written
    return tuple(DeviceGroup(name, policy, counted[key]) for key, (name, policy) in sorted(shown.items()))
