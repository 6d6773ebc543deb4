"""Plan a run (time, memory, disk space, test items, calls of judges), and check what its jobs request from Slurm."""
