"""The bill of materials as CycloneDX 1.5: `python deploy/parts/bill_of_materials.py FILE`, `make sbom`.

Of what is installed: schoolgate, what it needs in Python, the crates in its core, what browsers get. The same input
gives the same octets: no time, and a serial number made of the content.
"""

from __future__ import annotations

import json
import sys
import sysconfig
import uuid
from collections.abc import Iterable
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from urllib.parse import quote

from third_party import NAME, Part, every_part, needed_distributions


def bill(installed: Iterable[Distribution], site_packages: Path, version: str) -> str:
    """Its text. `version`: schoolgate's."""
    parts = every_part(installed, site_packages)
    this = f"pkg:pypi/{NAME}@{version}"
    content: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": this, "name": NAME, "version": version, "purl": this}
        },
        "components": [_component(part) for part in parts],
        "dependencies": [{"ref": this, "dependsOn": [_purl(part) for part in parts]}],
    }
    digest = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))
    return json.dumps({**content, "serialNumber": f"urn:uuid:{digest}"}, indent=1) + "\n"


def _component(part: Part) -> dict[str, Any]:
    said = {"licenses": [{"license": {"name": part.licence}}]} if part.licence else {}
    purl = _purl(part)
    return {"type": "library", "bom-ref": purl, "name": part.name, "version": part.version, "purl": purl, **said}


def _purl(part: Part) -> str:
    """As the package URL specification writes it: the @ of an npm scope is escaped."""
    return f"pkg:{part.kind}/{quote(part.name, safe='/')}@{quote(part.version)}"


def main() -> None:
    """Writes the file."""
    installed = needed_distributions()
    version = next(one.version for one in installed if one.name == NAME)
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(bill(installed, Path(sysconfig.get_path("purelib")), version), encoding="utf-8")
    print(target)


if __name__ == "__main__":
    main()
