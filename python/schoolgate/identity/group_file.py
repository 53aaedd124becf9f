"""Which devices are in which groups, as a file: `control` writes it whole, the DNS server reads it.

It holds keys of devices and names of groups, and no name of a device. Missing or damaged: no device is in a group, so
that each has the policy of its network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from schoolgate.identity.device_key import is_key
from schoolgate.storage.checked_file import CheckedFileDamaged, read_checked, write_checked

_KIND: Final = "device-groups"
Groups = Mapping[str, tuple[str, ...]]


def path_of_groups(state_dir: Path) -> Path:
    """Where it lies."""
    return state_dir / "governance" / "device-groups.json"


def write_groups(state_dir: Path, groups: Groups) -> bool:
    """Replaces the file where it says something else; whether it did. Raises `OSError`."""
    path = path_of_groups(state_dir)
    try:
        if read_groups(state_dir) == groups:
            return False  # a school without groups gets no file either
    except CheckedFileDamaged:
        pass
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    write_checked(path, _KIND, {"devices": groups})
    return True


def read_groups(state_dir: Path) -> Groups:
    """By key of a device; none where there is no file. Raises `CheckedFileDamaged`."""
    path = path_of_groups(state_dir)
    try:
        found = read_checked(path, _KIND)["devices"]
        if not all(map(is_key, found)):
            raise ValueError("a device that is none")
        return {str(key): tuple(map(str, names)) for key, names in found.items()}
    except FileNotFoundError:
        return {}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckedFileDamaged(f"{path}: holds what no groups are ({error})") from error
