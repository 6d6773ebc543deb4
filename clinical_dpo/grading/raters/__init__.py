"""Blinded sheets for raters, and the ratings that they return."""
