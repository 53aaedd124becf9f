"""The audit log without its database: Merkle hashing, signed checkpoints, entries, export files, verification.

Nothing here opens control.db or loads SQLAlchemy, so an export is verified on any machine. `storage.audit_log` appends.
"""
