"""The layers of a decision, as the engine names them and as people read them (docs/architecture/query.md)."""

from __future__ import annotations

LAYERS = {
    "sealed": "1 sealed lists: nothing opens these",
    "platform": "2 what devices need to work: always open",
    "trust-locked": "3 locked by the trust",
    "protected": "4 help lines, health education, exams: always open",
    "exception": "5 an approved exception with an end",
    "own-list": "6 the school's own lists",
    "threat": "7 threats",
    "circumvention": "8 ways around the filter",
    "category": "9 categories and services of the policy",
    "unknown": "10 the policy's rule for unknown names",
    "allow": "11 no rule speaks of it: open",
}
