"""The tables of control.db as they are now. How an older store gets there is in `migrations/versions`.

Each row has a UUIDv7 and its site. Times are int64 microseconds since 1970, UTC.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

# The newest revision of migrations/versions: a store of another one is migrated, or refused if it is later.
REVISION = "0001"

metadata = MetaData()


def _row() -> tuple[Column[object], Column[object]]:
    return Column("id", Uuid, primary_key=True), Column("site_id", Uuid, nullable=False)


# One row: which installation this store belongs to.
installation = Table(
    "installation",
    metadata,
    *_row(),
    Column("created_us", BigInteger, nullable=False),
)

# One row a site, which each writer locks first. The frontier is the compact range: an append needs nothing else.
audit_head = Table(
    "audit_head",
    metadata,
    *_row(),
    Column("epoch", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("public_key", LargeBinary),
    UniqueConstraint("site_id"),
)

audit_entry = Table(
    "audit_entry",
    metadata,
    *_row(),
    Column("epoch", Integer, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("entry", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    UniqueConstraint("site_id", "epoch", "number"),
)

# What an entry commits to. Erasing a person removes rows here, and nothing else.
audit_personal = Table(
    "audit_personal",
    metadata,
    *_row(),
    Column("entry_id", Uuid, ForeignKey("audit_entry.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    UniqueConstraint("entry_id", "name"),
    Index("audit_personal_value", "site_id", "value"),
)

# Roots of whole subtrees of 256, 256^2, ... entries: a proof reads at most 255 hashes of each level.
audit_node = Table(
    "audit_node",
    metadata,
    *_row(),
    Column("epoch", Integer, nullable=False),
    Column("level", Integer, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    UniqueConstraint("site_id", "epoch", "level", "number"),
)

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    *_row(),
    Column("epoch", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Index("audit_checkpoint_size", "site_id", "epoch", "size"),
)
