"""Readers of files and hub data sets."""
