"""control.db: what operations store, and the audit log. SQLite here, PostgreSQL on a hub, by the same code.

Only this package uses SQLAlchemy, which costs 0.45 s and 66 MiB: import its modules inside the functions that need
them. `serve` never does.
"""
