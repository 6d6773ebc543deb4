"""Generators of synthetic clinical text, one module per domain."""
