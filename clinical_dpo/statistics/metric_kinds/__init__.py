"""One module per kind of headline metric. Each module has the functions `estimates` and `difference`."""
