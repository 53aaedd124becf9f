"""Builds the style sheets, scripts and icons of the console: `python deploy/wheel/console_assets.py`.

npm fetches what package-lock.json names, by its digests, into target/; from there the few files that browsers get are
copied into the package with hashed names and a manifest. Nothing of it is committed. No script of a package is run.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "python" / "schoolgate" / "console" / "assets"
BUILT = ASSETS / "built"
WORK = ROOT / "target" / "console-assets"
MODULES = WORK / "node_modules"
OLDEST_NODE = 18

# What browsers get -> the files that it is made of.
COPIED = {
    "tabler.css": MODULES / "@tabler/core/dist/css/tabler.min.css",
    "htmx.js": MODULES / "htmx.org/dist/htmx.min.js",
    "hx-sse.js": MODULES / "htmx.org/dist/ext/hx-sse.min.js",
    "uplot.js": MODULES / "uplot/dist/uPlot.iife.min.js",
    "uplot.css": MODULES / "uplot/dist/uPlot.min.css",
    "console.js": ASSETS / "console.js",
    "live.js": ASSETS / "live.js",
    "passkey.js": ASSETS / "passkey.js",
    "favicon.svg": ASSETS / "favicon.svg",
}
SHIPPED = ("@tabler/core", "@tabler/icons", "htmx.org", "uplot")
_MAP_LINE = re.compile(r"^(//|/\*)# sourceMappingURL=.*$", re.MULTILINE)


def main() -> None:
    """Fetches and builds."""
    _need_node()
    _fetch()
    contents = {name: _without_map(path.read_text(encoding="utf-8")) for name, path in COPIED.items()}
    contents["console.css"] = "\n".join(
        (ASSETS / name).read_text(encoding="utf-8") for name in ("tokens.css", "console.css")
    )
    contents["icons.svg"] = _sprite()
    _write(contents)


def build_if_missing() -> None:
    """For a wheel: what was built before is kept."""
    if not (BUILT / "manifest.json").exists():
        main()


def _need_node() -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        sys.exit(f"the console's assets need Node {OLDEST_NODE} or newer with npm: apt-get install nodejs npm")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(said.lstrip("v").partition(".")[0]) < OLDEST_NODE:
        sys.exit(f"the console's assets need Node {OLDEST_NODE} or newer; this is {said}")


def _fetch() -> None:
    """`npm ci`: exactly what the lock names, or an error."""
    WORK.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(ASSETS / name, WORK / name)
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved", "--loglevel=error"]
    if subprocess.run(["npm", "ci", *flags], cwd=WORK, check=False).returncode != 0:
        sys.exit("npm could not fetch the console's packages; check the network, or npm's registry setting")


def _without_map(text: str) -> str:
    return _MAP_LINE.sub("", text).rstrip() + "\n"


def _sprite() -> str:
    """One SVG with a symbol for each icon of icons.txt."""
    lines = (ASSETS / "icons.txt").read_text(encoding="utf-8").splitlines()
    names = [one for one in lines if one and not one.startswith("#")]
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "".join(map(_symbol, names)) + "</svg>\n"


def _symbol(name: str) -> str:
    text = (MODULES / "@tabler/icons/icons/outline" / f"{name}.svg").read_text(encoding="utf-8")
    inner = text.partition(">")[2].rpartition("</svg>")[0]
    shapes = [line.strip() for line in inner.splitlines() if line.strip() and "M0 0h24v24H0z" not in line]
    return f'<symbol id="{name}" viewBox="0 0 24 24">{"".join(shapes)}</symbol>\n'


def _write(contents: dict[str, str]) -> None:
    shutil.rmtree(BUILT, ignore_errors=True)
    BUILT.mkdir(parents=True)
    manifest = {}
    for name, text in sorted(contents.items()):
        stem, _, ending = name.rpartition(".")
        manifest[name] = f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.{ending}"
        (BUILT / manifest[name]).write_text(text, encoding="utf-8")
    (BUILT / "THIRD_PARTY.txt").write_text(_licences(), encoding="utf-8")
    # Last: with it the folder is whole.
    (BUILT / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _licences() -> str:
    parts = ["What the console's pages contain that others wrote, and under which licence.\n"]
    for name in SHIPPED:
        about = json.loads((MODULES / name / "package.json").read_text(encoding="utf-8"))
        parts.append(f"\n==== {name} {about['version']} ({about['license']}) ====\n\n{_licence(name)}")
    return "".join(parts)


def _licence(name: str) -> str:
    found = sorted((MODULES / name).glob("LICENSE*"))
    if found:
        return found[0].read_text(encoding="utf-8").strip() + "\n"
    if name == "@tabler/core":
        # It has no file of its own; its style sheet names the holders, and its icons the same licence in full.
        banner = COPIED["tabler.css"].read_text(encoding="utf-8").partition("/*!")[2].partition("*/")[0]
        return banner.strip() + "\n\n" + _licence("@tabler/icons")
    sys.exit(f"{name}: no licence file; it cannot be shipped")


if __name__ == "__main__":
    main()
