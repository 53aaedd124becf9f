"""How many instructions the hot path's parts take: the one measure of speed that a shared, busy machine cannot blur."""
