"""One module per kind of headline metric. Each has the functions `estimates` and `difference`."""
