"""A DHCP server here, and a client in a namespace of its own that takes the leases of many.

Run inside `unshare --net --mount`. Arguments: the server's command as JSON, then clients as JSON pairs of hardware
address and host name. Prints, as JSON, the address that each client got. Exit 77: the machine does not allow it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import sys
import time

COOKIE = bytes.fromhex("63825363")
DISCOVER, REQUEST = 1, 3
ASK_AGAIN_S, PATIENT_S = 1.0, 60.0


def do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def message(kind: int, mac: bytes, name: str, *options: tuple[int, bytes]) -> bytes:
    """RFC 2131, with the broadcast flag: the client has no address yet."""
    head = struct.pack("!4B4sHH4s4s4s4s", 1, 1, 6, 0, mac[-4:], 0, 0x8000, *[bytes(4)] * 4)
    parts = [(53, bytes([kind])), (12, name.encode()), (61, b"\x01" + mac), *options]
    tail = b"".join(bytes([code, len(value)]) + value for code, value in parts if value)
    return head + mac.ljust(16, b"\0") + bytes(192) + COOKIE + tail + b"\xff"


def options_of(reply: bytes) -> dict[int, bytes]:
    found, at = {}, 240
    while at < len(reply) and reply[at] != 255:
        if reply[at] == 0:
            at += 1
            continue
        found[reply[at]] = reply[at + 2 : at + 2 + reply[at + 1]]
        at += 2 + reply[at + 1]
    return found


def asked(door: socket.socket, sent: bytes, deadline: float) -> bytes:
    """The reply to a message, which is sent again until there is one: the server may not listen yet."""
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            door.sendto(sent, ("255.255.255.255", 67))
        with contextlib.suppress(TimeoutError):
            reply = door.recv(4096)
            if reply[0] == 2 and reply[4:8] == sent[4:8]:
                return reply
    raise SystemExit("no reply of the DHCP server")


def lease(mac_text: str, name: str) -> str:
    mac, deadline = bytes.fromhex(mac_text.replace(":", "")), time.monotonic() + PATIENT_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        door.settimeout(ASK_AGAIN_S)
        door.bind(("", 68))
        offer = asked(door, message(DISCOVER, mac, name), deadline)
        wanted = ((50, offer[16:20]), (54, options_of(offer)[54]))
        acknowledged = asked(door, message(REQUEST, mac, name, *wanted), deadline)
        return socket.inet_ntoa(acknowledged[16:20])


def clients(pairs: list[tuple[str, str]]) -> None:
    print(json.dumps({mac: lease(mac, name) for mac, name in pairs}))


def main() -> None:
    command, pairs = json.loads(sys.argv[1]), sys.argv[2]
    if command == "client":
        clients(json.loads(pairs))
        return
    try:
        do("mount", "-t", "tmpfs", "none", "/run")
        do("mkdir", "/run/kea")
        do("ip", "netns", "add", "client")
        do("ip", "link", "set", "lo", "up")
        do("ip", "link", "add", "lan", "type", "veth", "peer", "name", "eth0", "netns", "client")
        do("ip", "addr", "add", "192.0.2.1/24", "dev", "lan")
        do("ip", "link", "set", "lan", "up")
        do("ip", "-n", "client", "link", "set", "eth0", "up")
        # A client without an address needs a route for its broadcasts.
        do("ip", "-n", "client", "route", "add", "default", "dev", "eth0")
    except (OSError, subprocess.CalledProcessError) as error:
        print(error, getattr(error, "stderr", ""), file=sys.stderr)
        raise SystemExit(77) from error
    server = subprocess.Popen(command, stdout=sys.stderr, stderr=sys.stderr)
    try:
        do_clients = ["ip", "netns", "exec", "client", sys.executable, __file__, '"client"', pairs]
        raise SystemExit(subprocess.run(do_clients, check=False).returncode)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
