"""What happens when something breaks: a real server, a real failure, and queries that must be answered all the same.

The table in ARCHITECTURE.md has a row for each.
"""
