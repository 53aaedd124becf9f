"""The PEP 517 build backend: maturin, with our own lists and the console's assets put into the wheel.

`lists/` stands at the top of the tree, because people read and correct it; a wheel can only carry what is inside the
package. So the lists are copied to `python/schoolgate/shipped/lists` while a wheel is built, and taken away again.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import console_assets
import maturin
from maturin import (  # noqa: F401  (hooks that need no lists)
    build_editable,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

_ROOT = Path(__file__).parents[2]
_SHIPPED = _ROOT / "python" / "schoolgate" / "shipped"


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """PEP 517 `build_sdist`: with the console's assets, so that who installs from it needs no Node."""
    console_assets.build_if_missing()
    return maturin.build_sdist(sdist_directory, config_settings)


@contextlib.contextmanager
def _lists_in_package() -> Iterator[None]:
    shutil.copytree(_ROOT / "lists", _SHIPPED / "lists", dirs_exist_ok=True)
    try:
        yield
    finally:
        shutil.rmtree(_SHIPPED)


def build_wheel(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """PEP 517 `build_wheel`."""
    console_assets.build_if_missing()
    with _lists_in_package():
        return maturin.build_wheel(wheel_directory, config_settings, metadata_directory)
