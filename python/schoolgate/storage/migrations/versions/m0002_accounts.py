"""Accounts: who may sign in, how, and in which role."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _row() -> tuple[sa.Column[object], sa.Column[object]]:
    return sa.Column("id", sa.Uuid, primary_key=True), sa.Column("site_id", sa.Uuid, nullable=False)


def upgrade() -> None:
    """Makes the tables of accounts."""
    _accounts()
    _factors()
    _sessions()
    _tokens()


def _accounts() -> None:
    op.create_table(
        "account",
        *_row(),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("login_key", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("mail", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("disabled_us", sa.BigInteger),
        sa.Column("last_sign_in_us", sa.BigInteger),
        sa.Column("must_change_password", sa.Boolean, nullable=False),
        sa.Column("approves_from_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("site_id", "login_key"),
    )
    op.create_table(
        "role_grant",
        *_row(),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("requested_us", sa.BigInteger, nullable=False),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_us", sa.BigInteger),
        sa.Column("ended_by", sa.Text),
        sa.Column("ended_us", sa.BigInteger),
        sa.Column("reviewed_by", sa.Text),
        sa.Column("reviewed_us", sa.BigInteger),
    )
    op.create_index("role_grant_account", "role_grant", ["site_id", "account_id"])
    op.create_table(
        "account_password",
        *_row(),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("set_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("account_id"),
    )


def _factors() -> None:
    op.create_table(
        "totp",
        *_row(),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("confirmed_us", sa.BigInteger),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("account_id"),
    )
    op.create_table(
        "recovery_code",
        *_row(),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("used_us", sa.BigInteger),
        sa.UniqueConstraint("account_id", "hash"),
    )
    op.create_table(
        "passkey",
        *_row(),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("credential_id", sa.LargeBinary, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("used_us", sa.BigInteger),
        sa.UniqueConstraint("site_id", "credential_id"),
    )
    op.create_table(
        "passkey_challenge",
        *_row(),
        sa.Column("challenge", sa.LargeBinary, nullable=False),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id")),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("challenge"),
    )


def _sessions() -> None:
    op.create_table(
        "account_session",
        *_row(),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("seen_us", sa.BigInteger, nullable=False),
        sa.Column("factor_us", sa.BigInteger),
        sa.Column("factor_failures", sa.Integer, nullable=False),
        sa.Column("device_id", sa.Uuid),
        sa.Column("user_agent", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("ended_us", sa.BigInteger),
        sa.Column("ended_why", sa.Text),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("account_session_account", "account_session", ["site_id", "account_id"])
    op.create_table(
        "known_device",
        *_row(),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("used_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "sign_in_failure",
        *_row(),
        sa.Column("name_hash", sa.LargeBinary, nullable=False),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id")),
        sa.Column("in_row", sa.Integer, nullable=False),
        sa.Column("recent", sa.Text, nullable=False),
        sa.Column("last_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("site_id", "name_hash"),
    )
    op.create_index("sign_in_failure_last", "sign_in_failure", ["site_id", "last_us"])


def _tokens() -> None:
    op.create_table(
        "api_token",
        *_row(),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.Column("used_us", sa.BigInteger),
        sa.Column("revoked_us", sa.BigInteger),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "one_time_token",
        *_row(),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id")),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger),
        sa.Column("used_us", sa.BigInteger),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "factor_reset",
        *_row(),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("requested_us", sa.BigInteger, nullable=False),
        sa.Column("first_by", sa.Text),
        sa.Column("first_us", sa.BigInteger),
        sa.Column("second_by", sa.Text),
        sa.Column("second_us", sa.BigInteger),
    )
    op.create_index("factor_reset_account", "factor_reset", ["site_id", "account_id"])
    op.create_table(
        "oidc_identity",
        *_row(),
        sa.Column("account_id", sa.Uuid, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("site_id", "issuer", "subject"),
    )
    op.create_table(
        "oidc_request",
        *_row(),
        sa.Column("state_hash", sa.LargeBinary, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("nonce", sa.Text, nullable=False),
        sa.Column("verifier", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("state_hash"),
    )
