"""structlog without rich.

structlog loads rich wherever that is installed, for tracebacks in colour, and typer brings it for `--help`. A server
that shows neither would carry 5 MiB of it.
"""

from __future__ import annotations

import sys

_is_to_be_hidden = "rich" not in sys.modules
if _is_to_be_hidden:
    # What Python takes for "not installed".
    sys.modules["rich"] = None  # type: ignore[assignment]
try:
    import structlog
finally:
    if _is_to_be_hidden:
        del sys.modules["rich"]

__all__ = ["structlog"]
