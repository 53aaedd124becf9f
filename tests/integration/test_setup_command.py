"""`schoolgate setup` as a person at a terminal uses it, and the service that it leaves."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest
from tests.waiting import PATIENT_S, until

from schoolgate.config import load
from schoolgate.lists.build import build
from schoolgate.setup.answers import parse_answers

PUPIL, STAFF, STRANGER = "127.0.0.1", "127.0.0.2", "127.0.0.9"
# A test name of the starter lists: denied to pupils, not to staff.
GAMBLING = "gambling.blocked.example.com"
BUILT_WITHIN_S = 120.0


class Machine:
    """A user's state directory with a settings file that says a little already."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.state.mkdir(mode=0o750)
        self.config = self.state / "schoolgate.toml"
        self.before = f'# ours\n[server]\nstate_dir = "{self.state}"\n[console]\nport = 0 # any\n'
        self.config.write_text(self.before, encoding="utf-8")
        # To compile the lists takes longer than all the rest.
        build(load(self.config))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as chosen:
            chosen.bind((PUPIL, 0))
            self.port = int(chosen.getsockname()[1])

    @property
    def environ(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SCHOOLGATE")}
        return kept | {"SCHOOLGATE_STATE_DIR": str(self.state), "COLUMNS": "200", "NO_COLOR": "1"}

    def command(self, *arguments: str) -> list[str]:
        # The file beside the state is found without being named.
        return [sys.executable, "-m", "schoolgate", *arguments]

    def setup(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command("setup", "--no-update", *arguments),
            input=typed, capture_output=True, text=True, check=False, timeout=BUILT_WITHIN_S, env=self.environ,
        )  # fmt: skip

    def ask(self, client: str) -> dns.rcode.Rcode | None:
        try:
            question = dns.message.make_query(GAMBLING, "A")
            return dns.query.udp(question, PUPIL, timeout=PATIENT_S, port=self.port, source=client).rcode()
        except (OSError, dns.exception.Timeout):
            return None


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("setup"))


@pytest.fixture
def running(machine: Machine) -> Iterator[None]:
    with (machine.state / "log.txt").open("wb") as log:
        process = subprocess.Popen(machine.command("run"), stdout=log, stderr=log, env=machine.environ)
        yield
        process.send_signal(signal.SIGINT)
        process.wait(PATIENT_S)


def _interrupted(process: subprocess.Popen[bytes]) -> int:
    """Its exit code. An interrupt that falls between the question and the reading of its answer is seen at the next
    one, as by a person who presses the keys again."""
    for _ in range(int(PATIENT_S)):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(1.0)
    raise AssertionError("it does not end")


def test_what_is_broken_off_changes_nothing_and_goes_on(machine: Machine) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        machine.command("setup"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=machine.environ,
        start_new_session=True,
        # A shell that runs the tests in the background has them ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    os.close(theirs)
    said = b""
    while b"Kind of school" not in said:
        said += os.read(ours, 4096)
    os.write(ours, b"2\n")
    while b"Time zone" not in said:
        said += os.read(ours, 4096)
    os.write(ours, b"Europe/Paris\n")
    while b"Answer DNS on" not in said:
        said += os.read(ours, 4096)
    assert _interrupted(process) == 130
    os.close(ours)
    assert machine.config.read_text(encoding="utf-8") == machine.before
    assert not (machine.state / "policy.db").exists()
    again = machine.setup(typed="\n")
    assert again.returncode == 130
    assert "going on with the answers" in again.stderr and "[2]" in again.stdout and "Europe/Paris" in again.stdout
    assert "Nothing was changed" in again.stderr


def test_a_person_answers_and_the_service_decides_so(machine: Machine, request: pytest.FixtureRequest) -> None:
    listen = f"{PUPIL}:{machine.port}"
    typed = [
        "2", "Europe/London", listen,
        "127.0.0.1", "127.0.0.2", "-", "", "-",  # pupils, staff, guests, another segment, other networks
        "n",  # lists
        "127.0.0.1:1", "n",  # a forwarder that does not answer, and go on with it
        "", "", "", "y",  # mail, backups, accounts
    ]  # fmt: skip
    done = machine.setup(typed="\n".join([*typed, ""]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Connection refused" in done.stdout and "setup-token" in done.stdout
    text = machine.config.read_text(encoding="utf-8")
    assert "# ours" in text and "port = 0 # any" in text and listen in text
    (copy,) = (machine.state / "setup" / "before").iterdir()
    assert copy.read_text(encoding="utf-8") == machine.before
    request.getfixturevalue("running")
    until(lambda: machine.ask(PUPIL) == dns.rcode.NXDOMAIN, within_s=BUILT_WITHIN_S)
    assert machine.ask(STAFF) not in (None, dns.rcode.NXDOMAIN)
    # Other addresses of this machine may ask, and get the strictest policy.
    assert machine.ask(STRANGER) == dns.rcode.NXDOMAIN
    assert "Most harmful sites are open" in (machine.state / "log.txt").read_text(encoding="utf-8")
    # While it runs, the control process does the next setup: the policy is in force at once.
    moved = f'listen = ["{listen}"]\n[segments.staff]\npolicy = "staff"\nnetworks = ["127.0.0.1/32"]\n'
    file = machine.state / "answers.toml"
    file.write_text(moved, encoding="utf-8")
    assert machine.setup("--answers", str(file), "--check").returncode == 3
    assert machine.ask(PUPIL) == dns.rcode.NXDOMAIN, "--check changes nothing"
    changed = machine.setup("--answers", str(file), "--yes", "--save", str(machine.state / "saved.toml"))
    assert changed.returncode == 0 and "in force" in changed.stdout, changed.stdout + changed.stderr
    assert machine.ask(PUPIL) not in (None, dns.rcode.NXDOMAIN)
    saved = parse_answers((machine.state / "saved.toml").read_text(encoding="utf-8"), "saved")
    assert saved["segments"] == {"staff": {"policy": "staff", "networks": ["127.0.0.1/32"], "asked": []}}


def test_a_mistake_in_an_answer_file_is_named_and_changes_nothing(machine: Machine) -> None:
    before = machine.config.read_text(encoding="utf-8")
    refused = machine.setup(
        "--yes", "--answers", "-", typed='[segments.staff]\npolicy = "staf"\nnetworks = ["10.0.0.1/8"]'
    )
    assert refused.returncode == 1
    assert "segments.staff.networks[0]" in refused.stderr and "Traceback" not in refused.stderr
    assert machine.config.read_text(encoding="utf-8") == before
