"""Grades and preferences by a language model behind an OpenAI-compatible endpoint."""
