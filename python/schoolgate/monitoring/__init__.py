"""Watching the query log: detectors make findings, rules make alerts of them, recipients are notified.

A process of its own. It reads what the server wrote and can neither delay nor change an answer.
"""
