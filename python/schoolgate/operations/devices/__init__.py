"""Devices: what the school calls them, and which one it was."""
