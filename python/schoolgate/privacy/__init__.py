"""Pseudonyms of clients, and domain names in messages that no program turns into a link."""
