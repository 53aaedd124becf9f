"""The roles of a school and its trust. A person may hold several."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """In the order of the rights table."""

    network_manager = "network_manager"
    safeguarding_lead = "safeguarding_lead"
    head = "head"
    trust_director = "trust_director"
    teacher = "teacher"
    governor = "governor"
    provider = "provider"
    data_protection_officer = "data_protection_officer"
