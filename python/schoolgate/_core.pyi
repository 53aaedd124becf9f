"""The Rust core of schoolgate as a Python module.

Octets, numbers, text and small frozen classes cross, in batches. Every call that may take longer than about ten
microseconds releases the GIL. Instances are immutable. All exceptions except `ValueError` and `TypeError` (an argument
that is no address, no name, or not of the stated shape: a defect of the caller) are `SchoolgateError`s, whose message
is for the operator.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from os import PathLike
from pathlib import Path
from typing import Final, final

from schoolgate.errors import SchoolgateError

__all__ = [
    "SEALED_SELF_TEST_NAME",
    "CertificateUnusable",
    "CompileFailed",
    "Doors",
    "ForwarderAddress",
    "ForwarderShare",
    "ForwarderTally",
    "ForwarderUnusable",
    "ForwardingEvent",
    "ForwardingReport",
    "ListFile",
    "ListRefused",
    "LogRow",
    "MissResult",
    "Plane",
    "PlaneError",
    "PolicyInvalid",
    "PolicyTable",
    "SealFailed",
    "SealedCorrupt",
    "SealedList",
    "Snapshot",
    "SnapshotCorrupt",
    "ZoneRoute",
    "__version__",
    "add_sealed_key",
    "ask_forwarder",
    "compile_snapshot",
    "decide_names",
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

class CertificateUnusable(SchoolgateError):
    """A certificate or its key cannot be used for TLS; what was in force stays."""

class ForwarderUnusable(SchoolgateError):
    """A forwarder could not be asked over a connection: not reached, not believed, or no usable answer in time."""

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

@final
class ForwarderAddress:
    """Number and address of one forwarder, for `Plane.install_routes`."""

    def __new__(
        cls,
        number: int,
        host: str,
        port: int,
        scope: int = 0,
        *,
        carried: bytes | None = None,
        is_ad_trusted: bool = False,
    ) -> ForwarderAddress: ...
    number: Final[int]
    """Number by which shares, tallies and events name the forwarder."""
    host: Final[str]
    """IP address in text."""
    port: Final[int]
    """UDP or TCP port."""
    scope: Final[int]
    """Interface index of a link-local IPv6 address, else 0."""
    carried: Final[bytes | None]
    """None: it is asked by UDP. Else how connections to it are spoken over, as JSON: {"transport": "tcp", "tls" or
    "https", "name": that its certificate must have, "roots": authorities that it is believed by, PEM, "pins": SHA-256
    of keys in base64, "path": of HTTPS}."""
    is_ad_trusted: Final[bool]
    """Its word that it has validated an answer (AD) counts."""

def ask_forwarder(forwarder: ForwarderAddress, query: bytes, timeout_s: float) -> tuple[bytes, float, float, bytes]:
    """One query over a connection of its own to a forwarder that has `carried`: the reply, which repeats ID and
    question, how long connection and handshake took and then the answer (seconds), and the certificate (DER; empty
    without TLS). Blocks. Raises `ForwarderUnusable` with the reason, `ValueError` for what is no address."""

@final
class ZoneRoute:
    """Forwarder set of one zone, for `Plane.install_routes`. The longest zone that holds a name wins."""

    def __new__(cls, zone: str, set_index: int) -> ZoneRoute: ...
    zone: Final[str]
    """Name of the zone in text."""
    set_index: Final[int]
    """Index of its forwarder set in the argument of `Plane.send_misses`."""

@final
class ForwarderShare:
    """How many of the next queries one forwarder gets, for `Plane.send_misses`."""

    def __new__(
        cls, forwarder: int, timeout_s: float, most: int, *, has_edns: bool = True, asks_ad: bool = False
    ) -> ForwarderShare: ...
    forwarder: Final[int]
    """Number of the forwarder."""
    timeout_s: Final[float]
    """How long a query waits for its reply."""
    most: Final[int]
    """The largest number of queries; the next share of the set gets those that follow."""
    has_edns: Final[bool]
    """False: queries go without OPT, to a forwarder that does not know EDNS (RFC 6891 section 7)."""
    asks_ad: Final[bool]
    """True: queries ask whether the answer was validated (AD, RFC 6840 section 5.7)."""

@final
class MissResult:
    """Result of one miss, for `Plane.complete`."""

    def __new__(
        cls,
        token: int,
        reply: bytes | None,
        *,
        ede: int = 0,
        is_failure: bool = False,
        ad_trusted: bool | None = None,
    ) -> MissResult: ...
    token: Final[int]
    """The `key` of the miss's `ForwardingEvent`."""
    reply: Final[bytes | None]
    """Reply message, or None when there is none."""
    ede: Final[int]
    """Extended DNS error of a result without a reply: 22 or 23 (RFC 8914)."""
    is_failure: Final[bool]
    """Whether it is a resolution failure to remember (RFC 9520)."""
    ad_trusted: Final[bool | None]
    """Whether the reply's AD bit counts; None: the query did not ask for it."""

@final
class ForwarderTally:
    """What one forwarder did since the last report."""

    def __new__(
        cls,
        forwarder: int,
        *,
        sent: int = 0,
        replies: int = 0,
        rtts_s: Sequence[float] = ...,
        timeouts: int = 0,
        waits_s: Sequence[float] = ...,
        network_errors: int = 0,
        mismatches: int = 0,
        answered_query: bytes | None = None,
    ) -> ForwarderTally: ...
    forwarder: Final[int]
    """Number of the forwarder."""
    sent: Final[int]
    """Queries sent to it."""
    replies: Final[int]
    """Replies that match a query."""
    rtts_s: Final[tuple[float, ...]]
    """Round-trip times of some of the replies, in seconds."""
    timeouts: Final[int]
    """Queries without a reply in time."""
    waits_s: Final[tuple[float, ...]]
    """How long some of the queries without a reply waited, in seconds."""
    network_errors: Final[int]
    """Times the network refused, such as an ICMP error or no route."""
    mismatches: Final[int]
    """Datagrams that match no query."""
    answered_query: Final[bytes | None]
    """One query that it answered, or None."""

@final
class ForwardingEvent:
    """One query whose next step the caller decides."""

    def __new__(
        cls, key: int, kind: str, *, forwarder: int, reply: bytes, sent_at_s: float, query: bytes, name: str | None
    ) -> ForwardingEvent: ...
    key: Final[int]
    """Token of the miss, or the key given to `Plane.send_query`."""
    kind: Final[str]
    """What happened: "replied"; "answered": a reply to this query, or to an earlier one for the same miss, completed
    the miss; "damaged": the reply cannot be used; "guessed": too many mismatches; "timed_out"; "failed": the network
    refused; "starved": this machine is short of descriptors or the like."""
    forwarder: Final[int]
    """Number of the forwarder that the query went to."""
    reply: Final[bytes]
    """Reply message of "replied" and "damaged", else empty."""
    sent_at_s: Final[float]
    """When the query was sent, by the caller's clock."""
    query: Final[bytes]
    """Query message; of "answered" as it was sent, of all others with its OPT."""
    name: Final[str | None]
    """QNAME in text for a miss, None for a query of `Plane.send_query`."""

@final
class ForwardingReport:
    """What happened to queries to forwarders since the last report."""

    def __new__(
        cls,
        *,
        under_way: int = 0,
        next_call_in_s: float | None = None,
        misses: int = 0,
        answered: int = 0,
        failed_no_forwarder: int = 0,
        overflow: int = 0,
        tallies: Sequence[ForwarderTally] = ...,
        events: Sequence[ForwardingEvent] = ...,
    ) -> ForwardingReport: ...
    under_way: Final[int]
    """Queries under way now."""
    next_call_in_s: Final[float | None]
    """Seconds until `Plane.end_overdue` is to be called at the latest; None: no call is needed."""
    misses: Final[int]
    """Misses taken."""
    answered: Final[int]
    """Misses completed with an answer."""
    failed_no_forwarder: Final[int]
    """Misses failed because no forwarder is up."""
    overflow: Final[int]
    """Misses failed because too many were under way."""
    tallies: Final[tuple[ForwarderTally, ...]]
    """One for each forwarder that did something."""
    events: Final[tuple[ForwardingEvent, ...]]
    """One for each query that needs a decision, in order of time."""

@final
class Plane:
    """Sockets, worker threads, packet cache and pending table. No thread of it ever attaches to Python."""

    def __new__(
        cls, settings: bytes, snapshot: Snapshot, table: PolicyTable, sealed: SealedList | None = None
    ) -> Plane:
        """Binds all UDP sockets; nothing is answered before `start`. Raises `PlaneError`.

        `settings` is JSON: {"listen": ["127.0.0.1:5300", ...], "workers": int (0: one for each core), "door_threads":
        int (answerers set aside for `Doors`), "has_encrypted_doors": bool (they keep as much as a worker),
        "cache_octets",
        "min_ttl_s", "max_ttl_s", "max_negative_ttl_s" (RFC 2308), "stale_for_s" (RFC 8767; 0: never), "crash_dir":
        directory for packets that made a worker panic, or null, "prefetch": bool, "query_log": null or
        {"directory", "max_octets",
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
        """A descriptor that is readable when misses wait for `send_misses`, or `read_replies` has events that cannot
        wait for the next call of `end_overdue`. The plane closes it."""

    def install_routes(self, forwarders: Sequence[ForwarderAddress], zones: Sequence[ZoneRoute]) -> None:
        """Installs forwarders, and zones that have forwarder sets of their own; set 0 has all other names. Remembered
        failures are dropped. Raises `ValueError` for what is no address or no name."""

    def connections(self) -> bytes:
        """JSON: a list of {"forwarder": number, "transport", "open": connections that stand, "events": {event: count},
        "problem": why the last connection could not be opened, or null}, of forwarders asked over connections."""

    def read_replies(self, now_s: float) -> ForwardingReport:
        """Reads replies that no worker reads, then reports. A reply with NOERROR or NXDOMAIN and without TC completes
        its miss. `now_s` is the caller's monotonic clock in seconds, here and below."""

    def send_misses(self, shares: Sequence[Sequence[ForwarderShare]], now_s: float) -> ForwardingReport:
        """Sends the misses that wait; workers send later ones in the same way until the next call. `shares` has one
        sequence for each forwarder set, in the order in which forwarders get queries. Where a set is empty or used up,
        a miss fails with EDE 22 at once."""

    def send_query(self, key: int, forwarder: int, query: bytes, timeout_s: float, now_s: float) -> ForwardingReport:
        """Sends one query under a new random ID: for a miss under its token, else under a key below 0. Its outcome is
        one event under `key`. Raises `ValueError` for what is no query with a question."""

    def end_overdue(self, now_s: float) -> ForwardingReport:
        """Expires timeouts and closes unused ports where no worker does, after reading replies, then reports. Call it
        within `next_call_in_s` of the last report."""

    def abandon_queries(self) -> None:
        """Closes all ports. Misses on their first try fail with EDE 23; queries of `send_query` give no event."""

    def complete(self, results: Sequence[MissResult]) -> None:
        """Completes misses. Each reply is checked: one that does not match its question counts as a failure. Unknown
        tokens are ignored."""

    def forget_failures(self) -> None:
        """Drops remembered failures (RFC 9520), so that these names are tried again."""

    def install(self, snapshot: Snapshot | None, table: PolicyTable | None, sealed: SealedList | None = None) -> None:
        """Activates lists, policies, sealed lists or all; None keeps the active one.

        Built first, then one pointer is swapped: no query is lost or sees half of it.
        """

    def install_groups(self, description: bytes) -> int:
        """Says anew which addresses are of devices in groups, whose policies tighten that of the network: JSON
        `{"sets": [[group, ...], ...], "addresses": [[address, number of a set], ...]}`. How many addresses there are.

        Raises `ValueError` where it is none or has too many; then what was said before stays."""

    def set_pseudonym_key(self, key: bytes | None) -> None:
        """Clients are recorded under this key of 16 octets from now on; None: by address."""

    def ask(self, message: bytes, client: str, client_port: int, local: str, local_port: int) -> bytes | int | None:
        """One message of a stream door, without its length: the answer, a ticket for `take_answers`, or None for a
        connection to close."""

    def designate(
        self, name: str, addresses: Sequence[str], dot: Sequence[tuple[str, int]], doh: Sequence[tuple[str, int]]
    ) -> None:
        """Clients that ask one of `addresses` by plain DNS for encrypted doors (RFC 9462) are shown these, under the
        certificate's `name`; others that there is none. Raises `ValueError` for what is no name or address."""

    def answers_fd(self) -> int:
        """A descriptor that is readable when `take_answers` has something, and a few times a second while a
        question waits."""

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
class Doors:
    """DNS over TCP (RFC 7766), TLS (RFC 7858) and HTTPS (RFC 8484) around a plane. No thread of it ever attaches to
    Python."""

    def __new__(cls, plane: Plane, settings: bytes) -> Doors:
        """Opens all listeners; no client is let in before `start`. Raises `PlaneError` for those of TCP, and where the
        plane was made without `door_threads`; what keeps the encrypted ones shut is in `encrypted_problem`.

        `settings` is JSON: {"tcp": {"listen": ["192.0.2.1:53", ...], "connections": int, "connections_per_client": int
        (an IPv6 /64 is one client; times the devices of its segment), "idle_s": int, "pipelined": int}, "encrypted":
        {"dot": ["192.0.2.1:853", ...], "doh": [...], "connections", "connections_per_client"}}.
        """

    def start(self) -> None:
        """Starts the threads: TCP is served. Raises `PlaneError`."""

    def admit_encrypted(self, is_admitted: bool) -> None:
        """Lets clients in at the encrypted doors, which waited in the kernel; or closes these for good."""

    def encrypted_problem(self) -> str | None:
        """Why the encrypted doors could not be opened; None where they are, or were not wanted."""

    def stop(self) -> None:
        """Lets nobody in any more and waits, a few seconds at most, for answers that clients wait for. May be called
        twice; before `Plane.stop`."""

    def install_certificate(self, chain: bytes, key: bytes) -> None:
        """Puts a chain and its private key, both PEM, in force for connections to come. Raises `CertificateUnusable`,
        also where they do not match; then what was in force stays. Without one every handshake fails."""

    def install_limits(self, settings: bytes) -> None:
        """Puts the limits of new settings in force; connections that are in stay, addresses wait for a restart."""

    def listening(self) -> list[tuple[str, str, int]]:
        """("tcp", "dot" or "doh", address, port) of every door, with the real port where 0 was asked for."""

    def stats(self) -> bytes:
        """JSON: {"tcp": {"events": {event: count}, "open", "waiting"}, "encrypted": {door: {event: count}},
        "encrypted_open", "encrypted_waiting", "threads", "threads_alive", "has_certificate"}."""

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

@final
class ListFile:
    """One list file to read: a feed, or a reviewed list of this project or of the school."""

    def __new__(
        cls,
        path: _Path,
        feed: str,
        category: str,
        *,
        matching: str = "suffix",
        reviewed: bool = False,
        dialect: str | None = None,
        private_suffixes: bool = False,
    ) -> ListFile: ...
    path: Final[Path]
    """Path of the file."""
    feed: Final[str]
    """Id of the feed or reviewed list."""
    category: Final[str]
    """Category id. Of a feed, text that begins with { is a JSON object from the feed's categories to ours."""
    matching: Final[str]
    """ "suffix" or "exact": the rule for names without a mark."""
    reviewed: Final[bool]
    """Whether it is a reviewed list: in the plain dialect, and free to list protected names."""
    dialect: Final[str | None]
    """Dialect of a feed; None or "": it is detected."""
    private_suffixes: Final[bool]
    """Whether a feed may name public suffixes of private hosts, such as duckdns.org."""

def compile_snapshot(
    inputs: Sequence[ListFile],
    out: _Path,
    serial: int,
    *,
    protected: list[str] = ...,
    max_unpacked_octets: int | None = None,
) -> bytes:
    """Compiles list files into a snapshot file, deterministically: the same lists and serial give the same octets.

    No feed denies a name of `protected`, nor what is below it. The file is written aside, synced and renamed. Returns
    JSON: {"serial", "names", "entries", "size_octets", "sources": [{"feed", "category", "rules"}], "inputs", "skipped":
    {reason: {"lines", "examples": ["path:line: text"]}}}. Raises `CompileFailed`.
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
    "spells" (the name that a denied one spells; the rest is said of that one),
    "policy", "effect": "allow" | "deny", "action", "layer", "category", "feed", "rule", "listed_name", "own_name",
    "rewrite", "local_zone", "matched": [{"layer", "effect", "category", "feed", "rule", "wins"}]}}.
    """

def decide_names(
    snapshot: Snapshot,
    table: PolicyTable,
    asked: Sequence[tuple[str, Sequence[str]]],
    sealed: SealedList | None = None,
) -> list[bytes]:
    """Decides many names at once. `asked`: (segment, names); "" is for clients in no segment. For each segment one
    octet a name: 0 allowed, 1 denied, 2 allowed and rewritten (SafeSearch), 3 no name. Raises `ValueError` for a
    segment that the table does not know."""

def inspect_list(
    path: _Path,
    dialect: str | None = None,
    *,
    matching: str = "suffix",
    protected: list[str] = ...,
    reviewed: bool = False,
    private_suffixes: bool = False,
    max_unpacked_octets: int | None = None,
) -> bytes:
    """What a list holds, without compiling it. JSON: {"dialect", "lines", "octets", "rules", "exceptions", "spared",
    "skipped": {reason: {"lines", "examples"}}, "protected_names", "categories": {theirs: rules}, "sample",
    "rules_xxh3"}. Raises `ListRefused`, and `ValueError` for an unknown dialect."""

def list_rules_for(
    inputs: Sequence[ListFile], name: str, *, protected: list[str] = ..., max_unpacked_octets: int | None = None
) -> bytes:
    """Every line with a rule for a name or an address. JSON: {"name", "lines_read", "rules": [{"feed", "category",
    "path", "member", "line", "text", "rule", "kind", "refused"}]}. Raises `ListRefused` and `ValueError`."""

def list_difference(
    before: Sequence[ListFile], after: Sequence[ListFile], *, protected: list[str] = ..., most: int = 100
) -> bytes:
    """Names that one side lists under a category and the other does not. JSON: {"added", "removed", "added_names",
    "removed_names": [{"name", "category", "feed", "kind"}]}, at most `most` of each named. Raises `ListRefused`."""

def detect_dialect(first: bytes, file_name: str) -> str | None:
    """The dialect of a list's first octets, or None where none is recognised."""

def normalise_name(text: str) -> str:
    """A name as it is written in a list, in the text of its wire form. Raises `ValueError` that says what is wrong."""

def registrable_domain(name: str) -> str | None:
    """The registered domain of a name, by the public suffix list, in lower case; None for a public suffix
    itself and for a single label."""

@final
class LogRow:
    """One query and its outcome, as the query log keeps it. The fields are in the order of the log's columns."""

    __match_args__: tuple[str, ...] = ...
    """Names of the columns in their order."""

    def __new__(
        cls,
        time_us: int,
        client: str,
        segment: str,
        policy: str,
        policy_serial: int,
        door: str,
        qname: str,
        qname_asked: str | None,
        qtype: int,
        rcode: int,
        action: str,
        layer: str,
        category: str | None,
        rule: str | None,
        snapshot_serial: int,
        source: str,
        latency_us: int,
        cname: str | None = None,
        device: str | None = None,
        user: str | None = None,
    ) -> LogRow: ...
    time_us: Final[int]
    """Time of the response, in microseconds since 1970, UTC."""
    client: Final[str]
    """Address or pseudonym; empty where queries are only counted."""
    segment: Final[str]
    """Id of the client's segment, or empty."""
    policy: Final[str]
    """Id of the policy."""
    policy_serial: Final[int]
    """Serial of the policy revision."""
    door: Final[str]
    """Transport: "udp", "tcp", "dot" or "doh"."""
    qname: Final[str]
    """QNAME in lower case; "(withheld)" for a sealed name, empty where queries are only counted."""
    qname_asked: Final[str | None]
    """QNAME as the client wrote it, None where that is the same."""
    qtype: Final[int]
    """QTYPE."""
    rcode: Final[int]
    """RCODE of the response."""
    action: Final[str]
    """Action of the policy."""
    layer: Final[str]
    """Policy layer that decided."""
    category: Final[str | None]
    """Category that decided, or None."""
    rule: Final[str | None]
    """Feed or local rule that decided, or None."""
    snapshot_serial: Final[int]
    """Serial of the snapshot."""
    source: Final[str]
    """Where the answer came from."""
    latency_us: Final[int]
    """Time from query to response, in microseconds."""
    cname: Final[str | None]
    """First CNAME of the answer, or None."""
    device: Final[str | None]
    """None: reserved."""
    user: Final[str | None]
    """None: reserved."""
    time_s: Final[int]
    """`time_us` in whole seconds."""
    is_denied: Final[bool]
    """Whether the action is "deny" or "deny-revealed"."""
    is_counted_only: Final[bool]
    """Whether the segment's privacy level keeps neither client nor QNAME."""
    is_sealed: Final[bool]
    """Whether a sealed list denied it."""

def log_read(path: _Path, offset: int, most: int) -> tuple[list[LogRow], int]:
    """Rows of a write-ahead file from octet `offset` on (0, or what an earlier call returned), whole frames until about
    `most` rows, and the offset of the next call. At the end of what is written: ([], offset); a tail that is damaged or
    half written ends the reading like the end. Raises `OSError` if the file cannot be read.
    """

def log_to_parquet(wal: _Path, directory: _Path) -> bytes:
    """Turns a closed write-ahead file into Parquet under directory/day=YYYY-MM-DD/class=.../wal-<number>[-part].parquet
    (days in UTC), written aside, synced and renamed; doing it again gives the same files. JSON: {"rows", "files":
    [paths], "lost_octets": that are no whole frame, "lost_rows", "is_damaged": more is lost than a last frame that was
    never whole}. Raises `OSError`, also for a format of another version."""

def log_write_sample(directory: _Path, class_: str, number: int, rows: Sequence[LogRow]) -> None:
    """Writes a write-ahead file of these rows as the server would: for tests and benchmarks. Raises `ValueError` for a
    row that no server writes, `OSError` if there is such a file."""

def log_pseudonym(key: bytes, client: str) -> str:
    """The pseudonym of an address under a key of 16 octets: "p-" and 26 characters."""

def log_client(key: bytes, pseudonym: str) -> str | None:
    """The address that a pseudonym stands for, if it was made with this key (another key gives some other address);
    None for what is no pseudonym."""
