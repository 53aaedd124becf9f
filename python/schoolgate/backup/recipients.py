"""Public keys that backups are encrypted to: those of the settings, and those that `schoolgate backup key` made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from schoolgate.backup.errors import NoRecipient
from schoolgate.config import Settings
from schoolgate.storage.atomic_file import PRIVATE, write_whole

RECIPIENTS = Path("backup") / "recipients.txt"


def kept_recipients(state_dir: Path) -> tuple[str, ...]:
    """Public keys that were made here. Raises `NoRecipient` where they cannot be read."""
    path = state_dir / RECIPIENTS
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise NoRecipient(f"{path}: the public keys of backups cannot be read: {error}") from error
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def keep_recipients(state_dir: Path, keys: Sequence[str]) -> None:
    """Replaces the public keys that were made here. Raises `OSError`."""
    text = "# Public keys of backups, made by `schoolgate backup key`. Their secret keys are not on this machine.\n"
    write_whole(state_dir / RECIPIENTS, (text + "".join(f"{key}\n" for key in keys)).encode(), PRIVATE)


def recipients_of_settings(settings: Settings) -> tuple[str, ...]:
    """All public keys that backups are encrypted to, none twice. Raises `NoRecipient` where there is none."""
    state_dir = settings.server.state_dir
    found = tuple(dict.fromkeys((*settings.backup.recipients, *kept_recipients(state_dir))))
    if not found:
        raise NoRecipient("there is no key for backups yet; make one with `schoolgate backup key --out FILE`")
    return found
