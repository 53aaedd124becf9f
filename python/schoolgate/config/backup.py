"""[backup]: to whom backups are encrypted, when they are made, where they go, and how long they are kept."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, Strict, model_validator

from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RELOAD, PathFromFile, Section, Whole

MOST_TARGETS = 20
MOST_RECIPIENTS = 20
# Bech32 of an X25519 key (age-encryption.org/v1); its checksum is verified when it is used.
_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
# RFC 1123 names and addresses; what ssh would take for an option is none.
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]+")
TargetId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


def _recipient(value: object) -> str:
    if isinstance(value, str) and value.startswith("AGE-SECRET-KEY-"):
        raise complaint("is a secret key", "take it out of this file, make a new one, and write its age1... here")
    if isinstance(value, str) and _RECIPIENT.fullmatch(value):
        return value
    raise complaint(f"{shown(value)} is no recipient", "write age1..., as `schoolgate backup key` prints it")


def _clock(value: object) -> str:
    if isinstance(value, str) and _CLOCK.fullmatch(value):
        return value
    raise complaint(f"{shown(value)} is not a time of day", 'write "02:30"')


class BackupTarget(Section):
    kind: Literal["folder", "medium", "s3", "sftp"] = Field(
        description="folder: a directory of another disk or share. medium: where a disk is mounted that people take"
        " away in turn. s3: an S3-compatible bucket. sftp: a directory of another machine, by SSH.",
        json_schema_extra=RELOAD,
    )
    folder: PathFromFile = Field(
        default=Path(),
        description="Of folder and medium: the directory. It must be there; it is never made, because what is not"
        " mounted would then fill this machine's own disk.",
        json_schema_extra=RELOAD,
    )
    endpoint: str = Field(
        default="",
        max_length=1000,
        description='Of s3: the server, as "https://s3.example.net".',
        json_schema_extra=RELOAD,
    )
    bucket: str = Field(default="", max_length=255, description="Of s3: the bucket.", json_schema_extra=RELOAD)
    region: str = Field(
        default="us-east-1",
        max_length=64,
        description="Of s3: the region that requests are signed for.",
        json_schema_extra=RELOAD,
    )
    credentials_file: PathFromFile = Field(
        default=Path(),
        description="Of s3: file with `KEY-ID SECRET` in one line, readable by its owner alone. Default: backup-ID in"
        " $CREDENTIALS_DIRECTORY. Give the key no right to delete.",
        json_schema_extra=RELOAD,
    )
    object_lock: Annotated[bool, Strict()] = Field(
        default=False,
        description="Of s3: true where the bucket locks each object for a time (object lock, compliance mode), so that"
        " this machine can neither alter nor delete it.",
        json_schema_extra=RELOAD,
    )
    allow_http: Annotated[bool, Strict()] = Field(
        default=False,
        description="Of s3: also http to another machine. Backups are encrypted all the same.",
        json_schema_extra=RELOAD,
    )
    host: str = Field(default="", max_length=253, description="Of sftp: the other machine.", json_schema_extra=RELOAD)
    port: Whole = Field(default=22, ge=1, le=65535, description="Of sftp: its port.", json_schema_extra=RELOAD)
    user: str = Field(default="", max_length=64, description="Of sftp: the account there.", json_schema_extra=RELOAD)
    path: str = Field(
        default="",
        max_length=1000,
        description="Of sftp: the directory there; of s3: what the names of objects begin with, such as school-a/.",
        json_schema_extra=RELOAD,
    )
    key_file: PathFromFile = Field(
        default=Path(),
        description="Of sftp: the private key to sign in with, readable by its owner alone. Default: backup-ID in"
        " $CREDENTIALS_DIRECTORY.",
        json_schema_extra=RELOAD,
    )
    known_hosts_file: PathFromFile = Field(
        default=Path(),
        description="Of sftp: file with the other machine's host key, as `ssh-keyscan HOST` prints it and as you"
        " compared it.",
        json_schema_extra=RELOAD,
    )

    @model_validator(mode="after")
    def _all_that_its_kind_needs(self) -> BackupTarget:
        needed = {"folder": ("folder",), "medium": ("folder",), "s3": ("endpoint", "bucket"),
                  "sftp": ("host", "user", "path", "known_hosts_file")}  # fmt: skip
        missing = [name for name in needed[self.kind] if getattr(self, name) in ("", Path())]
        if missing:
            raise complaint(f"a target of kind {self.kind} lacks {', '.join(missing)}", "add it")
        if self.kind == "s3":
            _refuse_endpoint(self.endpoint, self.allow_http)
        if self.kind == "sftp" and not _HOST.fullmatch(self.host):
            raise complaint(f"{shown(self.host)} is no host", "write a name or an address")
        return self


def _refuse_endpoint(endpoint: str, allow_http: bool) -> None:
    from urllib.parse import urlsplit

    try:
        found = urlsplit(endpoint)
        host = found.hostname or ""
    except ValueError:
        raise complaint(f"{shown(endpoint)} is not an address", 'write "https://..."') from None
    if found.scheme not in ("https", "http") or not host or found.query or found.username:
        raise complaint(f"{shown(endpoint)} is no address of a server", 'write "https://..."')
    if found.scheme == "http" and not (allow_http or host in ("localhost", "127.0.0.1", "::1")):
        raise complaint("is http: all on the way could change what is stored", "write https, or allow_http = true")


class Backup(Section):
    recipients: Annotated[tuple[Annotated[str, PlainValidator(_recipient)], ...], Field(max_length=MOST_RECIPIENTS)] = (
        Field(
            default=(),
            description="Public keys that backups are encrypted to (age), besides those that `schoolgate backup key`"
            " made. Any one of their secret keys opens a backup; none of them is kept on this machine.",
            json_schema_extra=RELOAD,
        )
    )
    at: Annotated[str, PlainValidator(_clock)] = Field(
        default="02:30",
        description="Time of day, in the school's time zone, from which a backup is due.",
        json_schema_extra=RELOAD,
    )
    query_log: Annotated[bool, Strict()] = Field(
        default=False,
        description="Whether backups hold the query log too. The keys of its pseudonyms are in each backup.",
        json_schema_extra=RELOAD,
    )
    keep_daily: Whole = Field(
        default=7, ge=1, le=366, description="Days of which the newest backup is kept.", json_schema_extra=RELOAD
    )
    keep_weekly: Whole = Field(
        default=5, ge=0, le=260, description="Weeks of which the newest backup is kept.", json_schema_extra=RELOAD
    )
    keep_monthly: Whole = Field(
        default=12, ge=0, le=120, description="Months of which the newest backup is kept.", json_schema_extra=RELOAD
    )
    test_days: Whole = Field(
        default=100,
        ge=1,
        le=3660,
        description="status asks for a test restore where none succeeded for so many days.",
        json_schema_extra=RELOAD,
    )
    apart_days: Whole = Field(
        default=8,
        ge=1,
        le=3660,
        description="status asks for a copy that this machine can neither alter nor delete (pulled, object lock, a"
        " medium that was taken away) where the newest is older than so many days.",
        json_schema_extra=RELOAD,
    )
    targets: Annotated[dict[TargetId, BackupTarget], Field(max_length=MOST_TARGETS)] = Field(
        default={}, description="Where backups go. ID is how messages name it.", json_schema_extra=RELOAD
    )

    @property
    def time(self) -> dt.time:
        """`at` as a time of day."""
        return dt.time.fromisoformat(self.at)
