"""Blinded sheets on which raters grade answers, and the ratings that raters return."""
