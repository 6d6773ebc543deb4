"""Selection among a stage's trials."""
