"""Sealed lists in the real service: what an operator who means harm may try, and what is left to read."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import GUEST, PUPIL, STAFF, STOPPED_WITHIN_S, Run, Serving, reasons, texts

from schoolgate.cli.sealed import sealed_app

CENSORED = [(16, None)]
SEALED = ("unmistakable-sealed.example.org", "deep.unmistakable-other.example.net")
LIST = "\n".join((*SEALED, "https://shared.example.org/unmistakable-page", "unmistakable junk"))
# Everything a policy can say to open a name, at it, above it and below it.
OPENED = [name for one in SEALED for name in (one, f"={one}", f"www.{one}", one.partition(".")[2])]
ALLOWS = "allow = " + orjson.dumps(OPENED).decode()
END = "reason = 'r', approved_by = 'a', until = 2099-01-01T00:00:00Z"
EXCEPTIONS = "exceptions = [" + ", ".join(f"{{ name = '{name}', {END} }}" for name in SEALED) + "]"
WIDE_OPEN = POLICY.replace('deny = ["denied.example.org"]', f"{ALLOWS}\n{EXCEPTIONS}\nunknown = 'allow'")


def take(school: Serving, text: str = LIST, *, supplier: str = "iwf", arguments: tuple[str, ...] = ()) -> Run:
    """Imports a list as an operator does, and removes the plain text as he should."""
    source = school.folder / "from-supplier"
    source.write_text(text, encoding="utf-8")
    run = school.cli("sealed", "import", source, "--supplier", supplier, *arguments)
    source.unlink()
    return run


def is_sealed(school: Serving, name: str, source: str = PUPIL) -> bool:
    answers = [school.ask(name, source=source, tcp=tcp) for tcp in (False, True)]
    return all(reasons(one) == CENSORED and not texts(one) for one in answers)


def all_sealed(school: Serving) -> bool:
    asked = [form for name in SEALED for form in (name, f"www.{name}", name.upper())]
    return all(is_sealed(school, name, source) for name in asked for source in (PUPIL, STAFF, GUEST))


def refused_start(school: Serving) -> str:
    """What it says when it does not start."""
    process = school.launch()
    try:
        code = process.wait(STOPPED_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        pytest.fail("it started without its sealed list")
    assert code == 1
    return school.said()


@pytest.fixture
def school(start: Start) -> Serving:
    """A service with a sealed list from the start."""
    school = start(policy=POLICY, is_started=False)
    run = take(school)
    assert run.returncode == 0, run.stderr
    assert "2 of 4 entries are enforced" in run.stdout
    assert "1 name a part of a site" in run.stderr
    school.start()
    return school


def test_an_import_takes_effect_in_the_running_service(start: Start) -> None:
    school = start(policy=POLICY)
    assert school.control("status")["sealed"] is None
    # Answered and cached before: a cached answer must not outlive the import.
    assert texts(school.ask(SEALED[0]))
    run = take(school)
    assert run.returncode == 0, run.stderr
    assert "decides by it now" in run.stdout
    assert all_sealed(school)
    assert texts(school.ask("shared.example.org")), "the host of a part of a site stays open"
    told = school.control("status")["sealed"]
    assert (told["serial"], told["state"], told["suppliers"][0]["url_level"]) == (1, "ok", 1)
    take(school, "new.example.org\nunmistakable-sealed.example.org\n", supplier="ctiru")
    assert is_sealed(school, "new.example.org")
    assert all_sealed(school), "one supplier's list does not replace another's"


def test_nothing_an_operator_writes_opens_a_sealed_name(school: Serving) -> None:
    assert all_sealed(school)
    policy = school.folder / "open.toml"
    policy.write_text(WIDE_OPEN, encoding="utf-8")
    run = school.cli("policy", "apply", policy, "--reason", "open everything")
    assert run.returncode == 0, run.stderr
    assert all_sealed(school)
    run = school.cli("policy", "rollback", "1", "--reason", "and back")
    assert run.returncode == 0, run.stderr
    assert all_sealed(school)
    run = school.cli("policy", "rollback", "2", "--reason", "and open again")
    assert run.returncode == 0, run.stderr
    # A list of our own that says that the names are needed by devices, and records of our own.
    extra = school.folder / "extra.txt"
    extra.write_text("\n".join(SEALED))
    text = school.config.read_text()
    text += f'[lists]\nextra = [{{ path = "{extra}", category = "platform" }}]\n'
    text += f'[local]\nrecords = "{SEALED[0]}. 300 IN A 192.0.2.1"\n[sealed]\nrequired = false\nsuppliers = []\n'
    school.config.write_text(text)
    assert school.cli("reload").returncode == 0
    assert school.cli("lists", "build").returncode == 0
    assert all_sealed(school)
    school.stop()
    school.environ = {
        "SCHOOLGATE_SEALED": "off",
        "SCHOOLGATE_SEALED_REQUIRED": "0",
        "SCHOOLGATE_SEALED__SUPPLIERS": "[]",
    }
    school.start()
    assert all_sealed(school)


def test_no_command_of_the_control_socket_lifts_or_lists_an_entry(school: Serving) -> None:
    said = ""
    for command in (
        "status",
        "explain",
        "reload",
        "policy-changed",
        "lists-changed",
        "sealed-changed",
        "sealed-selftest",
    ):
        for name in SEALED:
            said += str(school.control(command, name=name, sealed=None, serial=0, suppliers=[], type=1))
    assert "unmistakable" not in said
    assert all_sealed(school)


def test_there_is_no_command_that_shows_removes_or_exports_an_entry() -> None:
    assert {one.name for one in sealed_app.registered_commands} == {"import", "update", "status", "selftest", "rotate"}


def test_a_list_taken_away_from_a_running_service_stays_in_force_and_stops_the_next_start(school: Serving) -> None:
    (school.state / "sealed" / "iwf.sealed").unlink()
    run = school.cli("reload")
    assert run.returncode == 1
    assert "iwf is missing" in run.stderr
    assert all_sealed(school)
    assert any("last reload was refused" in one for one in school.control("status")["problems"])
    school.stop()
    said = refused_start(school)
    assert "iwf is missing" in said
    assert "schoolgate sealed import" in said
    assert take(school).returncode == 0, "the way back is the one it names"
    school.start()
    assert all_sealed(school)


@pytest.mark.parametrize("what", ["folder", "key", "list", "record"])
def test_what_is_removed_or_damaged_stops_the_next_start(school: Serving, what: str) -> None:
    school.stop()
    sealed = school.state / "sealed"
    match what:
        case "folder":
            shutil.rmtree(sealed)
        case "key":
            (sealed / "key").write_text("0123456789abcdef 00112233445566778899aabbccddeeff\n")
        case "list":
            path = sealed / "iwf.sealed"
            path.write_bytes(path.read_bytes()[:-16])
        case "record":
            (school.state / "sealed.json").write_text('{"suppliers": 0}')
    assert str(school.state) in refused_start(school)


def test_a_state_directory_restored_from_before_the_import_is_noticed(start: Start) -> None:
    school = start(policy=POLICY, settings="[sealed]\nrequired = true\n", is_started=False)
    backup = school.folder / "backup"
    school.state.mkdir(mode=0o700)
    shutil.copytree(school.state, backup)
    assert take(school).returncode == 0
    school.start()
    school.stop()
    shutil.rmtree(school.state)
    shutil.copytree(backup, school.state)
    assert "sealed.required is true" in refused_start(school)


def test_a_restored_older_list_is_not_taken_by_a_running_service_and_is_spoken_of_after_a_restart(
    school: Serving,
) -> None:
    sealed = school.state / "sealed" / "iwf.sealed"
    backup = sealed.read_bytes()
    assert take(school, LIST + "\nnew.example.org\n").returncode == 0
    assert is_sealed(school, "new.example.org")
    sealed.write_bytes(backup)
    assert school.cli("reload").returncode == 1
    assert is_sealed(school, "new.example.org")
    school.stop()
    school.start()
    assert all_sealed(school), "what the older list holds is denied all the same"
    assert any("serial 2 was imported" in one for one in school.control("status")["problems"])


def test_age_raises_an_alarm_and_then_is_unhealthy(school: Serving) -> None:
    school.stop()
    for hours, state in ((25, "stale"), (49, "unhealthy")):
        program = (
            "import datetime as dt, pathlib, sys\n"
            "from schoolgate.sealed import import_list\n"
            f"now = dt.datetime.now(dt.UTC) - dt.timedelta(hours={hours})\n"
            "state, source = map(pathlib.Path, sys.argv[1:])\n"
            "import_list(state, source, supplier='iwf', form='plain', column=None, who='t', now=now)\n"
        )
        source = school.folder / "from-supplier"
        source.write_text(LIST)
        subprocess.run([sys.executable, "-c", program, str(school.state), str(source)], check=True)
        source.unlink()
        school.start()
        told = school.control("status")
        assert told["sealed"]["state"] == state
        assert any("is still enforced" in one for one in told["problems"])
        assert all_sealed(school)
        run = school.cli("sealed", "status")
        assert state in run.stdout
        school.stop()


def test_what_is_explained_from_the_files_is_explained_by_the_sealed_list_too(school: Serving) -> None:
    school.stop()
    told = orjson.loads(school.cli("explain", SEALED[0], "--client", PUPIL, "--json").stdout)
    assert (told["decision"]["layer"], told["decision"]["name"]) == ("sealed", "(withheld)")


def test_the_self_test_asks_from_every_segment_and_leaves_a_dated_record(school: Serving) -> None:
    run = school.cli("sealed", "selftest")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "network pupils" in run.stdout
    assert "network staff" in run.stdout
    record = orjson.loads((school.state / "sealed" / "selftests.jsonl").read_bytes())
    assert record["passed"] is True
    assert record["by_network"] is True
    assert record["serials"] == {"iwf": 1}
    assert record["at"].startswith("20")
    school.stop()
    run = school.cli("sealed", "selftest")
    assert run.returncode == 1
    assert "schoolgate serve" in run.stderr


def test_a_change_of_keys_goes_with_the_next_import(school: Serving) -> None:
    before = (school.state / "sealed" / "iwf.sealed").read_bytes()
    assert school.cli("sealed", "rotate").returncode == 0
    assert school.cli("reload").returncode == 0
    assert all_sealed(school)
    assert take(school).returncode == 0
    assert all_sealed(school)
    assert len((school.state / "sealed" / "key").read_text().splitlines()) == 1
    after = (school.state / "sealed" / "iwf.sealed").read_bytes()
    assert before[184:200] not in after


def test_no_entry_is_left_to_read_anywhere(school: Serving) -> None:
    said: list[str] = []
    for name in SEALED:
        for form in (name, f"www.{name}", name.upper()):
            for source in (PUPIL, STAFF, GUEST):
                answers = [school.ask(form, source=source, tcp=tcp) for tcp in (False, True)]
                assert all(text is None for one in answers for _, text in reasons(one)), "an EDE without text"
        said.append(str(school.control("explain", name=name)))
        said.append(str(school.control("explain", name=f"www.{name}")))
    said.append(str(school.control("status")))
    for command in (("sealed", "status"), ("sealed", "status", "--json"), ("sealed", "selftest"), ("status", "--json")):
        run = school.cli(*command)
        said += [run.stdout, run.stderr]
    school.cli("sealed", "rotate")
    run = take(school)
    said += [run.stdout, run.stderr]
    bad = take(school, "unmistakable junk\nunmistakable-more.example/path\n")
    assert bad.returncode == 1
    said += [bad.stdout, bad.stderr]
    assert school.process is not None
    limits = Path(f"/proc/{school.process.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size")).split()
    assert core[4:6] == ["0", "0"]
    # Not dumpable: the kernel gives the process's own files in /proc to root, whoever runs it.
    assert Path(f"/proc/{school.process.pid}/environ").stat().st_uid == 0
    school.stop()
    said.append(school.said())
    assert not any("unmistakable" in one.lower() for one in said)
    for path in school.folder.rglob("*"):
        if path.is_file():
            octets = path.read_bytes().lower()
            assert b"unmistakable" not in octets, path
            assert b"deep\x12unmis" not in octets, path
