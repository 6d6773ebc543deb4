"""Figures, tables and pages of a run's results."""
