"""Statements about a run, by topic. The drafts and the reporting checklists share them."""
