"""The program `schoolgate` as tests start it."""
