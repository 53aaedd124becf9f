"""Requests, cases, checks, reviews and evidence."""
