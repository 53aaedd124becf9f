"""Installation and audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _row() -> tuple[sa.Column[object], sa.Column[object]]:
    return sa.Column("id", sa.Uuid, primary_key=True), sa.Column("site_id", sa.Uuid, nullable=False)


def upgrade() -> None:
    """Makes the first tables."""
    op.create_table("installation", *_row(), sa.Column("created_us", sa.BigInteger, nullable=False))
    op.create_table(
        "audit_head",
        *_row(),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("public_key", sa.LargeBinary),
        sa.UniqueConstraint("site_id"),
    )
    op.create_table(
        "audit_entry",
        *_row(),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("entry", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("site_id", "epoch", "number"),
    )
    op.create_table(
        "audit_personal",
        *_row(),
        sa.Column("entry_id", sa.Uuid, sa.ForeignKey("audit_entry.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("entry_id", "name"),
    )
    op.create_index("audit_personal_value", "audit_personal", ["site_id", "value"])
    op.create_table(
        "audit_node",
        *_row(),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("site_id", "epoch", "level", "number"),
    )
    op.create_table(
        "audit_checkpoint",
        *_row(),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("audit_checkpoint_size", "audit_checkpoint", ["site_id", "epoch", "size"])
