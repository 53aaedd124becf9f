"""Style sheets, scripts and icons as the build made them: hashed names, read once, served from memory.

A name that is not in the manifest does not exist, so no path leads out of the folder.
"""

from __future__ import annotations

import gzip
import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from schoolgate.console.errors import ConsoleUnusable

FOLDER: Final = Path(__file__).parent / "assets" / "built"
PREFIX: Final = "/assets/"
# The name changes with the content.
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """One file, compressed."""

    content_type: str
    packed: bytes


class BuiltAssets:
    """The files of a manifest: plain name -> hashed name."""

    def __init__(self, names: Mapping[str, str], files: Mapping[str, Asset]) -> None:
        self._names = names
        self._files = files

    @classmethod
    def load(cls, folder: Path = FOLDER) -> BuiltAssets:
        """Reads what the build made. Raises `ConsoleUnusable`."""
        try:
            names: dict[str, str] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            files = {hashed: _asset(folder / hashed) for hashed in names.values()}
        except (OSError, ValueError) as error:
            raise ConsoleUnusable(
                f"{folder}: the console's style sheets and scripts are not there ({error}); run `make build`, or"
                " install the package anew"
            ) from error
        return cls(names, files)

    def address(self, name: str) -> str:
        """The path of an asset for a page. Raises `KeyError`: a template names what is not built."""
        return PREFIX + self._names[name]

    def answer(self, request: web.Request) -> web.Response:
        """The file, or 404. Raises `HTTPNotFound`."""
        found = self._files.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
        body = found.packed
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
        else:
            body = gzip.decompress(body)
        return web.Response(body=body, content_type=found.content_type, headers=headers)


def _asset(path: Path) -> Asset:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(kind, gzip.compress(path.read_bytes(), 9, mtime=0))
