"""Small policies for tests."""

POLICY = """\
format = 1
time_zone = "Europe/London"
allowed_clients = ["127.0.0.0/8"]
strictest = "strict"

[policies.strict]
action = "nxdomain"
categories = { gambling = "deny" }
deny = ["denied.example.org"]

[policies.open]
extends = "strict"
categories = { gambling = "allow" }

[segments.pupils]
prefixes = ["127.0.0.1/32"]
policy = "strict"
rate_limit = { qps = 100000, burst = 100000 }

[segments.staff]
prefixes = ["127.0.0.2/32"]
policy = "open"
"""

# The same, with one more name denied.
STRICTER = POLICY.replace('"denied.example.org"', '"denied.example.org", "games.example.org"')
# Two mistakes.
BROKEN = POLICY.replace('policy = "open"', 'policy = "opne"').replace("gambling", "gambing")
