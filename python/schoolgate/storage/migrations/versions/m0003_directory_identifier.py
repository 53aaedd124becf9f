"""Who an identity is in the directory that leavers are read from, where that is another identifier."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    op.add_column("oidc_identity", sa.Column("directory_id", sa.Text))
