"""From list files to the snapshot that the plane decides by: found, compiled apart, proved, published.

Nothing here may disturb what is in force: a step that fails leaves the last good snapshot as it is, and says so.
"""

from schoolgate.lists.build import BuildReport, ListsNotBuilt, build
from schoolgate.lists.inputs import ListInput, ListsUnreadable, list_inputs
from schoolgate.lists.proof import CanaryMissing, prove
from schoolgate.lists.snapshots import NoUsableSnapshot, Opened, SnapshotStore

__all__ = [
    "BuildReport",
    "CanaryMissing",
    "ListInput",
    "ListsNotBuilt",
    "ListsUnreadable",
    "NoUsableSnapshot",
    "Opened",
    "SnapshotStore",
    "build",
    "list_inputs",
    "prove",
]
