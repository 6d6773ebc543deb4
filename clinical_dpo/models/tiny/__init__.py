"""Tiny base models, pre-trained on generated text."""
