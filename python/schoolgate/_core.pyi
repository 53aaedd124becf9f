"""The Rust core of schoolgate: the stairs between the Rust floor and the Python floor.

Only octets, numbers, text and tuples go up and down, in batches. Every call that may take longer than about ten
microseconds gives the GIL up. Classes are immutable. All exceptions but `ValueError` (an argument that is no address,
no name, no JSON of the stated shape: a defect of the caller) are `SchoolgateError`s, whose message is for a person.
"""

from os import PathLike
from typing import final

from schoolgate.errors import SchoolgateError

__all__ = [
    "CompileFailed",
    "Plane",
    "PlaneError",
    "PolicyInvalid",
    "PolicyTable",
    "Snapshot",
    "SnapshotCorrupt",
    "__version__",
    "compile_snapshot",
    "explain",
    "normalise_name",
]

__version__: str

class SnapshotCorrupt(SchoolgateError):
    """A file is not a snapshot that can be used: unreadable, another format, wrong length or checksum."""

class PolicyInvalid(SchoolgateError):
    """A description of policies cannot be compiled; the message holds every problem."""

class CompileFailed(SchoolgateError):
    """A list cannot be read or a snapshot cannot be written; no file was touched."""

class PlaneError(SchoolgateError):
    """An address cannot be listened on (the message says whether it is in use), or the system refuses a thread."""

@final
class Snapshot:
    """All lists, compiled and checked."""

    @staticmethod
    def open(path: str | PathLike[str]) -> Snapshot:
        """Reads the whole file and checks every checksum. Raises `SnapshotCorrupt`."""

    @staticmethod
    def empty() -> Snapshot:
        """A snapshot with no list in it, serial 0: for tests. Never for a school."""

    @property
    def serial(self) -> int:
        """Rises with each build."""

    @property
    def entries(self) -> int:
        """Names held: those that say something their ancestors do not."""

    @property
    def size_octets(self) -> int:
        """Memory it takes."""

    def meta(self) -> bytes:
        """JSON: {"serial", "entries", "size_octets", "sources": [{"feed", "category", "rules"}]}."""

@final
class PolicyTable:
    """All policies, segments, rewrites and local zones, compiled."""

    @staticmethod
    def compile(description: bytes) -> PolicyTable:
        """From the JSON that `schoolgate.policy.compile_policy` makes. Raises `PolicyInvalid` with every problem."""

    @property
    def serial(self) -> int:
        """The number of the policy revision."""

@final
class Plane:
    """Sockets, worker threads, packet cache and pending table. No thread of it ever attaches to Python."""

    def __new__(cls, settings: bytes, snapshot: Snapshot, table: PolicyTable) -> Plane:
        """Binds all UDP sockets; nothing is answered before `start`. Raises `PlaneError`.

        `settings` is JSON: {"listen": ["127.0.0.1:5300", ...], "workers": int (0: one for each core), "cache_octets",
        "min_ttl_s", "max_ttl_s", "max_negative_ttl_s" (RFC 2308), "stale_for_s" (RFC 8767; 0: never), "crash_dir":
        directory for packets that made a worker stumble, or null}.
        """

    def start(self) -> None:
        """Starts the workers. Raises `PlaneError`."""

    def stop(self) -> None:
        """Stops the workers and waits for them; what waits for an answer is dropped. May be called twice."""

    def listening(self) -> list[tuple[str, int]]:
        """(address, port) of every socket, with the real port where 0 was asked for."""

    def miss_fd(self) -> int:
        """A descriptor that is readable while misses wait. The plane closes it."""

    def take_misses(self, most: int) -> list[tuple[int, str, bytes]]:
        """At most `most` questions for a forwarder: (token, name in text, lower case and without the last dot, whole
        query message with ID 0, RD, EDNS 1232 and no client subnet (RFC 7871))."""

    def complete(self, results: list[tuple[int, bytes | None, int]]) -> None:
        """(token, reply message, 0) or (token, None, EDE code of the failure: 22 or 23, RFC 8914). The reply is
        checked: one that does not answer the question counts as a failure. Unknown tokens are passed over."""

    def install(self, snapshot: Snapshot | None, table: PolicyTable | None) -> None:
        """Puts lists, policies or both in force; None keeps what is. Built first, then one pointer is swapped: no query
        is lost or sees half of it."""

    def ask(self, message: bytes, client: str, client_port: int, local: str, local_port: int) -> bytes | int | None:
        """One message of a stream door, without its length: the answer, a ticket for `take_answers`, or None for a
        connection to close."""

    def answers_fd(self) -> int:
        """A descriptor that is readable when `take_answers` has something, and a few times a second besides."""

    def take_answers(self) -> list[tuple[int, bytes]]:
        """(ticket, answer message) of questions that waited."""

    def explain(self, name: str, qtype: int, client: str, local: str, local_port: int) -> bytes:
        """The decision as it would be taken now, by the same walk; JSON as of the function `explain`."""

    def stats(self) -> bytes:
        """JSON: {"counters": {name: count}, "cache_entries", "cache_octets", "pending", "under_way", "workers",
        "workers_alive", "snapshot_serial", "policy_serial", "sealed_serial", "uptime_ms", "listening"}."""

def compile_snapshot(
    inputs: list[tuple[str | PathLike[str], str, str, str]], out: str | PathLike[str], serial: int
) -> bytes:
    """Compiles list files into a snapshot file, deterministically: the same lists and serial give the same octets.

    An input is (path, feed id, category id, "suffix" or "exact" for names without a mark). The file is written aside,
    synced and renamed. Returns JSON: {"serial", "names", "entries", "size_octets", "sources": [{"feed", "category",
    "rules"}], "skipped": {reason: {"lines", "examples": ["path:line: text"]}}}. Raises `CompileFailed`.
    """

def explain(
    snapshot: Snapshot, table: PolicyTable, name: str, qtype: int, client: str, local: str, local_port: int
) -> bytes:
    """The decision on one name for a client that asks the address and port `local`, without a running plane.

    JSON: {"outside": bool, "segment": id or null, "answer": in words, "decision": null when outside, else {"name",
    "policy", "effect": "allow" | "deny", "action", "layer", "category", "feed", "rule", "listed_name", "own_name",
    "rewrite", "local_zone", "matched": [{"layer", "effect", "category", "feed", "rule", "wins"}]}}.
    """

def normalise_name(text: str) -> str:
    """The wire form, as text, of a name that somebody wrote in a list. Raises `ValueError` saying what is wrong."""
