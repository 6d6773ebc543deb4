"""Tokenizers, token ids and lengths."""
