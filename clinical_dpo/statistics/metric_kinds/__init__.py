"""One module per kind of metric."""
