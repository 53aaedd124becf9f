"""`export`: files for devices and other servers, as the operations write them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import note
from schoolgate.operations.exports import ExportedFile


def export_file(config: Path | None, name: str, /, **arguments: Any) -> None:
    """The file on standard output; what its text does not say beside it."""
    made: ExportedFile = ask(config, f"export.{name}", **arguments)
    # As it is: the lines of a script for Windows end as Windows wants them.
    sys.stdout.buffer.write(made.text.encode())
    sys.stdout.buffer.flush()
    for line in made.notes:
        note(line)
