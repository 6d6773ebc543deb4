"""Base models: downloaded or pre-trained, loaded and saved."""
