"""Names that a school asked and a list should perhaps know: a review queue, never a block by itself."""
