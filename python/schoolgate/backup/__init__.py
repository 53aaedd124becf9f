"""Backups: encrypted copies of settings and state, where they go, and the restore that proves one.

The secret key that opens a backup is never kept on this machine, so who takes the machine over cannot read them.
"""
