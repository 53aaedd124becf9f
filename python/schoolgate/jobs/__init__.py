"""Work that runs by the clock: the runner and the registered jobs."""
