"""Compare base models, supervised fine-tuning and direct preference optimization on clinical text.

The package does not depend on Snakemake. Its folders follow the path of the data. A folder imports only from the
folders before it (docs/architecture.md).
"""
