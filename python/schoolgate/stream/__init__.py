"""The TCP door for clients (RFC 7766)."""
