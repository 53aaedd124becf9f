"""One miss that its first try has not settled, until an answer or the end of patience. No sockets, no clock.

First tries are made in batches, and most end there. Of any other the caller reports what happened and when; the
resolution says what to do next. A *try* is one forwarder asked once; when its reply is truncated the same try goes on
over TCP, and when EDNS is refused it goes on without (RFC 6891 section 7), once for each forwarder. Whatever the
network does, there are at most `tries` of them and the end comes before the client's own patience does.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from schoolgate.resolver.forwarders import Forwarder, ForwarderSet
from schoolgate.resolver.query_octets import has_opt, without_opt

EDE_NO_REACHABLE_AUTHORITY: Final = 22
EDE_NETWORK_ERROR: Final = 23

FINAL_RCODES: Final = frozenset({0, 3})
"""NOERROR, NXDOMAIN: an answer about the name. Any other is about the server, and another may do better."""
EDNS_REFUSALS: Final = frozenset({1, 4})
"""FORMERR, NOTIMP: without an OPT of its own, what a server says to a query with EDNS when it does not know it."""
SHORTEST_WAIT_S: Final = 0.05
"""With less than this left there is no point in asking again."""
TRIES_WHEN_CROWDED: Final = 2
"""One forwarder, and one other: a forwarder that died must not fail the questions of a busy morning."""

Transport = Literal["udp", "tcp", "carried"]
"""How a forwarder is asked: by UDP, over a TCP connection of its own, or over those that stand. Who is asked by the
last is asked by no other."""


class Send(NamedTuple):
    """Ask `forwarder`, with OPT if `has_edns`, and report a timeout after `timeout_s`."""

    forwarder: Forwarder
    transport: Transport
    timeout_s: float
    has_edns: bool = True

    def octets(self, query: bytes) -> bytes:
        """`query` as it is to be sent."""
        return query if self.has_edns else without_opt(query)


def transport_to(forwarder: Forwarder) -> Transport:
    """How it is asked first."""
    return "carried" if forwarder.is_carried else "udp"


class Done(NamedTuple):
    """The reply to hand on. `is_failure`: the best we have is a forwarder's SERVFAIL, REFUSED or the like."""

    octets: bytes
    is_failure: bool


class Failed(NamedTuple):
    """No reply. `ede`: 22 no answer, 23 the network refused (RFC 8914). `asked`: whether a forwarder was asked."""

    ede: int
    asked: bool


Step = Send | Done | Failed


class Patience(NamedTuple):
    """How often and how long: settings. The client gives up at about 4 s, so we do before."""

    tries: int = 3
    timeout_s: float = 0.8
    total_s: float = 3.8


DEFAULT_PATIENCE: Final = Patience()


def first_timeout_s(forwarder: Forwarder, patience: Patience) -> float:
    """How long the first try waits for `forwarder`."""
    return min(forwarder.timeout_s, forwarder.longest_s(patience.timeout_s), patience.total_s)


class Resolution:
    """The course of one miss that was first sent to `forwarder` by UDP at `begun`: one event after another until a
    `Done` or a `Failed`. `is_crowded`: so many questions are under way that no silent forwarder is asked a second time,
    or a flood of names below dead servers would be tripled here."""

    __slots__ = (
        "_asks_again", "_deadline", "_forwarders", "_has_insisted", "_is_stream", "_patience", "_plain", "_reply",
        "_silent", "_spent", "_tries", "forwarder", "has_edns",
    )  # fmt: skip

    def __init__(
        self,
        forwarders: ForwarderSet,
        forwarder: Forwarder,
        begun: float,
        patience: Patience = DEFAULT_PATIENCE,
        *,
        is_crowded: bool = False,
    ) -> None:
        self._forwarders = forwarders
        self.forwarder = forwarder
        self.has_edns = forwarder.has_edns(begun)
        self._patience = patience._replace(tries=min(patience.tries, TRIES_WHEN_CROWDED)) if is_crowded else patience
        self._asks_again = not is_crowded
        self._deadline = begun + patience.total_s
        self._is_stream = forwarder.is_carried
        self._has_insisted = False
        self._tries = 1
        self._spent: tuple[Forwarder, ...] = ()
        self._silent: tuple[Forwarder, ...] = ()
        self._plain: tuple[Forwarder, ...] = ()
        self._reply: bytes | None = None

    def replied(self, octets: bytes, now: float) -> Step:
        """A reply whose id and question match ours: at least a whole header."""
        if octets[2] & 0x02:
            if self._is_stream:
                return self._give_up_on_forwarder(now)
            if self._deadline - now < SHORTEST_WAIT_S:
                return self._end()
            return self._send_over_stream(now)
        if octets[3] & 0x0F in FINAL_RCODES:
            return Done(octets, is_failure=False)
        self._reply = octets
        if octets[3] & 0x0F in EDNS_REFUSALS and not has_opt(octets) and self.forwarder not in self._plain:
            return self._ask_without_edns(now)
        return self._give_up_on_forwarder(now)

    def damaged(self, octets: bytes, now: float) -> Step:
        """A reply that cannot be used, whatever its header says: another forwarder may do better."""
        self._reply = octets
        return self._give_up_on_forwarder(now)

    def guessed(self, now: float) -> Step:
        """So many wrong replies that an attacker is guessing our 16-bit id: over TCP there is nothing to guess."""
        if self.forwarder.is_carried:
            return self._give_up_on_forwarder(now)
        return self._end() if self._deadline - now < SHORTEST_WAIT_S else self._send_over_stream(now)

    def timed_out(self, now: float) -> Step:
        """Silence for the whole timeout. A datagram may just have been lost: this forwarder may be asked again."""
        self._silent += (self.forwarder,)
        return self._give_up_on_forwarder(now)

    def failed(self, now: float) -> Step:
        """The network refused. One such message ends all that waits at a port, whatever it was about: where no other
        is left, this forwarder is asked once more, from another port."""
        step = self._give_up_on_forwarder(now)
        if not isinstance(step, Failed) or self._is_stream or self._has_insisted or not self.forwarder.is_up:
            return step
        left_s = self._deadline - now
        if self._tries >= self._patience.tries or left_s < SHORTEST_WAIT_S:
            return step
        self._has_insisted = True
        return self._ask_again(self.forwarder, left_s, now)

    def shows_lack_of_edns(self, forwarder: Forwarder, has_edns: bool, now: float) -> bool:
        """Takes note of a reply that ended the matter; whether it shows for the first time that `forwarder` does not
        know EDNS."""
        if has_edns or forwarder not in self._plain:
            return False
        return forwarder.answered_without_edns(now, was_silent=forwarder in self._silent)

    def _ask_without_edns(self, now: float) -> Step:
        left_s = self._deadline - now
        if left_s < SHORTEST_WAIT_S:
            return self._end()
        self._plain += (self.forwarder,)
        self.has_edns = False
        timeout_s = min(self.forwarder.longest_s(self._patience.timeout_s), left_s)
        transport: Transport = (
            "tcp" if self._is_stream and not self.forwarder.is_carried else transport_to(self.forwarder)
        )
        return Send(self.forwarder, transport, timeout_s, has_edns=False)

    def _send_over_stream(self, now: float) -> Send:
        self._is_stream = True
        timeout_s = min(2 * self._patience.timeout_s, self._deadline - now)
        return Send(self.forwarder, "tcp", timeout_s, self.has_edns)

    def _give_up_on_forwarder(self, now: float) -> Step:
        self._spent += (self.forwarder,)
        left_s = self._deadline - now
        if self._tries >= self._patience.tries or left_s < SHORTEST_WAIT_S:
            return self._end()
        forwarder = self._forwarders.next(now, self._spent)
        if forwarder is None and self._reply is None and self._asks_again:
            forwarder = next((one for one in self._silent if one.is_up), None)
        if forwarder is None:
            return self._end()
        return self._ask_again(forwarder, left_s, now)

    def _ask_again(self, forwarder: Forwarder, left_s: float, now: float) -> Step:
        self.forwarder = forwarder
        self.has_edns = forwarder.has_edns(now)
        if forwarder in self._silent and forwarder not in self._plain and forwarder.may_drop_edns(now):
            self._plain += (forwarder,)
            self.has_edns = False
        self._is_stream = forwarder.is_carried
        self._tries += 1
        # The last try waits longest: a recursive server may need that long for a name it meets for the first time.
        longest_s = forwarder.longest_s(self._patience.timeout_s)
        if self._tries == self._patience.tries and not forwarder.is_carried:
            longest_s *= 2
        return Send(forwarder, transport_to(forwarder), min(longest_s, left_s), self.has_edns)

    def _end(self) -> Step:
        if self._reply is not None:
            return Done(self._reply, is_failure=True)
        return Failed(EDE_NO_REACHABLE_AUTHORITY if self._silent else EDE_NETWORK_ERROR, asked=True)
