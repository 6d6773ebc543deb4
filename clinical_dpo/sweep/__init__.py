"""Selection of the best trial among the trials of a stage."""
