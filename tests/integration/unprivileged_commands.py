"""Gives every command of the program in this one process, and prints as JSON what became of each.

`python -m tests.integration.unprivileged_commands CONFIG|-`, run as a user without rights; `-`: no --config.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import traceback
from typing import Any

from tests.unit.cli.every_command import every_command

from schoolgate.__main__ import main


def outcome(line: list[str]) -> dict[str, Any]:
    """Exit code and standard error of one command; a defect is a trace, as the interpreter would print it."""
    sys.argv = ["schoolgate", *line]
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    code: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code
        except BaseException:
            code = "defect"
            traceback.print_exc()
    return {"code": code or 0, "err": err.getvalue()}


# They need nothing of the service's, so they serve until they are ended.
SERVES = {"console"}


def told(config: str) -> dict[str, dict[str, Any]]:
    found = {}
    for command in (one for one in every_command() if str(one) not in SERVES):
        takes_config = any("--config" in one.opts for one in command.params)
        given = ["--config", config] if takes_config and config != "-" else []
        found[str(command)] = outcome([*command.least, *given])
    return found


if __name__ == "__main__":
    print(json.dumps(told(sys.argv[1])))
