"""`schoolgate identity` as a process, and the whole way from a lease file to a past row of the log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import READY_WITHIN_S
from tests.program.forked import Forked
from tests.waiting import PATIENT_S, until

from schoolgate.identity.attribution import Attribution
from schoolgate.identity.bindings_file import path_of, read_bindings, read_status

MAC = "00:00:5e:00:53:01"


def lease(mac: str = MAC, address: str = "192.0.2.17", name: str = "ipad-12") -> str:
    return f"{int(time.time()) + 3600} {mac} {address} {name} *\n"


class Naming:
    """One `schoolgate identity` that reads a lease file of dnsmasq."""

    def __init__(self, folder: Path) -> None:
        self.state, self.leases = folder / "state", folder / "leases"
        self.config, self.log = folder / "schoolgate.toml", folder / "identity.log"
        source = f'[[identity.sources]]\nkind = "dnsmasq"\npath = "{self.leases}"\n'
        self.config.write_text(f'[server]\nstate_dir = "{self.state}"\n[identity]\nread_every_s = 1\n{source}')
        self.process: Forked | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = Forked(["identity", "--config", str(self.config)], log, log, os.environ)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(PATIENT_S)

    def until_names(self, names: dict[str, str | None]) -> None:
        def is_so() -> bool:
            return {one.address: one.host_name for one in read_bindings(self.state).bindings.values()} == names

        until(is_so, self.said, READY_WITHIN_S, process=self.process)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")


@pytest.fixture
def naming(tmp_path: Path) -> Iterator[Naming]:
    made = Naming(tmp_path)
    yield made
    made.stop(signal.SIGKILL)


def test_a_change_of_a_lease_file_is_taken_in(naming: Naming) -> None:
    naming.leases.write_text(lease())
    naming.start()
    naming.until_names({"192.0.2.17": "ipad-12"})
    with naming.leases.open("a") as file:
        file.write(lease("00:00:5e:00:53:02", "192.0.2.18", "<b>x"))
    naming.until_names({"192.0.2.17": "ipad-12", "192.0.2.18": "b_x"})
    assert not path_of(naming.state).stat().st_mode & 0o007
    assert naming.stop() == 0
    assert "Traceback" not in naming.said()


def test_killed_it_leaves_a_whole_table_and_goes_on(naming: Naming) -> None:
    naming.leases.write_text(lease())
    naming.start()
    naming.until_names({"192.0.2.17": "ipad-12"})
    since_us = read_bindings(naming.state).bindings["192.0.2.17"].since_us
    naming.stop(signal.SIGKILL)
    naming.start()
    naming.leases.write_text(lease(name="ipad-13"))
    naming.until_names({"192.0.2.17": "ipad-13"})
    assert read_bindings(naming.state).bindings["192.0.2.17"].since_us == since_us


def test_a_source_that_is_gone_is_said_and_its_leases_go_on(naming: Naming) -> None:
    naming.leases.write_text(lease())
    naming.start()
    naming.until_names({"192.0.2.17": "ipad-12"})
    naming.leases.unlink()
    until(lambda: read_status(naming.state).problems, naming.said, READY_WITHIN_S, process=naming.process)
    assert "leases: no such file" in read_status(naming.state).problems[0]
    naming.until_names({"192.0.2.17": "ipad-12"})


def test_without_sources_it_ends_at_once_and_well(tmp_path: Path) -> None:
    config = tmp_path / "schoolgate.toml"
    config.write_text(f'[server]\nstate_dir = "{tmp_path / "state"}"\n')
    command = [sys.executable, "-m", "schoolgate", "identity", "--config", str(config)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENT_S)
    assert run.returncode == 0, run.stderr
    assert not (tmp_path / "state" / "identity").exists()


def test_a_second_one_is_refused(naming: Naming) -> None:
    naming.leases.write_text(lease())
    naming.start()
    naming.until_names({"192.0.2.17": "ipad-12"})
    command = [sys.executable, "-m", "schoolgate", "identity", "--config", str(naming.config)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENT_S)
    assert run.returncode != 0
    assert "already runs" in run.stderr


def test_run_starts_it_and_a_past_row_has_a_device(start: Start, tmp_path: Path) -> None:
    leases = tmp_path / "leases"
    leases.write_text(lease(address="127.0.0.9") + lease("00:00:5e:00:53:07", "10.0.0.7"))
    source = f'[identity]\nread_every_s = 1\n[[identity.sources]]\nkind = "dnsmasq"\npath = "{leases}"\n'
    school = start(policy=POLICY, settings=source, is_started=False)
    with school.log.open("ab") as log:
        command = [sys.executable, "-m", "schoolgate", "run", "--config", str(school.config)]
        running = subprocess.Popen(command, stdout=log, stderr=log)
    try:

        def devices() -> object:
            attribution = Attribution.existing(school.state)
            if attribution is None:
                return None
            with attribution:
                return attribution.open_spans()

        spans = until(devices, school.said, READY_WITHIN_S, process=running)
        assert isinstance(spans, dict)
        # A loopback address is no client of a school.
        assert [one.device for one in spans.values()] == ["mac:00:00:5e:00:53:07"]
        assert all(client.startswith("p-") for client in spans)
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENT_S) == 0
        assert "Traceback" not in school.said()
    finally:
        running.kill()
        running.wait(PATIENT_S)
