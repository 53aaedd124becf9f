"""What happens when something breaks: a real server, a real failure, and queries that must be answered all the same.

The table in docs/failures.md has a row for each.
"""
