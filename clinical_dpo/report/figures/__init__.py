"""The figures of a run, one module each, and their common parts: style, panels and fitted text."""
