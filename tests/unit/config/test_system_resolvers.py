"""What "system" stands for."""

from pathlib import Path

from schoolgate.config import SocketAddress, system_resolvers, with_system

LISTEN = (SocketAddress("127.0.0.1", 53), SocketAddress("::1", 53))


def resolv_conf(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    return path


def test_our_own_address_is_left_out_or_each_miss_would_be_a_loop(tmp_path: Path) -> None:
    path = resolv_conf(tmp_path, "search example.org\nnameserver 127.0.0.1\nnameserver 192.0.2.1\nnameserver ::1\n")
    assert system_resolvers(LISTEN, path) == (SocketAddress("192.0.2.1", 53),)


def test_another_port_is_another_resolver(tmp_path: Path) -> None:
    path = resolv_conf(tmp_path, "nameserver 127.0.0.1\n")
    assert system_resolvers((SocketAddress("127.0.0.1", 5300),), path) == (SocketAddress("127.0.0.1", 53),)


def test_a_wildcard_socket_hears_every_loopback_address(tmp_path: Path) -> None:
    path = resolv_conf(tmp_path, "nameserver 127.0.0.53\nnameserver 192.0.2.1\n")
    assert system_resolvers((SocketAddress("0.0.0.0", 53),), path) == (SocketAddress("192.0.2.1", 53),)


def test_junk_lines_and_repetitions_are_skipped(tmp_path: Path) -> None:
    path = resolv_conf(tmp_path, "# x\nnameserver\nnameserver x\n nameserver 192.0.2.1 # y\nnameserver 192.0.2.1\n")
    assert system_resolvers(LISTEN, path) == (SocketAddress("192.0.2.1", 53),)


def test_a_machine_without_resolvers_gives_none(tmp_path: Path) -> None:
    assert system_resolvers(LISTEN, tmp_path / "absent") == ()


def test_system_is_replaced_in_its_place_and_each_server_is_named_once(tmp_path: Path) -> None:
    path = resolv_conf(tmp_path, "nameserver 192.0.2.1\nnameserver 192.0.2.2\n")
    servers = (SocketAddress("192.0.2.2", 53), "system", SocketAddress("192.0.2.3", 53))
    assert [one.host for one in with_system(servers, LISTEN, path)] == ["192.0.2.2", "192.0.2.1", "192.0.2.3"]
