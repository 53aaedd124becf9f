"""Policies, what a school opens and closes, and what follows from it."""
