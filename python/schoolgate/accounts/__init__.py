"""Accounts: who may sign in, by which factors, in which roles. No HTTP here, and no rights of an operation.

Functions take an open `Store` or a `Change`, the name of the actor for the audit log, and the time in microseconds
since 1970, UTC. They return frozen values. Nothing here ever keeps a secret that it could check by a hash.
"""
