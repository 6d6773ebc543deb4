"""Blinded rating by people: sheets out, ratings back in, adjudication, agreement, win rate."""
