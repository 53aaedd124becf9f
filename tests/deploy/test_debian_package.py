"""The Debian package: what is in it, and what installing, upgrading, removing and purging do in a root of its own.

Made of the development build: a real one differs in where schoolgate was taken from, a wheel.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from tests.deploy.conftest import REPOSITORY
from tests.deploy.debian_root import DebianRoot
from tests.deploy.development_site import small_site, whole_site
from tests.waiting import until

sys.path.insert(0, str(REPOSITORY / "deploy" / "deb"))
import debian_package

CONFFILE = "/etc/schoolgate/schoolgate.toml"
STATE = "/var/lib/schoolgate"
RESTARTED = (
    "try-restart schoolgate.service schoolgate-control.service schoolgate-console.service schoolgate-monitor.service"
    " schoolgate-identity.service schoolgate-lists.timer schoolgate-backup.timer"
)
ANSWERS = """
school = "secondary-school"
time_zone = "Europe/London"
listen = ["127.0.0.1:5300"]
forwarders = ["192.0.2.1"]
[segments.pupils]
policy = "pupil"
networks = ["127.0.0.0/8"]
[feeds]
recommended = false
[backup]
kind = "none"
"""
# Past what dpkg writes of its own, and far below PADDING: a write over it kills.
KILLED_AT_OCTETS = 1_000_000
PADDING = 3_000_000

_interpreter = Path(f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not _interpreter.exists() or shutil.which("dpkg-deb") is None,
    reason=f"needs root, dpkg and {_interpreter}: apt-get install {_interpreter.name}-venv",
)


@pytest.fixture(scope="module", autouse=True)
def _build_time() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        # The bytecode beside the sources counts by their time, so that no time may be cut back.
        patch.setenv("SOURCE_DATE_EPOCH", str(int(time.time())))
        yield


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of this version with next to no program in it."""
    folder = tmp_path_factory.mktemp("small")
    site = small_site(folder / "site")
    (site / "padding").write_bytes(b"x" * PADDING)
    return debian_package.build(site, folder / "dist", compression="none")


@pytest.fixture(scope="module")
def older(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version before: another conffile, a file that is gone since, and little enough to be written whole."""
    folder = tmp_path_factory.mktemp("older")
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "-R", small, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("Version: 0.1.0", "Version: 0.0.9"))
    (tree / CONFFILE[1:]).write_text("# of the version before\n")
    (tree / debian_package.SITE / "padding").unlink()
    (tree / debian_package.SITE / "gone.py").write_text("")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, folder], check=True, capture_output=True)
    return folder / small.name.replace("0.1.0", "0.0.9")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[DebianRoot]:
    with _own_root(tmp_path / "debian") as one:
        yield one


@contextlib.contextmanager
def _own_root(folder: Path) -> Iterator[DebianRoot]:
    # Where the build, its interpreter and its packages are.
    hidden = {Path("/root"), Path("/tmp"), *(Path("/", *Path(one).parts[1:2]) for one in (REPOSITORY, sys.base_prefix))}
    with contextlib.ExitStack() as opened:
        try:
            one = opened.enter_context(DebianRoot(folder, sorted(hidden - {Path("/usr")})))
        except OSError as error:
            pytest.skip(f"needs overlay mounts and namespaces: {error}")
        yield one


def listing(package: Path) -> list[tuple[str, str, str]]:
    """Mode, owner and name of each entry."""
    text = subprocess.run(["dpkg-deb", "-c", package], check=True, capture_output=True, text=True).stdout
    return [(entry[0], entry[1], entry[5].removeprefix(".")) for entry in (line.split() for line in text.splitlines())]


def field(package: Path, name: str) -> str:
    return subprocess.run(["dpkg-deb", "-f", package, name], check=True, capture_output=True, text=True).stdout.strip()


def test_every_unit_account_and_directory_of_deploy_is_in_it(small: Path, deploy: Path) -> None:
    names = {name for _, _, name in listing(small)}
    assert {f"/usr/lib/systemd/system/{unit.name}" for unit in (deploy / "systemd").iterdir()} <= names
    assert {"/usr/lib/sysusers.d/schoolgate.conf", "/usr/lib/tmpfiles.d/schoolgate.conf", CONFFILE} <= names
    assert {"/usr/share/man/man1/schoolgate.1.gz", "/usr/share/doc/schoolgate/THIRD_PARTY.txt"} <= names
    assert {f"/{place}" for place in debian_package.COMPLETIONS.values()} <= names
    assert f"{STATE}/" not in names, "a removal would take the state away with it"


def test_everything_is_roots_and_no_one_else_may_write(small: Path) -> None:
    for mode, owner, name in listing(small):
        assert owner == "root/root", name
        assert mode[0] == "l" or (mode[5], mode[8]) == ("-", "-"), f"{mode} {name}"


def test_it_asks_for_the_interpreter_that_its_modules_are_for(small: Path) -> None:
    assert field(small, "Version") == distribution("schoolgate").version
    assert f"python{sys.version_info.major}.{sys.version_info.minor}" in field(small, "Depends").split(", ")


def test_the_same_input_gives_the_same_octets_whatever_rights_files_have_here(small: Path, tmp_path: Path) -> None:
    own_umask = os.umask(0o077)
    try:
        again = debian_package.build(small.parents[1] / "site", tmp_path / "dist", compression="none")
    finally:
        os.umask(own_umask)
    assert again.read_bytes() == small.read_bytes()


def test_no_package_is_made_of_half_a_program(tmp_path: Path) -> None:
    site = small_site(tmp_path / "site")
    (site / "schoolgate/shipped/lists/categories.toml").unlink()
    with pytest.raises(debian_package.CannotBuild, match=r"categories\.toml is missing"):
        debian_package.build(site, tmp_path / "dist")
    with pytest.raises(debian_package.CannotBuild, match="not installed there"):
        debian_package.build(tmp_path / "nothing", tmp_path / "dist")


def test_what_comes_before_a_release_sorts_before_it() -> None:
    versions = ["0.9.0", "1.0.0.dev1", "1.0.0rc1", "1.0.0", "1.0.1"]
    for one, next_one in itertools.pairwise(map(debian_package.debian_version, versions)):
        subprocess.run(["dpkg", "--compare-versions", one, "lt", next_one], check=True)


def test_an_upgrade_keeps_edited_settings_and_the_state_and_restarts_what_ran(
    root: DebianRoot, older: Path, small: Path
) -> None:
    first = root.install(older)
    assert first.returncode == 0, first.stdout
    assert "Next: sudo schoolgate setup" in first.stdout
    assert not [one for one in root.asked_of_systemd() if one.startswith(("start", "enable", "restart"))]
    root.write(CONFFILE, "# edited here\n")
    root.write(f"{STATE}/policy.db", "kept")
    assert root.path(f"/{debian_package.SITE}/gone.py").exists()
    root.path("/systemctl.log").unlink()

    second = root.install(small, "--force-confdef", "--force-confold")
    assert second.returncode == 0, second.stdout
    assert root.read(CONFFILE) == "# edited here\n"
    assert root.read(f"{STATE}/policy.db") == "kept"
    assert not root.path(f"/{debian_package.SITE}/gone.py").exists()
    assert root.asked_of_systemd() == ["daemon-reload", RESTARTED], "nothing is stopped before the new version is there"
    assert "Next:" not in second.stdout
    assert root.run("schoolgate").stdout == "small\n"

    back = root.install(older, "--force-confdef", "--force-confold")
    assert back.returncode == 0, back.stdout
    assert root.read(CONFFILE) == "# edited here\n"


def test_settings_that_were_never_edited_are_those_of_the_new_version(
    root: DebianRoot, older: Path, small: Path, deploy: Path
) -> None:
    root.install(older)
    assert root.read(CONFFILE) == "# of the version before\n"
    assert root.install(small).returncode == 0
    assert root.read(CONFFILE) == (deploy / "deb/schoolgate.toml").read_text()
    assert root.run("stat", "-c", "%a %U:%G", CONFFILE).stdout == "640 root:schoolgate\n"


def test_an_upgrade_that_is_killed_is_finished_by_doing_it_again(root: DebianRoot, older: Path, small: Path) -> None:
    root.install(older)
    root.write(CONFFILE, "# edited here\n")
    root.write(f"{STATE}/policy.db", "kept")
    root.path(f"/packages/{small.name}").write_bytes(small.read_bytes())
    bounded = ["prlimit", f"--fsize={KILLED_AT_OCTETS}", "dpkg", "--no-triggers", "--force-unsafe-io", "--unpack"]
    killed = root.run(*bounded, f"/packages/{small.name}")
    assert killed.returncode != 0, killed.stdout
    half = root.run("dpkg-query", "-W", "-f", "${Status}", "schoolgate").stdout
    assert half == "install reinstreq half-installed", "it was killed while its files were written"

    again = root.install(small, "--force-confdef", "--force-confold")
    assert again.returncode == 0, again.stdout
    assert root.read(CONFFILE) == "# edited here\n"
    assert root.read(f"{STATE}/policy.db") == "kept"
    assert (
        root.run("dpkg-query", "-W", "-f", "${Status} ${Version}", "schoolgate").stdout == "install ok installed 0.1.0"
    )
    assert root.dpkg("--verify", "schoolgate").stdout.splitlines() in ([], [f"??5?????? c {CONFFILE}"])
    assert root.asked_of_systemd()[-1] == RESTARTED


def test_a_package_that_was_cut_short_changes_nothing(
    root: DebianRoot, older: Path, small: Path, tmp_path: Path
) -> None:
    root.install(older)
    half = tmp_path / small.name
    half.write_bytes(small.read_bytes()[: small.stat().st_size // 2])
    assert root.install(half).returncode != 0
    assert (
        root.run("dpkg-query", "-W", "-f", "${Status} ${Version}", "schoolgate").stdout == "install ok installed 0.0.9"
    )
    assert root.run("schoolgate").stdout == "small\n"


@pytest.mark.parametrize("is_state_to_go", [False, True])
def test_a_removal_keeps_all_that_is_the_schools_and_a_purge_the_state_unless_told(
    root: DebianRoot, small: Path, is_state_to_go: bool
) -> None:
    root.install(small)
    root.write(f"{STATE}/control.db", "evidence")
    root.write("/etc/schoolgate/mail-password", "secret")
    wants = root.path("/etc/systemd/system/multi-user.target.wants")
    wants.mkdir(parents=True, exist_ok=True)
    (wants / "schoolgate.service").symlink_to("/usr/lib/systemd/system/schoolgate.service")
    removed = root.dpkg("--remove", "schoolgate")
    assert removed.returncode == 0, removed.stdout
    stopped = next(one for one in root.asked_of_systemd() if one.startswith("stop "))
    assert "schoolgate.service" in stopped
    assert not root.path("/usr/lib/schoolgate").exists()
    assert root.path(CONFFILE).exists()
    assert root.path("/etc/schoolgate/mail-password").exists()
    assert root.read(f"{STATE}/control.db") == "evidence"
    assert (wants / "schoolgate.service").is_symlink(), "installed again, it starts with the machine as before"

    if is_state_to_go:
        root.run("debconf-set-selections", said="schoolgate schoolgate/purge-state boolean true\n")
    purged = root.dpkg("--purge", "schoolgate")
    assert purged.returncode == 0, purged.stdout
    assert not root.path("/etc/schoolgate").exists()
    assert not (wants / "schoolgate.service").is_symlink()
    assert root.path(f"{STATE}/control.db").exists() is not is_state_to_go
    assert ("rm -r /var/lib/schoolgate" in purged.stdout) is not is_state_to_go
    assert root.run("id", "-un", "schoolgate").stdout == "schoolgate\n", "its number must not become another's"


def test_a_unit_that_was_copied_by_hand_is_named(root: DebianRoot, small: Path) -> None:
    root.write("/etc/systemd/system/schoolgate.service", "[Service]\n")
    assert "/etc/systemd/system/schoolgate.service was put there by hand" in root.install(small).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRoot]:
    """The whole program, installed."""
    folder = tmp_path_factory.mktemp("whole")
    # The largest of all; evidence packs alone need it.
    package = debian_package.build(whole_site(folder / "site", without={"typst"}), folder / "dist", compression="none")
    with _own_root(folder / "debian") as one:
        done = one.install(package)
        assert done.returncode == 0, done.stdout
        package.unlink()
        one.path(f"/packages/{package.name}").unlink()
        yield one


def test_the_installed_program_says_its_version_and_checks_its_settings(installed: DebianRoot) -> None:
    assert (
        installed.run("schoolgate", "--version", user="schoolgate").stdout
        == f"schoolgate {distribution('schoolgate').version}\n"
    )
    checked = installed.run("schoolgate", "check", user="schoolgate")
    assert checked.returncode == 0, checked.stdout


def test_the_shell_completes_its_commands(installed: DebianRoot) -> None:
    asked = (
        ". /usr/share/bash-completion/completions/schoolgate; COMP_WORDS=(schoolgate pol); COMP_CWORD=1;"
        " _schoolgate_completion schoolgate; echo ${COMPREPLY[*]}"
    )
    assert installed.run("bash", "-c", asked).stdout == "policy\n"


def test_set_up_by_root_it_answers_as_its_own_user(
    installed: DebianRoot, started: Callable[..., subprocess.Popen[bytes]]
) -> None:
    done = installed.run("schoolgate", "setup", "--answers", "-", "--yes", "--no-update", said=ANSWERS)
    assert done.returncode == 0, done.stdout
    assert "systemctl enable --now schoolgate.service" in done.stdout
    assert "127.0.0.1:5300" in installed.read(CONFFILE)
    roots = installed.run("find", STATE, "(", "-user", "root", "-o", "-perm", "/o=rwx", ")").stdout
    assert roots == "", "the service could not open these, or others could"

    # As the unit does.
    installed.run("install", "-d", "-o", "schoolgate", "-g", "schoolgate", "-m", "0750", "/run/schoolgate")
    serve = started("serve")
    control = started("control")
    until(lambda: installed.path(f"{STATE}/operations.sock").exists(), process=control)
    until(lambda: installed.path("/run/schoolgate/control.sock").exists(), process=serve)
    until(lambda: installed.run("schoolgate", "status", user="schoolgate").returncode == 0, process=serve)
    asked = installed.run("schoolgate", "query", "gambling.blocked.example.com", "--server", "127.0.0.1:5300")
    assert "gambling" in asked.stdout
    assert "NXDOMAIN" in asked.stdout, asked.stdout
    log = installed.run("schoolgate", "audit", "log", user="schoolgate")
    assert "setup.apply" in log.stdout, log.stdout


@pytest.fixture
def started(installed: DebianRoot) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a process of schoolgate with the command line of its unit; it is ended after the test."""
    processes = []

    def start(command: str) -> subprocess.Popen[bytes]:
        line = ["/usr/bin/schoolgate", command, "--config", CONFFILE]
        processes.append(subprocess.Popen(installed.command(*line, user="schoolgate")))
        return processes[-1]

    yield start
    for one in processes:
        one.terminate()
        one.wait()
