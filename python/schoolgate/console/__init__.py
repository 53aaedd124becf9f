"""The web console: a process of its own that shows what operations return, and asks `schoolgate control` for each.

It holds nothing but the key of its certificate. It may be killed at any moment: no query and no change is lost.
"""
