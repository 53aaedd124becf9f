"""`schoolgate --version`."""

from __future__ import annotations

from schoolgate._core import __version__


def version() -> None:
    print(f"schoolgate {__version__}")
