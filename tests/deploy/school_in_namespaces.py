"""A pupil's device, a router with the nftables rules, and a stand-in for schoolgate, each in a network namespace.

Run inside `unshare --net --mount`: this namespace is the router, and everything goes when the process ends.
Prints, as JSON, what came of each question of the device. Exit 77: the machine does not allow it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

QUESTIONS = [
    ("udp", "192.0.2.9", 53),
    ("tcp", "192.0.2.9", 53),
    ("udp", "10.1.0.53", 53),
    ("udp", "2001:db8:ffff::9", 53),
    ("tcp", "2001:db8:ffff::9", 53),
    ("tcp", "192.0.2.9", 853),
    ("udp", "192.0.2.9", 853),
    ("tcp", "2001:db8:ffff::9", 853),
    ("udp", "2001:db8:ffff::9", 853),
]

# Answers every question with who asked, and which address was asked. Says "ready" once it listens.
SCHOOLGATE = """
import select, socket
doors = []
for family, host in ((socket.AF_INET, "10.1.0.53"), (socket.AF_INET6, "2001:db8:1::53")):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        door = socket.socket(family, kind)
        door.bind((host, 53))
        if kind == socket.SOCK_STREAM:
            door.listen()
        doors.append((door, host))
print("ready", flush=True)
while True:
    for door in select.select([door for door, _ in doors], [], [])[0]:
        host = dict(doors)[door]
        if door.type == socket.SOCK_STREAM:
            stream, client = door.accept()
            stream.sendall(f"{client[0]} asked {host}".encode())
            stream.close()
        else:
            client = door.recvfrom(100)[1]
            door.sendto(f"{client[0]} asked {host}".encode(), client)
"""

# Its answer must come from the address it asked (a connected socket), as any stub resolver wants it.
DEVICE = """
import json, socket, sys
outcome = {}
for transport, host, port in json.loads(sys.argv[1]):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    device = socket.socket(family, socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM)
    device.settimeout(60)
    question = f"{transport} [{host}]:{port}" if ":" in host else f"{transport} {host}:{port}"
    try:
        device.connect((host, port))
        device.send(b"?")
        outcome[question] = device.recv(100).decode()
    except ConnectionRefusedError:
        outcome[question] = "refused"
    except OSError as error:
        outcome[question] = repr(error)
print(json.dumps(outcome))
"""


def do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def cable(interface: str, namespace: str, router: list[str], host: list[str]) -> None:
    """A cable from the router's interface to a host in `namespace`, with the first address of each as gateway."""
    inside = ("ip", "-n", namespace)
    do("ip", "link", "add", interface, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    do("ip", "link", "set", interface, "up")
    do(*inside, "link", "set", "eth0", "up")
    for address, own in zip(router, host, strict=True):
        # No duplicate address detection: nobody else is there, and the wait would be a sleep.
        no_wait = ["nodad"] if ":" in own else []
        do("ip", "address", "add", address, "dev", interface, *no_wait)
        do(*inside, "address", "add", own, "dev", "eth0", *no_wait)
        do(*inside, "route", "add", "default", "via", address.partition("/")[0])


def build(rules: str) -> None:
    do("mount", "-t", "tmpfs", "none", "/run")
    for namespace in ("device", "schoolgate"):
        do("ip", "netns", "add", namespace)
    cable("vlan20", "device", ["10.1.20.1/22", "2001:db8:1:20::1/64"], ["10.1.20.50/22", "2001:db8:1:20::50/64"])
    cable("vlan1", "schoolgate", ["10.1.0.1/24", "2001:db8:1::1/64"], ["10.1.0.53/24", "2001:db8:1::53/64"])
    for switch in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        Path("/proc/sys/net", switch).write_text("1", encoding="ascii")
    # The world outside: packets that no rule stops end, unanswered, at a host that forwards nothing.
    do("ip", "route", "add", "192.0.2.0/24", "via", "10.1.0.53")
    do("ip", "route", "add", "2001:db8:ffff::/48", "via", "2001:db8:1::53")
    do("nft", "-f", rules)


def ask_everything() -> str:
    server = subprocess.Popen(
        ["ip", "netns", "exec", "schoolgate", sys.executable, "-c", SCHOOLGATE], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        device = [sys.executable, "-c", DEVICE, json.dumps(QUESTIONS)]
        return subprocess.run(
            ["ip", "netns", "exec", "device", *device], check=True, stdout=subprocess.PIPE, text=True
        ).stdout
    finally:
        server.kill()
        server.communicate()


def main() -> int:
    try:
        build(sys.argv[1])
    except (subprocess.CalledProcessError, OSError) as refused:
        print(refused, getattr(refused, "stderr", ""))
        return 77
    print(ask_everything(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
