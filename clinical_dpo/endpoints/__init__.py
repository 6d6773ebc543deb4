"""Models behind HTTP endpoints."""
