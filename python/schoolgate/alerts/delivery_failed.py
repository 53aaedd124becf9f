"""Why a message did not arrive."""

from __future__ import annotations

from schoolgate.errors import SchoolgateError


class DeliveryFailed(SchoolgateError):
    """`is_final`: trying again cannot help."""

    def __init__(self, reason: str, *, is_final: bool) -> None:
        # Part of it may be a foreign server's own words, and it is shown on terminals.
        printable = "".join(one if one.isprintable() else " " for one in reason)
        super().__init__(" ".join(printable.split()))
        self.is_final = is_final
