"""The servers we ask, what we know of their health, and which of them is asked for which name.

A forwarder is believed alive until a probe of our own - a question no client chose - goes unanswered too: names whose
own servers are dead must never be able to talk us out of a healthy forwarder.
"""

from __future__ import annotations

import ipaddress
import itertools
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from schoolgate.config.addresses import SocketAddress
from schoolgate.config.forwarder_address import ConnectedServer
from schoolgate.errors import SchoolgateError
from schoolgate.resolver.query_octets import DS, has_opt

if TYPE_CHECKING:
    from schoolgate._core import ForwarderTally

DNS_PORT: Final = 53
SUSPECT_AFTER: Final = 3
"""Failures in a row before we probe. One lost datagram is weather, three are a reason to look."""
PROBE_EVERY_S: Final = 1.0
"""Between probes of a suspected or dead forwarder: recovery is seen within two seconds, for one packet a second."""
SHORTEST_TIMEOUT_S: Final = 0.4
"""A forwarder that answers cached names in 1 ms still needs time to recurse for the rest."""
UNKNOWN_RTT_S: Final = 0.3
"""Rank of a forwarder that has been asked but has not yet answered."""
RTT_HALF_LIFE_S: Final = 20.0
"""A round-trip time loses half of its weight in this time, so a forwarder that was slow once is tried again."""
LEARN_AFTER_S: Final = 1.0
"""A measurement older than this is looked at again with one question before many follow."""
RANK_FOR_S: Final = 0.1
"""How long one ranking is used: sorting for each batch would cost more than it tells."""
EDNS_MEMORY_S: Final = 900.0
"""What is known of a forwarder's EDNS is looked at anew after this: it may have been replaced by a better one."""
SILENCES_TO_BELIEVE: Final = 2
"""A forwarder that answers without EDNS where it was silent with it is believed the second time: a datagram may have
been lost, and without EDNS clients get no DNSSEC signatures."""
CARRIED_TIMEOUT_S: Final = 1.5
"""How long a forwarder is waited for that is asked over connections: what is lost there is sent again by the kernel,
and a connection that died is opened anew within this."""
SUSPECT_PENALTY_S: Final = 10.0
"""Puts suspected forwarders behind all others without excluding them."""

# RFC 6298 section 2
SRTT_GAIN: Final = 1 / 8
RTTVAR_GAIN: Final = 1 / 4


class ForwarderInvalid(SchoolgateError):
    """A forwarder's address cannot be used as written."""


class Forwarder:
    """One server we ask: an address, a port, and what its answers and silences have taught us (times in seconds)."""

    __slots__ = (
        "_edns_seen_at", "_measured_at", "_plain_after_silence", "_plain_until", "_probed_at", "address",
        "answered_query", "carried", "errors", "failures", "family", "is_ad_trusted", "is_up", "mismatches",
        "number", "port", "probe_name", "probes", "replies", "roots_problem", "rttvar_s", "sent", "server",
        "sockaddr", "srtt_s", "timeouts",
    )  # fmt: skip
    _numbers: ClassVar = itertools.count(1)

    def __init__(
        self, address: str, port: int = DNS_PORT, *, probe_name: str = "", server: ConnectedServer | None = None
    ) -> None:
        self.number = next(self._numbers)
        self.server = server
        # How connections to it are spoken over, as the core takes it; None: it is asked by UDP.
        self.carried: bytes | None = None
        self.roots_problem: str | None = None
        # Its word that it has validated signatures (AD) counts: an attacker on the path cannot have set the bit.
        self.is_ad_trusted = False
        self.address = address
        self.port = port
        self.probe_name = probe_name
        self.family, self.sockaddr = _socket_address(address, port)
        self.srtt_s: float | None = None
        self.rttvar_s = 0.0
        self.failures = 0
        self.is_up = True
        self.answered_query: bytes | None = None
        self.probes = self.sent = self.replies = self.timeouts = self.errors = self.mismatches = 0
        self._measured_at: float | None = None
        self._probed_at: float | None = None
        self._edns_seen_at: float | None = None
        self._plain_after_silence = 0
        self._plain_until = float("-inf")

    def __repr__(self) -> str:
        return f"Forwarder({self.label})"

    @property
    def label(self) -> str:
        """The address and port as people write them; with the transport where that is not UDP."""
        if self.server is not None:
            return str(self.server)
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def socket_address(self) -> SocketAddress:
        """As a server in the settings."""
        return self.server or SocketAddress(self.address, self.port)

    @property
    def scope(self) -> int:
        """The interface of a link-local address, 0 for all others."""
        return int(self.sockaddr[3]) if self.family is socket.AddressFamily.AF_INET6 else 0

    @property
    def is_carried(self) -> bool:
        """Whether it is asked over connections, and by nothing else."""
        return self.server is not None

    @property
    def is_encrypted(self) -> bool:
        """Whether what is asked of it can be read on the way."""
        return self.server is not None and self.server.is_encrypted

    @property
    def is_suspect(self) -> bool:
        """Up, but silent so often in a row that only a probe can tell."""
        return self.failures >= SUSPECT_AFTER and self.is_up

    @property
    def timeout_s(self) -> float:
        """How long a first try waits: smoothed RTT and four variations (RFC 6298), at least `SHORTEST_TIMEOUT_S`."""
        if self.server is not None:
            return CARRIED_TIMEOUT_S
        if self.srtt_s is None:
            return 2 * SHORTEST_TIMEOUT_S
        return max(SHORTEST_TIMEOUT_S, self.srtt_s + 4 * self.rttvar_s)

    def longest_s(self, timeout_s: float) -> float:
        """How long a try may wait at most; `timeout_s` is that of UDP."""
        return timeout_s if self.server is None else CARRIED_TIMEOUT_S

    # -- what happened --------------------------------------------------------------------------------------------

    def record(self, tally: ForwarderTally, now: float) -> None:
        """What happened in one batch. Replies come last: any of them proves that it lives."""
        if tally.sent:
            self.asked(tally.sent, now)
        for waited_s in tally.waits_s:
            self.unanswered(waited_s, now)
        timeouts_not_timed = tally.timeouts - len(tally.waits_s)
        self.timeouts += timeouts_not_timed
        self.failures += timeouts_not_timed + tally.network_errors
        self.errors += tally.network_errors
        self.mismatches += tally.mismatches
        for rtt_s in tally.rtts_s:
            self.answered(rtt_s, now)
        self.replies += tally.replies - len(tally.rtts_s)
        if tally.answered_query is not None:
            self.answered_query = tally.answered_query
            if has_opt(tally.answered_query):
                self._edns_seen_at = now
                self._plain_after_silence = 0

    def asked(self, questions: int, now: float) -> None:
        """Questions leave for it. Where the measurement is old or missing, one is enough to learn."""
        self.sent += questions
        if self.is_to_learn(now):
            self._measured_at = now

    def answered(self, rtt_s: float, now: float) -> None:
        """A reply to one of our own datagrams came after `rtt_s`; whatever it says, the forwarder lives."""
        self.replies += 1
        self.failures = 0
        self.is_up = True
        self._observe(rtt_s, now)

    def answered_over_stream(self) -> None:
        """A reply came over TCP: alive, but its time includes the handshake and says nothing about datagrams."""
        self.replies += 1
        self.failures = 0
        self.is_up = True

    def unanswered(self, waited_s: float, now: float) -> None:
        """Nothing came within `waited_s`."""
        self.timeouts += 1
        self.failures += 1
        self._observe(waited_s, now)

    def unreachable(self) -> None:
        """The network said no: ICMP, no route, a refused or broken connection."""
        self.errors += 1
        self.failures += 1

    def probe_unanswered(self) -> None:
        """Our own question went unanswered too: a forwarder already suspected is now down."""
        if self.failures >= SUSPECT_AFTER:
            self.is_up = False

    def answered_without_edns(self, now: float, *, was_silent: bool) -> bool:
        """A query without OPT was answered, where one with it was refused (RFC 6891 section 7) or met silence. Returns
        whether it counts from now on as one that does not know EDNS."""
        self._plain_after_silence += was_silent
        if was_silent and self._plain_after_silence < SILENCES_TO_BELIEVE:
            return False
        is_news = self.has_edns(now)
        self._plain_until = now + EDNS_MEMORY_S
        return is_news

    def _observe(self, rtt_s: float, now: float) -> None:
        self._measured_at = now
        srtt_s = self.srtt_s
        if srtt_s is None:
            self.srtt_s = rtt_s
            self.rttvar_s = rtt_s / 2
            return
        self.rttvar_s += (abs(srtt_s - rtt_s) - self.rttvar_s) * RTTVAR_GAIN
        self.srtt_s = srtt_s + (rtt_s - srtt_s) * SRTT_GAIN

    # -- what follows from it -------------------------------------------------------------------------------------

    def wants_probe(self, now: float) -> bool:
        """Whether a probe is due: suspected or down, and the last one is `PROBE_EVERY_S` ago."""
        if self.failures < SUSPECT_AFTER:
            return False
        return self._probed_at is None or now - self._probed_at >= PROBE_EVERY_S

    def probing(self, now: float) -> None:
        """A probe leaves now."""
        self._probed_at = now
        self.probes += 1

    def has_edns(self, now: float) -> bool:
        """Whether it is asked with OPT."""
        return now >= self._plain_until

    def may_drop_edns(self, now: float) -> bool:
        """Whether its silence may be about OPT: it has not answered a query with one for a long time."""
        # Over a connection nothing is lost because of its size, and without OPT nothing could be padded.
        if self.is_carried:
            return False
        return self.has_edns(now) and (self._edns_seen_at is None or now - self._edns_seen_at >= EDNS_MEMORY_S)

    def preference(self, now: float, *, is_learning: bool = False) -> float:
        """Rank: the smaller, the sooner asked. Ages towards zero, so that no forwarder is forgotten for ever; not while
        it `is_learning`: a question is on its way that will tell."""
        if self._measured_at is None and not is_learning:
            return 0.0
        rtt_s = UNKNOWN_RTT_S if self.srtt_s is None else self.srtt_s
        measured_at = now if self._measured_at is None or is_learning else self._measured_at
        aged: float = rtt_s * 0.5 ** ((now - measured_at) / RTT_HALF_LIFE_S)
        return aged + SUSPECT_PENALTY_S if self.failures >= SUSPECT_AFTER else aged

    def is_to_learn(self, now: float) -> bool:
        """Whether its measurement is old or missing."""
        return self._measured_at is None or now - self._measured_at >= LEARN_AFTER_S

    def health(self) -> dict[str, Any]:
        """For `status`: state, times and counts."""
        return {
            "forwarder": self.label,
            "transport": self.server.transport if self.server is not None else "udp",
            "state": "down" if not self.is_up else "suspect" if self.is_suspect else "up",
            "srtt_ms": None if self.srtt_s is None else round(self.srtt_s * 1000, 3),
            "failures_in_a_row": self.failures,
            "sent": self.sent,
            "replies": self.replies,
            "timeouts": self.timeouts,
            "network_errors": self.errors,
            "mismatches": self.mismatches,
        }


class ForwarderSet:
    """Forwarders that may answer the same names. Which that lives is asked first: the quickest, or, `is_in_order`, the
    first named. `fallback`: those asked while none of the others is up. `asks_ad`: queries ask whether the answer was
    validated."""

    __slots__ = ("_is_in_order", "_ranked_until", "_shares", "asks_ad", "fallback", "forwarders")

    def __init__(
        self,
        forwarders: Sequence[Forwarder],
        *,
        fallback: Sequence[Forwarder] = (),
        is_in_order: bool = False,
        asks_ad: bool = False,
    ) -> None:
        if not forwarders:
            raise ForwarderInvalid("no forwarder is given; name at least one server address")
        self.forwarders = tuple(forwarders)
        self.fallback = tuple(fallback)
        self._is_in_order = is_in_order
        self.asks_ad = asks_ad
        self._shares: tuple[Forwarder, ...] = ()
        self._ranked_until = float("-inf")

    @property
    def is_falling_back(self) -> bool:
        """Whether `fallback` is asked now."""
        return bool(self.fallback) and not any(one.is_up for one in self.forwarders)

    def _living(self) -> list[Forwarder]:
        asked = self.fallback if self.is_falling_back else self.forwarders
        return [one for one in asked if one.is_up]

    def shares(self, now: float) -> tuple[Forwarder, ...]:
        """Who gets the next questions: one question each, to learn how quick they are, but the last has all the rest.
        Empty when all are down."""
        if now < self._ranked_until and self._shares[0].is_up:
            return self._shares
        living = self._living()
        if not living:
            return ()
        if self._is_in_order:
            return (_first(living),)
        learning: list[Forwarder] = []
        while True:
            best = min(living, key=lambda one: one.preference(now, is_learning=one in learning))
            if best in learning or not best.is_to_learn(now):
                break
            learning.append(best)
        self._shares = (*learning, best)
        self._ranked_until = now if learning else now + RANK_FOR_S
        return self._shares

    def next(self, now: float, tried: Iterable[Forwarder]) -> Forwarder | None:
        """The best living forwarder not in `tried`, or None."""
        spent = tuple(tried)
        candidates = [one for one in self._living() if one not in spent]
        if self._is_in_order:
            return _first(candidates) if candidates else None
        return min(candidates, key=lambda one: one.preference(now), default=None)


def _first(living: Sequence[Forwarder]) -> Forwarder:
    """The first that is not suspected; where all are, the first."""
    return next((one for one in living if not one.is_suspect), living[0])


class NoForwarders(ForwarderSet):
    """Without forwarders: a machine whose network is not there yet. Every miss fails at once, with EDE 22."""

    __slots__ = ()

    def __init__(self) -> None:
        self.forwarders = self.fallback = ()
        self._is_in_order = self.asks_ad = False
        self._shares = ()
        self._ranked_until = float("-inf")


class Routes:
    """Which forwarders answer for which names: the longest zone wins, the default set has the rest."""

    __slots__ = ("_zones", "default", "sets", "zones")

    def __init__(self, default: ForwarderSet, zones: Mapping[str, ForwarderSet] | None = None) -> None:
        self.default = default
        self._zones = {zone.lower().rstrip("."): where for zone, where in (zones or {}).items()}
        self.sets = (default, *self._zones.values())
        self.zones = [(zone, at) for at, zone in enumerate(self._zones, 1)]

    def select_for(self, name: str, qtype: int) -> ForwarderSet:
        """The set for a question. The DS records of a zone are its parent's, and so is the server that has them (RFC
        4035 section 3.1.4.1)."""
        return self.select(name[_after_next_dot(name, 0) or len(name) :] if qtype == DS else name)

    def select(self, name: str) -> ForwarderSet:
        """The set for `name` (text, lower case, no trailing dot; a dot inside a label is written `\\.`)."""
        zones = self._zones
        if not zones:
            return self.default
        start = 0
        while True:
            found = zones.get(name[start:])
            if found is not None:
                return found
            start = _after_next_dot(name, start)
            if start == 0:
                return zones.get("", self.default)

    def forwarders(self) -> tuple[Forwarder, ...]:
        """Every forwarder once, those of the default set first."""
        return tuple(dict.fromkeys(one for each in self.sets for one in (*each.forwarders, *each.fallback)))


def _after_next_dot(name: str, start: int) -> int:
    """Where the next label begins, or 0 at the end. A dot after an odd number of backslashes is part of its label."""
    while (dot := name.find(".", start)) >= 0:
        start = dot + 1
        before = name[:dot]
        if (len(before) - len(before.rstrip("\\"))) % 2 == 0:
            return start
    return 0


def _socket_address(address: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    try:
        ipaddress.ip_address(address)
        found = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
    except (ValueError, OSError) as error:
        raise ForwarderInvalid(f"forwarder {address!r} is not an IP address; write one such as 192.0.2.1") from error
    family, _, _, _, sockaddr = found[0]
    return family, sockaddr
