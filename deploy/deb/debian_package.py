"""Builds the Debian package: `python deploy/deb/debian_package.py --site-packages FOLDER --out target/dist`.

FOLDER holds schoolgate and what it needs, as `pip install --target` leaves it (`make deb`). Around it come a virtual
environment that uses Debian's own interpreter of the same version, the units, accounts and directories of deploy/, the
man page, completions, samples, and what a licence asks for. The same input gives the same octets: no time of today, no
path of the machine that builds. Nothing is fetched here.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from email.utils import formatdate
from importlib.metadata import Distribution, distributions
from pathlib import Path

from typer._completion_shared import get_completion_script

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "parts"))
from bill_of_materials import bill
from third_party import third_party_text

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DEPLOY, DOCS = ROOT / "deploy", ROOT / "docs"
# Extension modules of the dependencies are for one minor version, so the package is too.
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
# Not /opt/schoolgate: there an installation by hand is, and neither may mix with the other.
PROGRAM = "usr/lib/schoolgate"
SITE = f"{PROGRAM}/lib/{PYTHON}/site-packages"
CONFFILE = "etc/schoolgate/schoolgate.toml"
MAINTAINER = "The schoolgate maintainers <schoolgate@example.org>"
# 2000-01-01; tools take an earlier one for a mistake.
OLDEST_TIME = 946_684_800
SCRIPTS = ("postinst", "prerm", "postrm")
COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/schoolgate",
    "zsh": "usr/share/zsh/vendor-completions/_schoolgate",
    "fish": "usr/share/fish/vendor_completions.d/schoolgate.fish",
}
EXAMPLES = ("samples", "dhcp", "firewall", "monitoring", "tls")
_GLIBC = re.compile(rb"GLIBC_2\.([0-9]+)\0")
_LAUNCHER = f"""#!/{PROGRAM}/bin/python3
import sys

from schoolgate.__main__ import main

sys.exit(main())
"""


class CannotBuild(Exception):
    """What the input lacks."""


def build(site_packages: Path, out: Path, *, compression: str = "xz", python: Path | None = None) -> Path:
    """The package's path. `compression`: as `dpkg-deb -Z` has it. `python`: compiles what is not compiled yet; None
    leaves that. Raises `CannotBuild`."""
    about = _about_schoolgate(site_packages)
    _complete(site_packages)
    version = debian_version(about.version)
    out.mkdir(parents=True, exist_ok=True)
    own_umask = os.umask(0o022)
    try:
        with tempfile.TemporaryDirectory(dir=out, prefix="deb-") as folder:
            stage, half = Path(folder) / "root", Path(folder) / "half.deb"
            _program(stage, site_packages, python)
            _service_files(stage)
            _documents(stage, site_packages, about.version)
            _control(stage, version)
            _pack(stage, half, compression)
            return half.replace(out / f"schoolgate_{version}_{_architecture()}.deb")
    finally:
        os.umask(own_umask)


def _pack(stage: Path, package: Path, compression: str) -> None:
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", stage, package],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(_time())},
    )


def debian_version(version: str) -> str:
    """A version of PEP 440 as Debian sorts it: what comes before a release, before it."""
    return re.sub(r"\.?(a|b|rc|dev)([0-9]+)", r"~\1\2", version)


def _about_schoolgate(site_packages: Path) -> Distribution:
    found = [one for one in distributions(path=[str(site_packages)]) if one.name == "schoolgate"]
    if len(found) != 1:
        raise CannotBuild(f"{site_packages}: schoolgate is not installed there; `make deb` does that")
    return found[0]


def _complete(site_packages: Path) -> None:
    for needed in ("_core.abi3.so", "shipped/lists/categories.toml", "console/assets/built/manifest.json"):
        if not (site_packages / "schoolgate" / needed).is_file():
            raise CannotBuild(
                f"{site_packages}/schoolgate: {needed} is missing; install a wheel, or `make build` first"
            )


def _program(stage: Path, site_packages: Path, python: Path | None) -> None:
    """The virtual environment, written by hand: `venv` would write paths of this machine."""
    site = stage / SITE
    # No hard links: tar takes one that is made elsewhere meanwhile for a change of the file.
    shutil.copytree(site_packages, site, ignore=_left)
    scripts = stage / PROGRAM / "bin"
    _write(
        stage / PROGRAM / "pyvenv.cfg",
        f"home = /usr/bin\ninclude-system-site-packages = false\nexecutable = /usr/bin/{PYTHON}\n",
    )
    _write(scripts / "schoolgate", _LAUNCHER, 0o755)
    (scripts / "python3").symlink_to(f"../../../bin/{PYTHON}")
    _symlink(stage, "usr/bin/schoolgate", f"../lib/{Path(PROGRAM).name}/bin/schoolgate")
    _symlink(stage, "usr/share/schoolgate/lists", f"../../{SITE.removeprefix('usr/')}/schoolgate/shipped/lists")
    if python is not None:
        # By content, not by time: the service's user may not write here, and times are those of the build.
        _run(
            python,
            "-m",
            "compileall",
            "-q",
            "-f",
            "--invalidation-mode",
            "unchecked-hash",
            "-s",
            stage,
            "-p",
            "/",
            site,
        )


def _left(folder: str, names: list[str]) -> set[str]:
    """What is not for a package: scripts with the builder's interpreter, headers, and what names the builder's folders
    (maturin's bill of materials is one; its content is in ours)."""
    if Path(folder).name.startswith("schoolgate-"):
        return {"direct_url.json", "sboms"} & set(names)
    is_top = any(name.startswith("schoolgate-") for name in names)
    return {"bin", "include", "share"} & set(names) if is_top else set()


def _service_files(stage: Path) -> None:
    for unit in sorted((DEPLOY / "systemd").iterdir()):
        _copy(unit, stage / "usr/lib/systemd/system" / unit.name)
    for kind in ("sysusers.d", "tmpfiles.d"):
        _copy(DEPLOY / kind / "schoolgate.conf", stage / "usr/lib" / kind / "schoolgate.conf")
    _copy(HERE / "schoolgate.toml", stage / CONFFILE)
    for shell, place in COMPLETIONS.items():
        text = get_completion_script(prog_name="schoolgate", complete_var="_SCHOOLGATE_COMPLETE", shell=shell)
        _write(stage / place, text + "\n")


def _documents(stage: Path, site_packages: Path, version: str) -> None:
    installed = list(distributions(path=[str(site_packages)]))
    documents = stage / "usr/share/doc/schoolgate"
    _packed((DOCS / "schoolgate.1").read_bytes(), stage / "usr/share/man/man1/schoolgate.1.gz")
    _packed((ROOT / "CHANGELOG.md").read_bytes(), documents / "CHANGELOG.md.gz")
    _packed(_debian_changelog(debian_version(version)).encode(), documents / "changelog.gz")
    _copy(HERE / "copyright", documents / "copyright")
    _write(documents / "THIRD_PARTY.txt", third_party_text(installed, site_packages, site_packages / "schoolgate"))
    _write(documents / "schoolgate.cdx.json", bill(installed, site_packages, version))
    for page in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
        _copy(page, documents / page.relative_to(DOCS if page.is_relative_to(DOCS) else ROOT))
    _copy(DEPLOY / "README.md", documents / "install.md")
    for name in EXAMPLES:
        for file in sorted((DEPLOY / name).rglob("*")):
            if file.is_file():
                _copy(file, documents / "examples" / file.relative_to(DEPLOY), file.stat().st_mode & 0o755)


def _control(stage: Path, version: str) -> None:
    sums = "".join(
        f"{_digest(path)}  {path.relative_to(stage)}\n" for path in _files(stage) if path != stage / CONFFILE
    )
    octets = sum(path.stat().st_size for path in _files(stage))
    needs = [PYTHON, f"libc6 (>= {_oldest_libc(stage)})", "libgcc-s1", "libstdc++6", "systemd", "ca-certificates"]
    folder = stage / "DEBIAN"
    _write(folder / "md5sums", sums)
    _write(folder / "conffiles", f"/{CONFFILE}\n")
    _copy(HERE / "templates", folder / "templates")
    for name in SCRIPTS:
        _copy(HERE / name, folder / name, 0o755)
    fields = {
        "Package": "schoolgate",
        "Version": version,
        "Architecture": _architecture(),
        "Maintainer": _maintainer(),
        "Section": "net",
        "Priority": "optional",
        "Installed-Size": str(octets // 1024),
        "Depends": ", ".join([*needs, "debconf (>= 0.5) | debconf-2.0"]),
        "Description": "DNS filter and monitor for schools\n"
        " A DNS resolver that applies a school's policy to every query, by network\n"
        " segment, says why a name is open or closed, and alerts those who must know.\n"
        " Nothing is started until it is asked for: sudo schoolgate setup",
    }
    _write(folder / "control", "".join(f"{name}: {value}\n" for name, value in fields.items()))


def _debian_changelog(version: str) -> str:
    """In Debian's format; what changed is said once, beside it."""
    return (
        f"schoolgate ({version}) stable; urgency=medium\n\n  * See CHANGELOG.md.gz beside this file.\n\n"
        f" -- {_maintainer()}  {formatdate(_time())}\n"
    )


def _maintainer() -> str:
    return os.environ.get("DEB_MAINTAINER", MAINTAINER)


def _time() -> int:
    """Of the release, in seconds: no file in the package is younger."""
    return int(os.environ.get("SOURCE_DATE_EPOCH", OLDEST_TIME))


def _files(stage: Path) -> Iterator[Path]:
    for path in sorted(stage.rglob("*")):
        if path.is_file() and not path.is_symlink() and "DEBIAN" not in path.relative_to(stage).parts[:1]:
            yield path


def _oldest_libc(stage: Path) -> str:
    """The C library that the extension modules ask for."""
    minors = [int(one) for path in _files(stage) if ".so" in path.suffixes for one in _GLIBC.findall(path.read_bytes())]
    return f"2.{max(minors, default=31)}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _architecture() -> str:
    return _run("dpkg", "--print-architecture").strip()


def _run(*command: object) -> str:
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout


def _copy(source: Path, target: Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def _write(target: Path, text: str, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    target.chmod(mode)


def _packed(octets: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(octets, mtime=0))
    target.chmod(0o644)


def _symlink(stage: Path, name: str, leads_to: str) -> None:
    (stage / name).parent.mkdir(parents=True, exist_ok=True)
    (stage / name).symlink_to(leads_to)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site-packages", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--compression", default="xz")
    given = parser.parse_args()
    try:
        print(build(given.site_packages, given.out, compression=given.compression, python=Path(sys.executable)))
    except CannotBuild as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
