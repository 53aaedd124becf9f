"""Searches of the query log that a person keeps under a name of their own. No one else sees them.

What is kept is the search's address: the rows are asked for anew each time, with the rights of then.
"""

from __future__ import annotations

from typing import ClassVar, Final

from schoolgate.governance.record_store import Fields

# A list that is read in a glance.
MOST_SAVED: Final = 20
KEPT, REMOVED = "kept", "removed"


class SavedSearch(Fields):
    """`query`: the address behind its question mark. Both are "" once it was removed."""

    KIND: ClassVar[str] = "saved_search"

    name: str = ""
    query: str = ""
