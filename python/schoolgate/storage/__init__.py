"""Files and directories that hold state: one atomic file write, the state directory and its lock."""
