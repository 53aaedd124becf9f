//! The query log: what is recorded of a query, and how a record leaves the worker that made it.
