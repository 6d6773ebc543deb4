"""Answers of a local model to prompts."""
