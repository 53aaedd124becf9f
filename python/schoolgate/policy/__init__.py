"""What is denied to whom and when: policies, segments, schedules, their revisions, and what the engine makes of
them."""

from schoolgate.policy.catalogue import Catalogue, load_catalogue
from schoolgate.policy.check import CheckedPolicy, parse
from schoolgate.policy.compile import Compiled, compile_policy
from schoolgate.policy.difference import difference
from schoolgate.policy.problems import PolicyRefused
from schoolgate.policy.revision import Revision
from schoolgate.policy.revisions import (
    NoSuchRevision,
    RevisionRefused,
    RevisionsTampered,
    RevisionStore,
    RevisionsUnavailable,
)
from schoolgate.policy.schedule import next_boundary, policy_at
from schoolgate.policy.templates import NoSuchTemplate, template_names, template_text
from schoolgate.policy.zones import MergedZones, Zone, local_zones, merge, special_zones

__all__ = [
    "Catalogue",
    "CheckedPolicy",
    "Compiled",
    "MergedZones",
    "NoSuchRevision",
    "NoSuchTemplate",
    "PolicyRefused",
    "Revision",
    "RevisionRefused",
    "RevisionStore",
    "RevisionsTampered",
    "RevisionsUnavailable",
    "Zone",
    "compile_policy",
    "difference",
    "load_catalogue",
    "local_zones",
    "merge",
    "next_boundary",
    "parse",
    "policy_at",
    "special_zones",
    "template_names",
    "template_text",
]
