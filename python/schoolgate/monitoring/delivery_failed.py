"""Why a message did not arrive."""

from __future__ import annotations

from schoolgate.errors import SchoolgateError


class DeliveryFailed(SchoolgateError):
    """`is_final`: trying again cannot help."""

    def __init__(self, reason: str, *, is_final: bool) -> None:
        super().__init__(" ".join(reason.split()))
        self.is_final = is_final
