"""Pages of runs, of one job, and of the workers."""
