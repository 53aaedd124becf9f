"""A stand-in for the forwarders of the world: answers any name, deterministically, and misbehaves when told to."""
