"""Blinded sheets for people, and what they send back."""
