"""Metrics, intervals, paired tests and comparisons."""
