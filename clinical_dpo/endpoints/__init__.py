"""Endpoints: models behind OpenAI-compatible HTTP servers."""
