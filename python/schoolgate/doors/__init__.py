"""The encrypted doors as the event loop sees them: their certificate, and their start, state and end.

Connections are served in Rust (`rust/streams`). What is here reads files, looks at the calendar and says what an
operator must know.
"""
