"""From a question on the wire to the mail and the webhook: real server, real monitor, real receivers."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.name
import orjson
import pytest
from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import READY_WITHIN_S, Serving
from tests.program.forked import Forked
from tests.unit.monitoring.receivers import Mailbox, free_port, mail_server, webhook
from tests.waiting import PATIENT_S, until

from schoolgate.alerts.alert import Alert
from schoolgate.alerts.alert_store import AlertStore

LEAD = "lead@school.example"
BLOCKED = "self-harm.blocked.example.com"

ALERTS = POLICY.replace('gambling = "deny"', 'gambling = "deny", self-harm = "deny"') + (
    '\n[alerts.harm]\ncategories = ["self-harm"]\nurgency = "urgent"\n'
    f'to = ["{LEAD}", "webhook:hook"]\nescalate_to = ["head@school.example"]\n'
)


class Monitoring:
    """`schoolgate monitor` beside a service."""

    def __init__(self, school: Serving) -> None:
        self.school = school
        self.log = school.folder / "monitor.log"
        self.process: Forked | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = Forked(["monitor", "--config", str(self.school.config)], log, log, os.environ)
        self.until(lambda: self.status().get("pid") == self.process.pid if self.process else False)

    def status(self) -> dict[str, object]:
        try:
            found: dict[str, object] = orjson.loads((self.school.state / "monitor" / "status.json").read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return {}
        return found

    def until(self, is_so: Callable[[], object], within_s: float = READY_WITHIN_S) -> None:
        until(is_so, lambda: f"{self.said()} {self.status()}", within_s, process=self.process)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(PATIENT_S)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""


@pytest.fixture
def monitoring() -> Iterator[Callable[[Serving], Monitoring]]:
    made: list[Monitoring] = []

    def make(school: Serving) -> Monitoring:
        made.append(Monitoring(school))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        assert one.stop() == 0, one.said()
        assert "defect" not in one.said(), one.said()


def mail_settings(box: Mailbox) -> str:
    return f'[mail]\nhost = "127.0.0.1"\nport = {box.port}\ntls = "none"\nsender = "dns@school.example"\n'


async def test_an_urgent_question_reaches_people_by_mail_and_webhook(
    start: Start, monitoring: Callable[[Serving], Monitoring], tmp_path: Path
) -> None:
    key = tmp_path / "hook-key"
    key.write_text("sesame", encoding="utf-8")
    key.chmod(0o600)
    async with webhook() as hook:
        with mail_server() as box:
            hooks = f'[webhooks.hook]\nurl = "{hook.url}"\nsecret_file = "{key}"\n'
            school = await asyncio.to_thread(start, settings=mail_settings(box) + hooks, policy=ALERTS)
            watching = await asyncio.to_thread(monitoring, school)
            # As hostile as a name can be: line ends, a header, an address, a link.
            hostile = dns.name.Name((b"x\r\nBcc: victim", b"http://evil", *dns.name.from_text(BLOCKED).labels))
            assert (await asyncio.to_thread(school.ask, hostile)).rcode() == 3
            await asyncio.to_thread(watching.until, lambda: box.mails and hook.bodies)
    (mail,), (body,), (headers,) = box.mails, hook.bodies, hook.headers
    assert box.recipients == [LEAD]
    assert mail["Subject"] == "[schoolgate] urgent: self-harm, network pupils"
    assert mail["Importance"] == "high"
    assert "Bcc" not in mail
    text = mail.get_content()
    assert "self-harm[.]blocked[.]example[.]com" in text
    assert "http:" not in text
    assert "\nBcc" not in text
    assert "p-" in text, "a pseudonym, not an address"
    assert "127.0.0.1" not in text
    signed_at, _, digest = headers["Schoolgate-Signature"].removeprefix("t=").partition(",v1=")
    assert hmac.new(b"sesame", f"{signed_at}.".encode() + hook.raw[0], hashlib.sha256).hexdigest() == digest
    assert body["category"] == "self-harm"
    assert body["names"][0].endswith("self-harm[.]blocked[.]example[.]com")


def test_alerts_are_seen_acknowledged_closed_and_exported(
    start: Start, monitoring: Callable[[Serving], Monitoring]
) -> None:
    with mail_server() as box:
        school = start(settings=mail_settings(box), policy=ALERTS.replace(', "webhook:hook"', ""))
        watching = monitoring(school)
        school.ask(BLOCKED)
        school.ask(BLOCKED, source="127.0.0.2")
        watching.until(lambda: len(box.mails) == 2)
        assert "rule harm" in school.cli("alerts", "list").stderr
        found = orjson.loads(school.cli("alerts", "list", "--json").stdout)["alerts"]
        assert {one["segment"] for one in found} == {"pupils", "staff"}
        first = str(found[0]["id"])
        assert school.cli("alerts", "ack", first, "--note", "on my way").returncode == 0
        closed = school.cli("alerts", "close", first, "--outcome", "false-alarm")
        assert closed.returncode == 0, closed.stderr
        assert school.cli("alerts", "close", first, "--outcome", "nonsense").returncode == 2
        shown = school.cli("alerts", "show", first).stdout
        assert "on my way" in shown
        assert "self-harm[.]blocked" in shown
        assert "100% of those closed" in school.cli("alerts", "list", "--summary").stdout
        exported = [orjson.loads(line) for line in school.cli("alerts", "export").stdout.splitlines()]
        assert len(exported) == 2
        assert [one["what"] for one in exported[1]["history"] + exported[0]["history"]].count(
            "closed: false-alarm"
        ) == 1
        assert "every message was delivered" in school.cli("alerts", "list", "--undelivered").stdout
        missing = school.cli("alerts", "ack", "999")
        assert missing.returncode == 1
        assert "no alert 999" in missing.stderr


def test_sealed_attempts_name_segment_and_device_and_never_the_name(
    start: Start, monitoring: Callable[[Serving], Monitoring], tmp_path: Path
) -> None:
    entry = "very-illegal.example.net"
    (tmp_path / "supplied").write_text(f"{entry}\n", encoding="utf-8")
    with mail_server() as box:
        policy = POLICY + f'\n[alerts.sealed]\ndetectors = ["sealed"]\nurgency = "urgent"\nto = ["{LEAD}"]\n'
        school = start(settings=mail_settings(box), policy=policy, is_started=False)
        imported = school.cli("sealed", "import", tmp_path / "supplied", "--supplier", "test")
        assert imported.returncode == 0, imported.stderr
        school.start()
        watching = monitoring(school)
        school.ask(entry)
        watching.until(lambda: box.mails)
    text = box.raw[0].decode()
    assert "sealed" in box.mails[0]["Subject"]
    assert "pupils" in text
    for leak in (entry, "very-illegal", "very[.]", "withheld"):
        assert leak not in text
    everything = b"".join(path.read_bytes() for path in (school.state / "monitor").iterdir() if path.is_file())
    assert b"very-illegal" not in everything
    assert "very-illegal" not in watching.said()


def test_a_self_test_of_sealed_lists_sends_nothing_and_a_question_beside_it_does(
    start: Start, monitoring: Callable[[Serving], Monitoring], tmp_path: Path
) -> None:
    entry = "very-illegal.example.net"
    (tmp_path / "supplied").write_text(f"{entry}\n", encoding="utf-8")
    with mail_server() as box:
        policy = POLICY + f'\n[alerts.sealed]\ndetectors = ["*"]\nurgency = "urgent"\nto = ["{LEAD}"]\n'
        school = start(settings=mail_settings(box), policy=policy, is_started=False)
        assert school.cli("sealed", "import", tmp_path / "supplied", "--supplier", "test").returncode == 0
        school.start()
        watching = monitoring(school)
        done = school.cli("sealed", "selftest")
        assert done.returncode == 0, done.stdout + done.stderr
        school.ask(entry)  # from the address that the self-test asked from as well
        watching.until(lambda: box.mails)
        # A client of each segment, and a datagram of this machine.
        watching.until(lambda: len(kept_self_tests(school)) == 3)
        assert len(box.mails) == 1
    told = orjson.loads(school.cli("alerts", "list", "--selftest", "--json").stdout)["alerts"]
    assert {(one["segment"], one["outcome"]) for one in told} == {("pupils", "self-test"), ("staff", "self-test")}
    told = orjson.loads(school.cli("alerts", "list", "--all", "--json").stdout)["alerts"]
    assert [(one["detector"], one["state"]) for one in told] == [("sealed", "new")]


def kept_self_tests(school: Serving) -> list[Alert]:
    with contextlib.closing(AlertStore.open(school.state / "monitor/alerts.db")) as store:
        return store.alerts(("new", "acknowledged", "closed"), 10, self_tests=True)


def test_with_a_dead_mail_server_messages_wait_and_leave_when_it_is_back(
    start: Start, monitoring: Callable[[Serving], Monitoring]
) -> None:
    port = free_port()
    dead = f'[mail]\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\nsender = "dns@school.example"\n'
    school = start(settings=dead, policy=ALERTS.replace(', "webhook:hook"', ""))
    watching = monitoring(school)
    school.ask(BLOCKED)
    watching.until(lambda: "tried again" in school.cli("alerts", "list", "--undelivered").stdout)
    assert "mail server 127.0.0.1" in school.cli("alerts", "list", "--undelivered").stdout
    with mail_server(port=port) as box:
        watching.until(lambda: box.mails)
        assert int(box.mails[0]["Schoolgate-Attempt"]) > 1
        assert "Traceback" not in watching.said()


def sent(school: Serving) -> int:
    """Messages that are noted as delivered."""
    with contextlib.closing(sqlite3.connect(school.state / "monitor/alerts.db")) as store:
        count: int = store.execute("SELECT count(*) FROM outbox WHERE state = 'sent'").fetchone()[0]
    return count


def test_killed_and_started_again_nothing_is_missed_or_sent_twice(
    start: Start, monitoring: Callable[[Serving], Monitoring]
) -> None:
    with mail_server() as box:
        school = start(settings=mail_settings(box), policy=ALERTS.replace(', "webhook:hook"', ""))
        watching = monitoring(school)
        school.ask(BLOCKED)
        # Between the mail server's thanks and the note of it, a repeat would be right (test_delivery.py).
        watching.until(lambda: box.mails and sent(school) == 1)
        watching.stop(signal.SIGKILL)
        school.ask(BLOCKED, source="127.0.0.2")
        watching.start()
        watching.until(lambda: len(box.mails) == 2)
        watching.until(lambda: watching.status()["lag_s"] == 0)
        watching.stop()
    segments = ["pupils" in mail["Subject"] for mail in box.mails]
    assert segments == [True, False], "the first was not sent again"
    found = orjson.loads(school.cli("alerts", "list", "--json").stdout)["alerts"]
    assert [one["count"] for one in found] == [1, 1]


def test_without_log_and_without_server_it_runs_and_says_how_it_is(
    start: Start, monitoring: Callable[[Serving], Monitoring]
) -> None:
    school = start(policy=POLICY, is_started=False)
    watching = monitoring(school)
    assert watching.status()["rows_read"] == {"safeguarding": 0, "ordinary": 0}
    second = school.cli("monitor")
    assert second.returncode == 1
    assert "already runs" in second.stderr
    assert stat.S_IMODE((school.state / "monitor").stat().st_mode) == 0o700
    school.start()
    assert school.control("status")["monitor"]["pid"] == watching.status()["pid"]
    assert "monitor     seen" in school.cli("status").stdout


def test_when_the_log_disappears_the_monitor_goes_on(start: Start, monitoring: Callable[[Serving], Monitoring]) -> None:
    school = start(policy=ALERTS.replace(', "webhook:hook"', "").replace(f'"{LEAD}"', ""))
    watching = monitoring(school)
    school.ask("www.example.org")
    watching.until(lambda: sum(watching.status()["rows_read"].values()) >= 1)  # type: ignore[attr-defined]
    (school.state / "log").rename(school.folder / "gone")
    before = watching.status()["alive_at"]
    watching.until(lambda: watching.status()["alive_at"] != before)
    assert watching.process is not None
    assert watching.process.poll() is None


def test_sighup_takes_new_settings_and_keeps_the_old_when_they_are_broken(
    start: Start, monitoring: Callable[[Serving], Monitoring]
) -> None:
    school = start(policy=ALERTS)
    watching = monitoring(school)
    watching.until(lambda: any("webhook:hook" in one for one in watching.status()["problems"]))  # type: ignore[attr-defined]
    good = school.config.read_text(encoding="utf-8")
    school.config.write_text(good + "[mail]\nhots = 1\n", encoding="utf-8")
    assert watching.process is not None
    watching.process.send_signal(signal.SIGHUP)
    watching.until(lambda: any("mail.hots" in one for one in watching.status()["problems"]))  # type: ignore[attr-defined]
    school.config.write_text(good + '[webhooks.hook]\nurl = "http://127.0.0.1:1/x"\n', encoding="utf-8")
    watching.process.send_signal(signal.SIGHUP)
    watching.until(lambda: not any("hook" in one or "settings" in one for one in watching.status()["problems"]))  # type: ignore[attr-defined]


def test_a_new_policy_brings_its_rules_without_a_restart(
    start: Start, monitoring: Callable[[Serving], Monitoring]
) -> None:
    with mail_server() as box:
        school = start(settings=mail_settings(box), policy=POLICY)
        watching = monitoring(school)
        (school.folder / "new.toml").write_text(ALERTS.replace(', "webhook:hook"', ""), encoding="utf-8")
        applied = school.cli("policy", "apply", school.folder / "new.toml", "--reason", "test")
        assert applied.returncode == 0, applied.stderr
        watching.until(lambda: watching.status()["policy_revision"] == 2)
        school.ask(BLOCKED)
        watching.until(lambda: box.mails)


def test_a_test_message_is_sent_or_says_what_fails(start: Start) -> None:
    with mail_server() as box:
        school = start(settings=mail_settings(box), policy=POLICY, is_started=False)
        sent = school.cli("alerts", "test", LEAD)
        assert sent.returncode == 0, sent.stderr
        assert box.mails[0]["Subject"] == "[schoolgate] Test"
        box.refused.add(LEAD)
        refused = school.cli("alerts", "test", LEAD)
        assert refused.returncode == 1
        assert "550" in refused.stderr
        assert "Traceback" not in refused.stderr
    for recipient, said in (("webhook:none", "[webhooks.none]"), ("x\nBcc: y@z", "no recipient")):
        run = school.cli("alerts", "test", recipient)
        assert run.returncode == 1
        assert said in run.stderr


def test_run_starts_the_monitor_starts_it_again_and_ends_it(start: Start) -> None:
    school = start(policy=POLICY, is_started=False)
    with school.log.open("ab") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "schoolgate", "run", "--config", str(school.config)], stdout=log, stderr=log
        )
    try:
        first = _monitor_pid(school, not_pid=0)
        os.kill(first, signal.SIGKILL)
        second = _monitor_pid(school, not_pid=first)
        assert school.said().count("is started again") == 1
        running.kill()
        running.wait(PATIENT_S)
        school.until(lambda: not _runs(second))
    finally:
        running.kill()
        running.wait(PATIENT_S)


def _monitor_pid(school: Serving, not_pid: int) -> int:
    watching = Monitoring(school)
    watching.until(lambda: watching.status().get("pid", not_pid) != not_pid)
    return int(str(watching.status()["pid"]))


def _runs(pid: int) -> bool:
    """A child whose parent is gone may wait as a zombie for somebody to collect it: it runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_run_ends_cleanly_with_its_monitor(start: Start) -> None:
    school = start(policy=POLICY, is_started=False)
    with school.log.open("ab") as log:
        command = [sys.executable, "-m", "schoolgate", "run", "--config", str(school.config)]
        running = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        monitor = _monitor_pid(school, not_pid=0)
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENT_S) == 0
        assert not _runs(monitor)
        assert "started again" not in school.said()
    finally:
        running.kill()
        running.wait(PATIENT_S)
