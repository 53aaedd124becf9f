"""The first setup: what is there, what answers would change, trials from here, and doing it."""
