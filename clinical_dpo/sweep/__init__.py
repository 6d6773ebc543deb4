"""The choice among a stage's trials."""
