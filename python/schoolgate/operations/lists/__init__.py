"""Lists, feeds and the sealed lists."""
