"""Which settings a start uses: those of the file, or those that were applied last, and why."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from schoolgate.config import ConfigInvalid
from schoolgate.storage.applied_settings import FILE, find_settings, read_applied, write_applied

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
WHOLE = """\
[server]
state_dir = "state"
listen = ["192.0.2.1:53"]

[forwarders]
servers = ["192.0.2.8", "192.0.2.9"]
timeout_ms = 800

[[forward_zones]]
zone = "one.example"
servers = ["192.0.2.21"]

[[forward_zones]]
zone = "two.example"
servers = ["192.0.2.22"]
# the end
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A settings file that was applied."""
    path = tmp_path / "schoolgate.toml"
    path.write_text(WHOLE, encoding="utf-8")
    write_applied(tmp_path / "state", path, WHOLE, NOW)
    return path


def environ(config: Path) -> dict[str, str]:
    return {"SCHOOLGATE_STATE_DIR": str(config.parent / "state")}


@pytest.mark.parametrize(
    ("cut_at", "said"),
    [
        ("", "[server], [forwarders], [[forward_zones]] (one.example, two.example)"),
        ("[forwarders]", "[forwarders], [[forward_zones]] (one.example, two.example)"),
        ('[[forward_zones]]\nzone = "one', "[[forward_zones]] (one.example, two.example)"),
        ('\n[[forward_zones]]\nzone = "two', "part of [[forward_zones]] (one.example, two.example)"),
        ("timeout_ms", "[[forward_zones]] (one.example, two.example), part of [forwarders]"),
        ('0\n\n[[forward_zones]]\nzone = "one', "[[forward_zones]] (one.example, two.example), part of [forwarders]"),
    ],
)
def test_a_file_that_was_cut_short_says_what_it_lost_and_does_not_count(config: Path, cut_at: str, said: str) -> None:
    config.write_text(WHOLE[: WHOLE.index(cut_at)] if cut_at else "", encoding="utf-8")
    found = find_settings(config, environ(config))
    assert found.text == WHOLE
    assert [one.zone for one in found.settings.forward_zones] == ["one.example", "two.example"]
    assert found.problem is not None
    assert f"no longer says {said};" in found.problem
    assert "schoolgate reload --accept" in found.problem


@pytest.mark.parametrize("length", range(0, len(WHOLE), 7))
def test_wherever_it_is_cut_the_forward_zones_stay(config: Path, length: int) -> None:
    config.write_text(WHOLE[:length], encoding="utf-8")
    found = find_settings(config, environ(config))
    assert [one.zone for one in found.settings.forward_zones] == ["one.example", "two.example"]
    assert (found.problem is None) is (found.text != WHOLE or WHOLE[length:].strip() in ("", "# the end"))


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("192.0.2.9", "192.0.2.10"),
        lambda text: text.replace("timeout_ms = 800\n", ""),
        lambda text: text + "\n[cache]\nsize_mib = 30\n",
        lambda text: text.rstrip(),
        lambda text: text.replace("# the end\n", ""),
    ],
)
def test_an_edit_is_an_edit(config: Path, edit: object) -> None:
    assert callable(edit)
    text = edit(WHOLE)
    config.write_text(text, encoding="utf-8")
    found = find_settings(config, environ(config))
    assert (found.text, found.problem) == (text, None)


@pytest.mark.parametrize("wrong", ["[server\n", "[serverz]\n", '[server]\nlisten = "x"\n', "\udcff"])
def test_a_mistake_leaves_what_was_applied_and_is_said(config: Path, wrong: str) -> None:
    config.write_bytes((WHOLE + wrong).encode("utf-8", "surrogateescape"))
    found = find_settings(config, environ(config))
    assert found.text == WHOLE
    assert found.problem is not None
    assert str(config) in found.problem
    assert "23 November 2026" in found.problem


def test_a_file_that_is_no_toml_still_leads_to_its_own_state(config: Path) -> None:
    config.write_text(WHOLE.replace("[forwarders]", "[forwarders"), encoding="utf-8")
    assert find_settings(config, {"SCHOOLGATE_STATE_DIR": "/nonexistent"}).text == WHOLE


def test_a_file_that_is_gone_leaves_what_was_applied(config: Path) -> None:
    config.unlink()
    for path in (config, None):
        found = find_settings(path, environ(config))
        assert (found.text, found.problem is None) == (WHOLE, False)


def test_where_nothing_was_applied_a_mistake_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "schoolgate.toml"
    path.write_text("[serverz]\n", encoding="utf-8")
    with pytest.raises(ConfigInvalid, match="serverz"):
        find_settings(path, {"SCHOOLGATE_STATE_DIR": str(tmp_path / "state")})


def test_another_files_settings_are_not_used_for_one_with_a_mistake(config: Path) -> None:
    other = config.with_name("other.toml")
    other.write_text("[serverz]\n", encoding="utf-8")
    with pytest.raises(ConfigInvalid, match="serverz"):
        find_settings(other, environ(config))


def test_a_damaged_record_is_none(config: Path) -> None:
    path = config.parent / "state" / FILE
    octets = bytearray(path.read_bytes())
    octets[-20] ^= 1
    path.write_bytes(octets)
    assert read_applied(config.parent / "state") is None
    assert find_settings(config, environ(config)).problem is None
