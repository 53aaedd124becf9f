"""schoolgate: a DNS resolver that applies a school's policy to every query."""
