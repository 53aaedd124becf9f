"""What every section of schoolgate.toml shares: frozen, no unknown keys, and each setting says when a change counts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, ValidationInfo

from schoolgate.config.problems import complaint, shown


class Section(BaseModel):
    """One table of schoolgate.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=False)


# A change of these needs a restart: sockets, threads and memory are laid out once.
RESTART: dict[str, Any] = {"applies": "restart"}
# A change of these counts after `schoolgate reload`.
RELOAD: dict[str, Any] = {"applies": "reload"}


def beside_the_file(path: Path, info: ValidationInfo | None) -> Path:
    """Relative paths count from the file that names them, not from the directory that the process was started in."""
    if not str(path).strip() or "\0" in str(path):
        raise complaint(f"{shown(str(path))} is not a path", "write the path of a file or directory")
    folder = ((info.context if info is not None else None) or {}).get("folder")
    path = path.expanduser()
    return path if path.is_absolute() or folder is None else Path(folder) / path


PathFromFile = Annotated[Path, AfterValidator(beside_the_file)]
# `true` is not 1 here, nor "5" 5.
Whole = Annotated[int, Strict()]
Text = Annotated[str, Field(min_length=1)]
