"""The flat layout: training batches as one row of tokens without padding."""
