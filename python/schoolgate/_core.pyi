"""The Rust core of schoolgate: the stairs between the Rust floor and the Python floor.

Only octets, numbers, text and tuples go up and down, in batches. Every call that may take longer than about ten
microseconds gives the GIL up. Classes are immutable. All exceptions but `ValueError` (an argument that is no address,
no name, no JSON of the stated shape: a defect of the caller) are `SchoolgateError`s, whose message is for a person.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from os import PathLike
from typing import Any, final

from schoolgate.errors import SchoolgateError

__all__ = [
    "SEALED_SELF_TEST_NAME",
    "CompileFailed",
    "ListRefused",
    "Plane",
    "PlaneError",
    "PolicyInvalid",
    "PolicyTable",
    "SealFailed",
    "SealedCorrupt",
    "SealedList",
    "Snapshot",
    "SnapshotCorrupt",
    "__version__",
    "add_sealed_key",
    "compile_snapshot",
    "detect_dialect",
    "explain",
    "inspect_list",
    "keep_sealed_keys",
    "list_difference",
    "list_rules_for",
    "log_client",
    "log_pseudonym",
    "log_read",
    "log_to_parquet",
    "log_write_sample",
    "normalise_name",
    "registrable_domain",
    "seal_list",
]

__version__: str

SEALED_SELF_TEST_NAME: str
"""A name of ours in every sealed list: asking for it shows that the list is in force."""

class SnapshotCorrupt(SchoolgateError):
    """A file is not a snapshot that can be used: unreadable, another format, wrong length or checksum."""

class PolicyInvalid(SchoolgateError):
    """A description of policies cannot be compiled; the message holds every problem."""

class CompileFailed(SchoolgateError):
    """A list cannot be read or a snapshot cannot be written; no file was touched."""

class ListRefused(SchoolgateError):
    """A file is no list: a web page, binary, empty, in no dialect, larger than it may be. The message says which."""

class PlaneError(SchoolgateError):
    """An address cannot be listened on (the message says whether it is in use), or the system refuses a thread."""

class SealedCorrupt(SchoolgateError):
    """A sealed list or its keys cannot be used: unreadable, changed, of another installation, readable by others."""

class SealFailed(SchoolgateError):
    """A supplier's list was not imported; what was in force stays. No message quotes an entry."""

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

    def said_of_address(self, address: IPv4Address | IPv6Address) -> bytes:
        """JSON: [[category, feed], ...] of every list that names the address or a network that holds it."""

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

# Forwarder, sent, replies, round-trip times of some of them (s), silences, waits of some of them (s), refusals, strays
# (replies to no question of ours), a query it has answered.
_Tally = tuple[int, int, int, list[float], int, list[float], int, int, bytes | None]
# Key (a miss's token or that of `send_query`), what happened ("replied", "guessed": too many strays, "timed_out",
# "failed": the network refused, "starved": this machine is short of something), forwarder, reply, when it was sent,
# query, and the name in text for a miss, None for a query.
_Event = tuple[int, str, int, bytes, float, bytes, str | None]
# Under way, seconds until `end_overdue` is to be called at the latest (None: there is nothing to look after), and since
# the last report: (misses taken, answered, failed for nobody to ask, failed for a bound), by forwarder, and what the
# caller has to see to.
_Report = tuple[int, float | None, tuple[int, int, int, int], list[_Tally], list[_Event]]

@final
class Plane:
    """Sockets, worker threads, packet cache and pending table. No thread of it ever attaches to Python."""

    def __new__(
        cls, settings: bytes, snapshot: Snapshot, table: PolicyTable, sealed: SealedList | None = None
    ) -> Plane:
        """Binds all UDP sockets; nothing is answered before `start`. Raises `PlaneError`.

        `settings` is JSON: {"listen": ["127.0.0.1:5300", ...], "workers": int (0: one for each core), "cache_octets",
        "min_ttl_s", "max_ttl_s", "max_negative_ttl_s" (RFC 2308), "stale_for_s" (RFC 8767; 0: never), "crash_dir":
        directory for packets that made a worker stumble, or null, "query_log": null or {"directory", "max_octets",
        "key": 16 octets as a list, or null to store addresses}}.
        """

    def start(self) -> None:
        """Starts the workers. Raises `PlaneError`."""

    def stop(self) -> None:
        """Stops the workers and waits for them; what waits for an answer is dropped, what was recorded is written and
        synced. May be called twice."""

    def listening(self) -> list[tuple[str, int]]:
        """(address, port) of every socket, with the real port where 0 was asked for."""

    def forwarding_fd(self) -> int:
        """A descriptor that is readable when misses wait for `send_misses`, or `read_replies` has something to tell
        that cannot wait for the next tick. The plane closes it."""

    def install_routes(self, forwarders: Sequence[tuple[int, str, int, int]], zones: Sequence[tuple[str, int]]) -> None:
        """Who may be asked: (number, address, port, scope of a link-local address), and (zone, index of its set in
        `send_misses`); set 0 has all other names. Remembered failures are forgotten."""

    def read_replies(self, now_s: float) -> _Report:
        """Tells what has happened, after taking replies that have come where no worker does. NOERROR and NXDOMAIN
        without TC complete their questions. `now_s` is the caller's monotonic clock, here and below."""

    def send_misses(self, shares: Sequence[Sequence[tuple[int, float, int]]], now_s: float) -> _Report:
        """Sends misses; workers send those to come in the same way until this is called again. For each set, in the
        order in which they are asked: (forwarder, timeout in seconds, how many questions it gets). Where nobody is left
        a miss fails with EDE 22 at once."""

    def send_query(self, key: int, forwarder: int, query: bytes, timeout_s: float, now_s: float) -> _Report:
        """Sends one query; what becomes of it is an event under `key`. Its ID is drawn anew."""

    def end_overdue(self, now_s: float) -> _Report:
        """Tells what has happened. Where no worker does so it reads what has come, ends what is overdue and closes
        ports that are of no more use. To be called when a report says, at the latest."""

    def abandon_queries(self) -> None:
        """Closes all ports; misses on their first try fail with EDE 23, of queries nothing more is heard."""

    def complete(self, results: Sequence[tuple[int, bytes | None, int, bool]]) -> None:
        """(token, reply message or None, EDE code of the failure where there is none: 22 or 23 (RFC 8914), whether a
        failure is remembered (RFC 9520)). The reply is checked: one that does not answer the question counts as a
        failure. Unknown tokens are passed over."""

    def forget_failures(self) -> None:
        """What failed may succeed now."""

    def install(self, snapshot: Snapshot | None, table: PolicyTable | None, sealed: SealedList | None = None) -> None:
        """Puts lists, policies, sealed lists or all in force; None keeps what is.

        Built first, then one pointer is swapped: no query is lost or sees half of it.
        """

    def set_pseudonym_key(self, key: bytes | None) -> None:
        """Clients are recorded under this key of 16 octets from now on; None: by address."""

    def ask(self, message: bytes, client: str, client_port: int, local: str, local_port: int) -> bytes | int | None:
        """One message of a stream door, without its length: the answer, a ticket for `take_answers`, or None for a
        connection to close."""

    def answers_fd(self) -> int:
        """A descriptor that is readable when `take_answers` has something, and a few times a second while somebody
        waits."""

    def take_answers(self) -> list[tuple[int, bytes]]:
        """(ticket, answer message) of questions that waited."""

    def explain(self, name: str, qtype: int, client: str, local: str, local_port: int) -> bytes:
        """The decision as it would be taken now, by the same walk; JSON as of the function `explain`."""

    def stats(self) -> bytes:
        """JSON: {"counters": {name: count}, "cache_entries", "cache_octets", "pending", "under_way", "workers",
        "workers_alive", "snapshot_serial", "policy_serial", "sealed_serial", "uptime_ms", "listening", "query_log":
        {"enabled", "rows": {"ordinary", "safeguarding"}, "dropped_ring", "dropped_disk": the same, "octets", "problem":
        text or null, "last_fsync_age_ms": or null}}."""

@final
class SealedList:
    """The sealed lists of all suppliers. There is no way to take an entry out of one, or to read one."""

    @staticmethod
    def open(paths: list[str | PathLike[str]], keys: str | PathLike[str]) -> SealedList:
        """Reads and checks the files of all suppliers; one that is wrong makes all unusable. Raises `SealedCorrupt`."""

    @property
    def serial(self) -> int:
        """The highest serial among the files."""

    @property
    def entries(self) -> int:
        """Names and digests held, the self-test name included."""

    @property
    def size_octets(self) -> int:
        """Octets in memory."""

    def facts(self) -> bytes:
        """JSON, by file: [{"supplier", "serial", "created_unix_s", "key_id", "names", "digests": [MD5, SHA-1, SHA-256],
        "url_level", "skipped"}]. Counts only."""

def seal_list(
    source: str | PathLike[str],
    form: str,
    column: str | None,
    keys: str | PathLike[str],
    out: str | PathLike[str],
    supplier: str,
    serial: int,
    created_unix_s: int,
) -> bytes:
    """Turns a supplier's list into a sealed list in one pass; no entry reaches Python. Makes the keys if need be.

    `form` is "plain", "csv" or "hashes": hexadecimal MD5, SHA-1 or SHA-256 of names, with a column in a CSV file.
    Returns JSON: what `SealedList.facts` says of it, with "entries" and "skipped_by_reason": {reason: count}. The file
    is written aside, synced and renamed, for its owner alone. Raises `SealFailed`.
    """

def add_sealed_key(keys: str | PathLike[str]) -> str:
    """A new random key for the next import; makes the file when there is none. Returns the key's id."""

def keep_sealed_keys(keys: str | PathLike[str], ids: list[str]) -> str:
    """Forgets the keys that are neither the newest nor named; what they sealed is unreadable. Returns the newest id."""

_Path = str | PathLike[str]
_ListInput = tuple[_Path, str, str, str] | tuple[_Path, str, str, str, str | None]

def compile_snapshot(
    inputs: Sequence[_ListInput],
    out: _Path,
    serial: int,
    *,
    protected: list[str] = ...,
    max_unpacked_octets: int | None = None,
) -> bytes:
    """Compiles list files into a snapshot file, deterministically: the same lists and serial give the same octets.

    An input is (path, feed id, category id, "suffix" or "exact" for names without a mark) for a reviewed list in the
    plain dialect; a feed has its dialect besides (None or "": to be found out). A category that begins with { is a JSON
    object from the feed's categories to ours. No feed denies a name of `protected`, nor what is below it. The file is
    written aside, synced and renamed. Returns JSON: {"serial", "names", "entries", "size_octets", "sources": [{"feed",
    "category", "rules"}], "inputs", "skipped": {reason: {"lines", "examples": ["path:line: text"]}}}. Raises
    `CompileFailed`.
    """

def explain(
    snapshot: Snapshot,
    table: PolicyTable,
    name: str,
    qtype: int,
    client: str,
    local: str,
    local_port: int,
    sealed: SealedList | None = None,
) -> bytes:
    """The decision on one name for a client that asks the address and port `local`, without a running plane.

    JSON: {"outside": bool, "segment": id or null, "answer": in words, "decision": null when outside, else {"name",
    "policy", "effect": "allow" | "deny", "action", "layer", "category", "feed", "rule", "listed_name", "own_name",
    "rewrite", "local_zone", "matched": [{"layer", "effect", "category", "feed", "rule", "wins"}]}}.
    """

def inspect_list(
    path: _Path,
    dialect: str | None = None,
    *,
    matching: str = "suffix",
    protected: list[str] = ...,
    reviewed: bool = False,
    max_unpacked_octets: int | None = None,
) -> bytes:
    """What a list holds, without compiling it. JSON: {"dialect", "lines", "octets", "rules", "exceptions", "spared",
    "skipped": {reason: {"lines", "examples"}}, "categories": {theirs: rules}, "sample", "rules_xxh3"}. Raises
    `ListRefused`, and `ValueError` for an unknown dialect."""

def list_rules_for(
    inputs: Sequence[_ListInput], name: str, *, protected: list[str] = ..., max_unpacked_octets: int | None = None
) -> bytes:
    """Every line that speaks of a name or an address. JSON: {"name", "lines_read", "rules": [{"feed", "category",
    "path", "member", "line", "text", "rule", "kind", "refused"}]}. Raises `ListRefused` and `ValueError`."""

def list_difference(
    before: Sequence[_ListInput], after: Sequence[_ListInput], *, protected: list[str] = ..., most: int = 100
) -> bytes:
    """Names that one side lists under a category and the other does not. JSON: {"added", "removed", "added_names",
    "removed_names": [{"name", "category", "feed", "kind"}]}, at most `most` of each named. Raises `ListRefused`."""

def detect_dialect(first: bytes, file_name: str) -> str | None:
    """The dialect of a list's first octets, or None where nothing speaks for any."""

def normalise_name(text: str) -> str:
    """The wire form, as text, of a name that somebody wrote in a list. Raises `ValueError` saying what is wrong."""

def registrable_domain(name: str) -> str | None:
    """The part of a name that somebody registered, by the public suffix list, in lower case; None for a public suffix
    itself and for a single label."""

def log_read(path: _Path, offset: int, most: int) -> tuple[list[tuple[Any, ...]], int]:
    """Rows of a write-ahead file from octet `offset` on (0, or what an earlier call returned), whole frames until about
    `most` rows, and where to go on. At the end of what is written: ([], offset); a tail that is damaged or half written
    ends the reading like the end. Raises `OSError` if the file cannot be read.

    A row: (time in microseconds since 1970 UTC, client, segment, policy, policy serial, door, qname, qname as asked or
    None, qtype, rcode, action, layer, category or None, rule or None, snapshot serial, source, latency in microseconds,
    cname or None, device None, user None).
    """

def log_to_parquet(wal: _Path, directory: _Path) -> bytes:
    """Turns a closed write-ahead file into Parquet under directory/day=YYYY-MM-DD/class=.../wal-<number>[-part].parquet
    (days in UTC), written aside, synced and renamed; doing it again gives the same files. JSON: {"rows", "files":
    [paths], "lost_octets": that are no whole frame, "lost_rows", "is_damaged": more is lost than a last frame that was
    never whole}. Raises `OSError`, also for a format of another version."""

def log_write_sample(directory: _Path, class_: str, number: int, rows: list[tuple[Any, ...]]) -> None:
    """A write-ahead file as the server would write it, of rows as `log_read` gives them: for tests and benchmarks.
    Raises `ValueError` for what is no row, `OSError` if there is such a file."""

def log_pseudonym(key: bytes, client: str) -> str:
    """The pseudonym of an address under a key of 16 octets: "p-" and 26 characters."""

def log_client(key: bytes, pseudonym: str) -> str | None:
    """The address that a pseudonym stands for, if it was made with this key (another key gives some other address);
    None for what is no pseudonym."""
