"""Supervised fine-tuning against direct preference optimization on clinical text: the science, as a plain package.

Nothing here knows of Snakemake. Folders follow the data; each imports only from those before it (docs/architecture.md).
"""
