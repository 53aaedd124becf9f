"""From nothing to a filtering school: the answers of a setup, what they would change, and the files they become.

Nothing here writes before the operation `setup.apply` says so, except the draft of the answers.
"""
