"""Records on SQLite and on PostgreSQL: each test that takes `where` runs on both."""

from __future__ import annotations

from tests.unit.storage.conftest import cluster, where

__all__ = ["cluster", "where"]
