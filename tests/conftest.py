"""Hypothesis measures no time: a busy machine is no defect of what is tested.

The same examples each time, so that a change is what makes a test fail. `make properties` draws new ones.
"""

import os

from hypothesis import HealthCheck, settings

_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Where tests start programs, each would compile what it loads once more.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

settings.register_profile("same", _ANY_MACHINE, derandomize=True, database=None)
settings.register_profile("new", _ANY_MACHINE, max_examples=1_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
