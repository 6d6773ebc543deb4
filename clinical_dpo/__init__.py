"""Compare base models, supervised fine-tuning and direct preference optimization on clinical text.

The package does not depend on Snakemake. docs/architecture.md lists the folders in the order in which data pass through
them. A folder imports only from the folders above it in this list, and from the modules at the top of the package.
"""
