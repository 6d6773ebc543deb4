"""Read and check the configuration of a study, and derive its tasks, models, trials, files and metrics."""
