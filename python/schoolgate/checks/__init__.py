"""Checks that a filter does not do harm: what must be reachable is reachable, what must be lockable can be locked."""
