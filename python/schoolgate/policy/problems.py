"""A policy that cannot be used, with everything that is wrong with it."""

from __future__ import annotations

from schoolgate.config.problems import InputRefused


class PolicyRefused(InputRefused):
    """The policy text cannot be used; the policy in force stays."""
