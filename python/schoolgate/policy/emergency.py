"""The policy of a school whose policy is lost: neither the active file nor the database can be used.

What the school had denied is not known any more, so every name is denied that is not always open (what devices need to
work, help lines, exams) or answered from here. DNS goes on, and nothing opens that was closed.
"""

from __future__ import annotations

import datetime as dt

from schoolgate.policy.revision import Revision

# No revision of a store has this number.
NUMBER = 0
TEXT = """\
# schoolgate policy: the policy of this school is lost, and everything is denied until it is back

format = 1
allowed_clients = [
    "127.0.0.0/8", "::1/128",
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
    "fc00::/7", "fe80::/10",
]
strictest = "emergency"

[policies.emergency]
unknown = "deny"
max_ttl_s = 30

[policies.emergency.locked.categories]
malware = "deny"
command-and-control = "deny"
phishing = "deny"
stalkerware = "deny"
pornography = "deny"
nudify = "deny"
"""


def emergency_revision(now: dt.datetime) -> Revision:
    """It stands for a revision where one is shown; it is in no store."""
    return Revision(NUMBER, now, "schoolgate", "the policy is lost", TEXT, None, "")
