"""schoolgate: a DNS resolver that applies a school's policy to every query."""

import os

# None is used; looking for them reads the metadata of every installed package, at each start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
