"""From list files to the snapshot that the plane decides by: found, compiled apart, proved, published.

Nothing here may disturb what is in force: a step that fails leaves the last good snapshot as it is, and says so. The
service reads `snapshots` only; `build` and `update` are loaded by those who run them.
"""
