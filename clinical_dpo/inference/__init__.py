"""Inference: answers of a local model."""
