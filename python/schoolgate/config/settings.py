"""All of schoolgate.toml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, Field, model_validator

from schoolgate.config.accounts import Accounts
from schoolgate.config.addresses import SocketAddress
from schoolgate.config.backup import Backup
from schoolgate.config.cache import Cache
from schoolgate.config.console import Console
from schoolgate.config.doors import DOH_PORT, DOT_PORT, Doors, at_port
from schoolgate.config.escalation import Escalation
from schoolgate.config.first_policy import FirstPolicy
from schoolgate.config.forwarders import Forwarders, ForwardZone
from schoolgate.config.identity import Identity
from schoolgate.config.lists import Lists
from schoolgate.config.local import Local
from schoolgate.config.mail import Mail
from schoolgate.config.metrics import Metrics
from schoolgate.config.operations import Operations
from schoolgate.config.pages import Pages
from schoolgate.config.problems import Problem, shown
from schoolgate.config.query_log import QueryLog
from schoolgate.config.reports import Reports
from schoolgate.config.retention import Retention
from schoolgate.config.sealed import Sealed
from schoolgate.config.section import RELOAD, Section
from schoolgate.config.server import Server
from schoolgate.config.tcp import Tcp
from schoolgate.config.tls import Tls
from schoolgate.config.webhooks import Webhook

# Sections that exist with their defaults when the file does not name them.
_TABLES = (
    "server",
    "cache",
    "forwarders",
    "local",
    "tcp",
    "tls",
    "doors",
    "lists",
    "policy",
    "sealed",
    "metrics",
    "query_log",
    "identity",
    "retention",
    "mail",
    "reports",
    "escalation",
    "operations",
    "console",
    "pages",
    "accounts",
    "backup",
)

MOST_WEBHOOKS = 50
WebhookId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Settings(Section):
    server: Server = Field(description="Where we listen and keep our state.")
    cache: Cache = Field(description="How much is remembered, and for how long.")
    forwarders: Forwarders = Field(description="Resolvers that answer for the internet.")
    forward_zones: tuple[ForwardZone, ...] = Field(default=(), description="Zones that are asked elsewhere.")
    local: Local = Field(description="Names we answer ourselves.")
    tcp: Tcp = Field(description="What a client may take of us over TCP.")
    tls: Tls = Field(description="The certificate of encrypted DNS.")
    doors: Doors = Field(description="Where encrypted DNS is answered, and what a client may take of it.")
    lists: Lists = Field(description="Where the lists are.")
    policy: FirstPolicy = Field(description="The policy of the very first start.")
    sealed: Sealed = Field(description="Illegal-content lists, supplied under contract.")
    metrics: Metrics = Field(description="Numbers for Prometheus.")
    query_log: QueryLog = Field(description="What is recorded of queries.")
    identity: Identity = Field(description="Which device has an address.")
    retention: Retention = Field(description="How long the query log is kept, and how much of the disk it may take.")
    reports: Reports = Field(description="Reports that are made by themselves.")
    escalation: Escalation = Field(description="Who is told of an alert that no one has seen.")
    backup: Backup = Field(description="Encrypted copies of settings and state, and where they go.")
    mail: Mail = Field(description="The server that takes alerts and reports by mail.")
    operations: Operations = Field(description="What people may do, and who a user of this machine is.")
    console: Console = Field(description="The web console: where browsers reach it, and by which certificate.")
    pages: Pages = Field(description="Pages for pupils, guests and parents, without a sign-in: docs/pages.md.")
    accounts: Accounts = Field(description="How people sign in.")
    webhooks: Annotated[dict[WebhookId, Webhook], Field(max_length=MOST_WEBHOOKS)] = Field(
        default={},
        description="Programs that are told of alerts. ID is how a policy names it.",
        json_schema_extra=RELOAD,
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_tables(cls, raw: object) -> object:
        return {**{table: {} for table in _TABLES}, **raw} if isinstance(raw, dict) else raw

    @property
    def dot_addresses(self) -> tuple[SocketAddress, ...]:
        """Where DNS over TLS is to be answered; none without a certificate."""
        return self._encrypted(self.doors.dot, DOT_PORT)

    @property
    def doh_addresses(self) -> tuple[SocketAddress, ...]:
        """Where DNS over HTTPS is to be answered; none without a certificate."""
        return self._encrypted(self.doors.doh, DOH_PORT)

    def _encrypted(self, chosen: tuple[SocketAddress, ...] | None, port: int) -> tuple[SocketAddress, ...]:
        if self.tls.certificate is None:
            return ()
        return at_port(self.server.listen, port) if chosen is None else chosen


def problems_across(settings: Settings, file: str) -> Iterator[Problem]:
    """Rules that no section can check alone."""
    for index, step in enumerate(settings.escalation.steps):
        for one in step.to:
            if one.startswith("webhook:") and one.removeprefix("webhook:") not in settings.webhooks:
                path, remedy = f"escalation.steps[{index}].to", f"write [webhooks.{one.removeprefix('webhook:')}]"
                yield Problem(file, path, f"no setting describes {shown(one)}", remedy)
    doors = (*settings.server.listen, *settings.dot_addresses, *settings.doh_addresses)
    for key in ("servers", "plain_fallback"):
        for index, server in enumerate(getattr(settings.forwarders, key)):
            if isinstance(server, SocketAddress) and is_ours(server, doors):
                yield _loop(file, f"forwarders.{key}[{index}]", server)
    seen: dict[str, int] = {}
    for index, zone in enumerate(settings.forward_zones):
        for at, server in enumerate(zone.servers):
            if is_ours(server, doors):
                yield _loop(file, f"forward_zones[{index}].servers[{at}]", server)
        if zone.zone in seen:
            message = f"{shown(zone.zone)} is forwarded by forward_zones[{seen[zone.zone]}] too"
            yield Problem(file, f"forward_zones[{index}].zone", message, "name each zone once, with all its servers")
        seen.setdefault(zone.zone, index)


def is_ours(server: SocketAddress, listen: tuple[SocketAddress, ...]) -> bool:
    """Asking ourselves would turn each miss into a loop. A wildcard socket also listens on every loopback address."""
    return any(
        server.port == own.port and (server.host == own.host or (own.is_wildcard and server.is_loopback))
        for own in listen
    )


def _loop(file: str, path: str, server: SocketAddress) -> Problem:
    return Problem(file, path, f"{server} is our own listening address", "name a resolver that is not schoolgate")


def changes(old: Settings, new: Settings) -> tuple[tuple[str, bool], ...]:
    """Each changed setting, and whether the change waits for a restart. For `reload`, which says so."""
    return tuple(_changes(old, new, ""))


def _changes(old: BaseModel, new: BaseModel, prefix: str) -> Iterator[tuple[str, bool]]:
    for name, field in type(old).model_fields.items():
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            yield from _changes(before, after, f"{prefix}{name}.")
        elif before != after:
            extra = field.json_schema_extra
            yield f"{prefix}{name}", isinstance(extra, dict) and extra.get("applies") == "restart"
