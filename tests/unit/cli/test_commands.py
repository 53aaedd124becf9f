"""Commands that need no running service, run as a person runs them."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import pytest
from tests.program.forked import ran

from schoolgate.cli.commands.terminal import age
from schoolgate.resolver.record_types import NoSuchType, type_name, type_number

Run = subprocess.CompletedProcess[str]


def schoolgate(*arguments: str | Path, state: Path, **environ: str) -> Run:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SCHOOLGATE")}
    of_the_test = {"SCHOOLGATE_STATE_DIR": str(state), "COLUMNS": "200", "NO_COLOR": "1"}
    return ran([str(one) for one in arguments], timeout=120, env=kept | of_the_test | environ)


def test_check_says_what_it_checked(tmp_path: Path) -> None:
    run = schoolgate("check", state=tmp_path)
    assert run.returncode == 0, run.stderr
    for part in ("ok  configuration", "ok  lists", "ok  local zones", "ok  policy"):
        assert part in run.stdout
    assert list(tmp_path.iterdir()) == [], "a check changes nothing"


def test_check_names_every_mistake_of_both_files_at_once(tmp_path: Path) -> None:
    config, policy = tmp_path / "schoolgate.toml", tmp_path / "policy.toml"
    config.write_text(
        '[server]\nworkers = -1\n[cache]\nsize_mb = 5\n[policy]\nfile = "policy.toml"\n', encoding="utf-8"
    )
    policy.write_text('format = 1\nallowed_clients = ["10.0.0.0/33"]\nstrictest = "nobody"\n', encoding="utf-8")
    run = schoolgate("check", "--config", config, "--policy", policy, state=tmp_path)
    assert run.returncode == 1
    for part in ("server.workers", "cache.size_mb", "did you mean size_mib?", "allowed_clients", "policy.toml"):
        assert part in run.stderr
    assert "Traceback" not in run.stderr


def test_check_reads_the_policy_in_force_too(tmp_path: Path) -> None:
    state = tmp_path / "state"
    template = schoolgate("policy", "templates", "primary-school", state=state).stdout
    (tmp_path / "school.toml").write_text(template, encoding="utf-8")
    applied = schoolgate("policy", "apply", tmp_path / "school.toml", "--reason", "begin", state=state)
    assert applied.returncode == 0, applied.stderr
    assert "policy revision 1, in force" in schoolgate("check", state=state).stdout


def test_the_sample_is_a_settings_file_that_passes_the_check(tmp_path: Path) -> None:
    text = schoolgate("config", "sample", state=tmp_path).stdout
    tomllib.loads(text)
    (tmp_path / "schoolgate.toml").write_text(text, encoding="utf-8")
    assert schoolgate("check", "--config", tmp_path / "schoolgate.toml", state=tmp_path).returncode == 0


def test_the_settings_file_may_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[sever]\n", encoding="utf-8")
    run = schoolgate("check", state=tmp_path, SCHOOLGATE_CONFIG=str(tmp_path / "broken.toml"))
    assert run.returncode == 1
    assert "did you mean server?" in run.stderr


def test_lists_are_built_and_shown_without_a_service(tmp_path: Path) -> None:
    build = schoolgate("lists", "build", state=tmp_path)
    assert build.returncode == 0, build.stderr
    assert "no service runs here" in build.stdout
    shown = schoolgate("lists", "show", state=tmp_path)
    assert "lists serial 1" in shown.stdout
    assert "starter/gambling" in shown.stdout
    explained = schoolgate("explain", "www.gambling.blocked.example.com", state=tmp_path)
    assert "DENIED" in explained.stdout


def test_explain_before_any_list_is_built_says_what_to_do(tmp_path: Path) -> None:
    run = schoolgate("explain", "www.example.org", state=tmp_path)
    assert run.returncode == 1
    assert "schoolgate lists build" in run.stderr


def test_every_template_can_be_printed(tmp_path: Path) -> None:
    names = [line.split()[0] for line in schoolgate("policy", "templates", state=tmp_path).stdout.splitlines()]
    assert {"demo", "primary-school", "secondary-school", "guest-only"} <= set(names)
    assert "did you mean demo?" in schoolgate("policy", "templates", "demos", state=tmp_path).stderr


def test_a_query_to_nobody_says_so(tmp_path: Path) -> None:
    run = schoolgate("query", "www.example.org", "--server", "127.0.0.1:1", state=tmp_path)
    assert run.returncode == 1
    assert "is it running?" in run.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
@pytest.mark.parametrize(
    "command", [["policy", "log"], ["lists", "build"], ["serve"], ["policy", "rollback", "1", "-r", "x"]]
)
def test_root_leaves_no_files_in_a_service_users_directory(tmp_path: Path, command: list[str]) -> None:
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 65534, 65534)
    run = schoolgate(*command, state=state)
    assert run.returncode == 1
    assert "runuser -u nobody -- schoolgate" in run.stderr
    assert list(state.iterdir()) == []


@pytest.mark.parametrize(("text", "number"), [("a", 1), ("AAAA", 28), ("https", 65), ("TYPE65", 65), ("257", 257)])
def test_types_are_read_as_people_write_them(text: str, number: int) -> None:
    assert type_number(text) == number


def test_a_type_without_a_name_is_written_by_its_number() -> None:
    assert type_name(65280) == "TYPE65280"
    with pytest.raises(NoSuchType, match="TYPE and a number"):
        type_number("QUUX")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (600, "10 min"), (7200, "2 h"), (3 * 86400, "3 days")]
)
def test_ages_are_told_in_the_unit_people_use(seconds: float, text: str) -> None:
    assert age(seconds) == text
