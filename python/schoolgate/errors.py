"""The root of every error schoolgate raises on purpose.

A message of these errors is shown to a person as it stands: it says what is wrong and what to do next. Anything that
is not a `SchoolgateError` is a defect.
"""


class SchoolgateError(Exception):
    """Something a person can act on. `exit_code`: what a command ends with that raises it; 2 is wrong usage, 3 an
    answer that is not whole."""

    exit_code = 1
