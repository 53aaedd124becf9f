"""schoolgate.toml: defaults, places, and every problem at once."""

from pathlib import Path

import pytest

from schoolgate.config import ConfigInvalid, SocketAddress, changes, load, parse

NOWHERE = {"SCHOOLGATE_STATE_DIR": "/srv/state"}


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigInvalid) as refused:
        parse(text, "schoolgate.toml", environ=NOWHERE)
    return str(refused.value).splitlines()


def test_with_no_file_at_all_it_listens_on_loopback_and_asks_the_system() -> None:
    settings = load(None, environ=NOWHERE)
    assert [str(one) for one in settings.server.listen] == ["127.0.0.1:5300", "[::1]:5300"]
    assert settings.forwarders.servers == ("system",)
    assert settings.server.state_dir == Path("/srv/state")
    assert settings.server.control_socket == Path("/srv/state/control.sock")
    assert settings.policy.or_template(settings.lists.dir).name == "demo.toml"
    assert (settings.lists.dir / "categories.toml").is_file()


def test_without_the_variable_state_is_kept_in_the_home_of_an_ordinary_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    settings = parse("", "x", environ={"HOME": "/home/sam", "SCHOOLGATE_STATE_DIR": ""})
    assert settings.server.state_dir == Path("/home/sam/.local/state/schoolgate")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert parse("", "x", environ={}).server.state_dir == Path("/var/lib/schoolgate")


def test_the_file_wins_over_the_variable_and_moves_the_socket_with_it() -> None:
    settings = parse('[server]\nstate_dir = "/var/lib/sg"', "x", environ=NOWHERE)
    assert settings.server.control_socket == Path("/var/lib/sg/control.sock")


def test_relative_paths_count_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "schoolgate.toml"
    file.write_text(
        '[server]\nstate_dir = "state"\n[local]\nzone_files = ["local.zone"]\n[policy]\nfile = "p.toml"\n'
        '[[lists.extra]]\npath = "own.txt"\ncategory = "service:example"\n'
    )
    settings = load(file, environ=NOWHERE)
    assert settings.server.state_dir == tmp_path / "state"
    assert settings.server.control_socket == tmp_path / "state" / "control.sock"
    assert settings.local.zone_files == (tmp_path / "local.zone",)
    assert settings.policy.or_template(Path("/lists")) == tmp_path / "p.toml"
    assert settings.lists.extra[0].path == tmp_path / "own.txt"


def test_all_problems_are_told_at_once_with_their_paths() -> None:
    found = problems(
        """
        [server]
        listen = ["127.0.0.1", "[::1]:5300", "[::1]:99999"]
        workers = true
        [cache]
        size_mib = "64"
        min_ttl_s = -1
        [forwarders]
        servers = ["dns.example.net"]
        timeot_ms = 800
        [[forward_zones]]
        zone = "*.corp.example"
        servers = []
        [tcp]
        idle_s = 0
        [[lists.extra]]
        path = "x.txt"
        category = "Not A Category"
        [serve]
        """
    )
    paths = [line.split(": ")[1] for line in found]
    assert paths == [
        "server.listen[0]",
        "server.listen[2]",
        "server.workers",
        "cache.size_mib",
        "cache.min_ttl_s",
        "forwarders.servers[0]",
        "forwarders.timeot_ms",
        "forward_zones[0].zone",
        "forward_zones[0].servers",
        "tcp.idle_s",
        "lists.extra[0].category",
        "serve",
    ]
    assert all(line.startswith("schoolgate.toml: ") and line.endswith(")") for line in found)
    assert "did you mean timeout_ms?" in found[6]
    assert "did you mean server?" in found[-1]


def test_rules_across_settings_are_told_together_with_wrong_values() -> None:
    found = problems(
        """
        [server]
        listen = ["0.0.0.0:53", "192.0.2.53:53"]
        [cache]
        size_mib = 0
        [forwarders]
        servers = ["192.0.2.53", "127.0.0.1", "198.51.100.1"]
        [[forward_zones]]
        zone = "corp.example"
        servers = ["198.51.100.2"]
        [[forward_zones]]
        zone = "CORP.example."
        servers = ["127.0.0.53"]
        """
    )
    assert [line.split(": ")[1] for line in found] == [
        "cache.size_mib",
        "forwarders.servers[0]",
        "forwarders.servers[1]",
        "forward_zones[1].servers[0]",
        "forward_zones[1].zone",
    ]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[cache]\nmin_ttl_s = 600\nmax_ttl_s = 60", "cache"),
        ("[tcp]\nmax_connections = 1", "tcp"),
        ('[server]\nlisten = ["127.0.0.1:5300", "127.0.0.1:5300"]', "server.listen"),
        ("[server]\nlisten = []", "server.listen"),
        ('[server]\nlisten = ["[fe80::1%eth0]:53"]', "server.listen[0]"),
        ('server = "x"', "server"),
        ("[[cache]]\nsize_mib = 1", "cache"),
    ],
)
def test_a_rule_inside_a_section_names_the_section(text: str, path: str) -> None:
    assert [line.split(": ")[1] for line in problems(text)] == [path]


def test_text_that_is_no_toml_names_the_line() -> None:
    assert problems('[server]\nlisten = ["a"\n') == [
        "schoolgate.toml: end of file: not valid TOML: Unclosed array (correct this line; text needs quotes)"
    ]
    assert problems("a = 1\na = 2\nb = 3\n")[0].startswith("schoolgate.toml: line 2: not valid TOML: Cannot overwrite")


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"#" * (4 * 1024 * 1024 + 1)], ids=["absent", "binary", "huge"])
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "schoolgate.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigInvalid, match=r"schoolgate\.toml: .* \(.*\)$"):
        load(file)


def test_a_reload_says_which_changes_wait_for_a_restart() -> None:
    old = parse("", "x", environ=NOWHERE)
    new = parse('[server]\nworkers = 3\n[forwarders]\nservers = ["192.0.2.1"]', "x", environ=NOWHERE)
    assert changes(old, new) == (("server.workers", True), ("forwarders.servers", False))
    assert changes(old, old) == ()
    assert new.forwarders.servers == (SocketAddress("192.0.2.1", 53),)
