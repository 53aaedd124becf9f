"""The tables of control.db as they are now. How an older store gets there is in `migrations/versions`.

Each row has a UUIDv7 and its site. Times are int64 microseconds since 1970, UTC.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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
REVISION = "0004"

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

# Who may sign in. The login name is kept as written, and once more NFC and casefolded to compare.
account = Table(
    "account",
    metadata,
    *_row(),
    Column("login", Text, nullable=False),
    Column("login_key", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("mail", Text),
    Column("state", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("disabled_us", BigInteger),
    Column("last_sign_in_us", BigInteger),
    Column("must_change_password", Boolean, nullable=False),
    # No approving before this time: set when the second factor was reset.
    Column("approves_from_us", BigInteger, nullable=False),
    UniqueConstraint("site_id", "login_key"),
)

# A role in a scope. An approving role is a request until a head or a director approved it.
role_grant = Table(
    "role_grant",
    metadata,
    *_row(),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("role", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_us", BigInteger, nullable=False),
    Column("decided_by", Text),
    Column("decided_us", BigInteger),
    Column("ended_by", Text),
    Column("ended_us", BigInteger),
    Column("reviewed_by", Text),
    Column("reviewed_us", BigInteger),
    Index("role_grant_account", "site_id", "account_id"),
)

# Argon2id, one an account.
account_password = Table(
    "account_password",
    metadata,
    *_row(),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("hash", Text, nullable=False),
    Column("set_us", BigInteger, nullable=False),
    UniqueConstraint("account_id"),
)

# RFC 6238. The secret is encrypted; a step is used once.
totp = Table(
    "totp",
    metadata,
    *_row(),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("confirmed_us", BigInteger),
    Column("last_step", BigInteger, nullable=False),
    UniqueConstraint("account_id"),
)

recovery_code = Table(
    "recovery_code",
    metadata,
    *_row(),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("used_us", BigInteger),
    UniqueConstraint("account_id", "hash"),
)

passkey = Table(
    "passkey",
    metadata,
    *_row(),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("credential_id", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("label", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("used_us", BigInteger),
    UniqueConstraint("site_id", "credential_id"),
)

# A ceremony that has begun. Its row is removed when it ends.
passkey_challenge = Table(
    "passkey_challenge",
    metadata,
    *_row(),
    Column("challenge", LargeBinary, nullable=False),
    Column("account_id", Uuid, ForeignKey("account.id")),
    Column("purpose", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    UniqueConstraint("challenge"),
)

# A sign-in. Of the token only its SHA-256 is kept.
account_session = Table(
    "account_session",
    metadata,
    *_row(),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("stage", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("seen_us", BigInteger, nullable=False),
    Column("factor_us", BigInteger),
    Column("factor_failures", Integer, nullable=False),
    Column("device_id", Uuid),
    Column("user_agent", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("ended_us", BigInteger),
    Column("ended_why", Text),
    UniqueConstraint("token_hash"),
    Index("account_session_account", "site_id", "account_id"),
)

# A browser that signed in before, by a cookie of its own.
known_device = Table(
    "known_device",
    metadata,
    *_row(),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("used_us", BigInteger, nullable=False),
    UniqueConstraint("hash"),
)

# Failures in a row and the last attempts for one login name, whether or not it has an account.
sign_in_failure = Table(
    "sign_in_failure",
    metadata,
    *_row(),
    Column("name_hash", LargeBinary, nullable=False),
    Column("account_id", Uuid, ForeignKey("account.id")),
    Column("in_row", Integer, nullable=False),
    Column("recent", Text, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    UniqueConstraint("site_id", "name_hash"),
    Index("sign_in_failure_last", "site_id", "last_us"),
)

api_token = Table(
    "api_token",
    metadata,
    *_row(),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("label", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("used_us", BigInteger),
    Column("revoked_us", BigInteger),
    UniqueConstraint("hash"),
)

# First run, password reset, break-glass: used once, kept as a hash.
one_time_token = Table(
    "one_time_token",
    metadata,
    *_row(),
    Column("purpose", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("account_id", Uuid, ForeignKey("account.id")),
    Column("made_by", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("used_us", BigInteger),
    UniqueConstraint("hash"),
)

# A request to remove the second factor of an account that approves.
factor_reset = Table(
    "factor_reset",
    metadata,
    *_row(),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_us", BigInteger, nullable=False),
    Column("first_by", Text),
    Column("first_us", BigInteger),
    Column("second_by", Text),
    Column("second_us", BigInteger),
    Index("factor_reset_account", "site_id", "account_id"),
)

# Who an account is at an identity provider: issuer and subject, never a mail address.
oidc_identity = Table(
    "oidc_identity",
    metadata,
    *_row(),
    Column("account_id", Uuid, ForeignKey("account.id"), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    # Who it is in the directory, where that is another identifier: the nightly pull of leavers compares it.
    Column("directory_id", Text),
    UniqueConstraint("site_id", "issuer", "subject"),
)

# A sign-in that went to the identity provider and has not come back.
oidc_request = Table(
    "oidc_request",
    metadata,
    *_row(),
    Column("state_hash", LargeBinary, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    UniqueConstraint("state_hash"),
)

# Requests, cases, checks, reviews and the rest: each a kind with typed fields, as canonical JSON
# (`governance/record_store.py`). `subject`: what it is about, such as a name, so that another one of the same can be
# found. `audit_number`: the entry of its newest change.
governance_record = Table(
    "governance_record",
    metadata,
    *_row(),
    Column("kind", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("due_us", BigInteger),
    Column("created_us", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("audit_epoch", Integer, nullable=False),
    Column("audit_number", BigInteger, nullable=False),
    Column("fields", Text, nullable=False),
    UniqueConstraint("site_id", "kind", "number"),
    Index("governance_record_state", "site_id", "kind", "state", "due_us"),
    Index("governance_record_subject", "site_id", "kind", "subject"),
)

governance_attachment = Table(
    "governance_attachment",
    metadata,
    *_row(),
    Column("record_id", Uuid, ForeignKey("governance_record.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("octets", LargeBinary, nullable=False),
    Column("added_us", BigInteger, nullable=False),
    Column("added_by", Text, nullable=False),
    Index("governance_attachment_record", "record_id"),
)
