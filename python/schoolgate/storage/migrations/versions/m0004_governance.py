"""Records of governance (requests, cases, checks, reviews and the rest) and the files attached to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the two tables."""
    op.create_table(
        "governance_record",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("site_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("due_us", sa.BigInteger),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("changed_us", sa.BigInteger, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("audit_epoch", sa.Integer, nullable=False),
        sa.Column("audit_number", sa.BigInteger, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.UniqueConstraint("site_id", "kind", "number"),
    )
    op.create_index("governance_record_state", "governance_record", ["site_id", "kind", "state", "due_us"])
    op.create_index("governance_record_subject", "governance_record", ["site_id", "kind", "subject"])
    op.create_table(
        "governance_attachment",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("site_id", sa.Uuid, nullable=False),
        sa.Column("record_id", sa.Uuid, sa.ForeignKey("governance_record.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("octets", sa.LargeBinary, nullable=False),
        sa.Column("added_us", sa.BigInteger, nullable=False),
        sa.Column("added_by", sa.Text, nullable=False),
    )
    op.create_index("governance_attachment_record", "governance_attachment", ["record_id"])
