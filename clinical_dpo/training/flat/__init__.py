"""Batches as one row of tokens without padding."""
