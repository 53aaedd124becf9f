"""Groups of devices for the DNS server, which never opens control.db: written to a file when they change."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from schoolgate.governance.device_record import DeviceRecord, every_device
from schoolgate.identity.group_file import write_groups
from schoolgate.policy.segments import group_key
from schoolgate.storage.store import Store

# The group of devices that are marked as lost; a person may put others in it.
LOST: Final = "lost"


async def publish(store: Store, state_dir: Path) -> bool:
    """Writes them, where they changed; whether they did. Raises `OSError`, a `StoreProblem`."""
    async with store.reading() as connection:
        found = await every_device(connection, store.site_id)
    groups = {key: names for key, one in found.items() if (names := groups_of(one.fields))}
    return await asyncio.to_thread(write_groups, state_dir, groups)


def groups_of(device: DeviceRecord) -> tuple[str, ...]:
    """As the policy knows them: capital letters make no other group."""
    return tuple(sorted({group_key(name) for name in (*device.groups, *([LOST] if device.is_lost else []))}))
