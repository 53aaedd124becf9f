"""`query`: asks a DNS server one question and shows what came, with the reason a filter gives (EDE, RFC 8914)."""

from __future__ import annotations

from pathlib import Path

from dnslib import RCODE
from pydantic_core import PydanticCustomError

from schoolgate.cli.commands.terminal import say
from schoolgate.config import SocketAddress, load
from schoolgate.config.addresses import parse_socket_address
from schoolgate.config.domain_name import asked_name
from schoolgate.config.own_address import own_address
from schoolgate.config.problems import message_and_remedy
from schoolgate.resolver.record_types import type_name, type_number
from schoolgate.resolver.stub_resolver import NoAnswer, ask, extended_errors


def query(config: Path | None, name: str, qtype: str, server: str | None, source: str | None, tcp: bool) -> None:
    """Asks and prints."""
    name = asked_name(name)
    address = _server(server, config)
    reply = ask(name, type_number(qtype), address, source=source, tcp=tcp, asks_ad=True)
    header = reply.record.header
    flags = " ".join(word for word in ("aa", "tc", "ra", "ad") if getattr(header, word))
    say(
        f"{name} {type_name(type_number(qtype))}: {RCODE.get(header.rcode)}",
        "bold green" if not header.rcode else "bold red",
    )
    for answer in reply.record.rr:
        say(f"  {answer.rname} {answer.ttl} {type_name(answer.rtype)} {answer.rdata}")
    for answer in reply.record.auth:
        say(f"  authority: {answer.rname} {answer.ttl} {type_name(answer.rtype)} {answer.rdata}")
    if header.ad:
        say("  DNSSEC: validated", "green")
    for reason in extended_errors(reply.record):
        say(f"  reason: {reason}", "yellow")
    say(
        f"  {reply.took_ms:.1f} ms, {address}, {reply.transport}, {reply.octets} octets, flags {flags or 'none'}", "dim"
    )


def _server(text: str | None, config: Path | None) -> SocketAddress:
    if text is None:
        return own_address(load(config))
    try:
        return parse_socket_address(text, default_port=53)
    except PydanticCustomError as error:
        message, remedy = message_and_remedy(error)
        raise NoAnswer(f"--server {message}; {remedy}") from None
