"""Training batches as one row of tokens without padding."""
