"""The self-test asks as a client of each segment, and believes only the sealed lists' own mark."""

from __future__ import annotations

from pathlib import Path

import orjson

from schoolgate._core import SEALED_SELF_TEST_NAME
from schoolgate.config import SocketAddress
from schoolgate.sealed.selftest import clients_of, from_each_segment, is_censored, query
from schoolgate.sealed.selftest_rows import AnnouncedRow, announce, announced

OWN = SocketAddress("192.0.2.53", 53)
CENSORED = b"\x00\x00\x80\x03" + bytes(8) + b"\x00\x0f\x00\x02\x00\x10"
BLOCKED = b"\x00\x00\x80\x03" + bytes(8) + b"\x00\x0f\x00\x02\x00\x0f"


class Plane:
    """Decides by the client's address; `narrower` is a segment inside the first one."""

    def __init__(self, answer: bytes | int | None = CENSORED, layer: str = "sealed") -> None:
        self.answer, self.layer = answer, layer
        self.asked: list[tuple[str, str, int]] = []

    def explain(self, name: str, qtype: int, client: str, local: str, local_port: int) -> bytes:
        assert (name, qtype) == (SEALED_SELF_TEST_NAME, 1)
        segment = "narrower" if client == "10.0.0.0" else "door" if local == "10.9.9.9" else "pupils"
        decision = {"layer": self.layer, "effect": "deny", "rule": "sealed list, serial 1"}
        return orjson.dumps({"segment": segment, "decision": decision})

    def ask(self, message: bytes, client: str, client_port: int, local: str, local_port: int) -> bytes | int | None:
        self.asked.append((client, local, local_port))
        return self.answer


def segment(name: str, prefixes: list[str], asked: list[str]) -> dict[str, object]:
    return {"id": name, "policy": "p", "prefixes": prefixes, "asked": asked}


PUPILS, DOOR = segment("pupils", ["10.0.0.0/24"], []), segment("door", [], ["10.9.9.9:5301"])


def test_each_segment_is_asked_for_by_a_client_that_is_in_it() -> None:
    plane = Plane()
    results = from_each_segment(plane, [PUPILS, DOOR], OWN)
    assert plane.asked == [("10.0.0.255", "192.0.2.53", 53), ("127.0.0.1", "10.9.9.9", 5301)]
    assert [one["denied"] for one in results] == [True, True]
    assert results[0]["rule"] == "sealed list, serial 1"


def test_an_answer_that_is_not_the_sealed_lists_own_fails() -> None:
    for plane in (Plane(answer=7), Plane(answer=None), Plane(answer=BLOCKED), Plane(layer="own-list")):
        assert [one["denied"] for one in from_each_segment(plane, [PUPILS], OWN)] == [False]


def test_a_segment_that_nobody_is_in_is_said_to_be_so() -> None:
    result = from_each_segment(Plane(), [segment("other", ["10.0.0.0/32"], [])], OWN)[0]
    assert (result["denied"], result["reason"]) == (True, "no client is in it")


def test_the_query_asks_for_the_self_test_name_with_room_for_a_reason() -> None:
    import dns.message

    asked = dns.message.from_wire(query(7))
    assert (asked.id, asked.question[0].name.to_text()) == (7, SEALED_SELF_TEST_NAME + ".")
    assert asked.edns == 0


def test_only_a_reply_with_code_16_counts() -> None:
    assert is_censored(CENSORED)
    assert not is_censored(BLOCKED)
    assert not is_censored(b"\x00\x00\x00\x00" + CENSORED[4:]), "a query"


def test_what_is_asked_for_each_segment_is_known_before_it_is_asked() -> None:
    plane = Plane()
    segments = [PUPILS, DOOR, segment("other", ["10.0.0.0/32"], [])]
    assert clients_of(plane, segments, OWN) == ["10.0.0.255", "127.0.0.1"]
    assert plane.asked == []


def test_announcements_are_kept_together_and_for_their_time(tmp_path: Path) -> None:
    day_us = 86_400 * 1_000_000
    rows = [AnnouncedRow(str(day), ("p-a",), "tcp", day * day_us) for day in (0, 300, 500)]
    for one in rows:
        announce(tmp_path, [one])
    assert announced(tmp_path) == (rows[1], rows[2])
    (tmp_path / "sealed" / "selftest-rows.json").write_text("damaged")
    assert announced(tmp_path) == ()
