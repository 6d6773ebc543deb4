"""Compare base models, supervised fine-tuning and direct preference optimization on clinical text.

The package does not depend on Snakemake. Its folders are in the order in which data pass through them. A folder imports
only from earlier folders (docs/architecture.md).
"""
