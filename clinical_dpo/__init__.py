"""Supervised fine-tuning against direct preference optimization on clinical text: the science, as a plain package.

Nothing here knows of Snakemake. Modules follow the data: records -> sources -> splits -> prompts -> models ->
sft -> preferences -> dpo -> generation -> grading -> metrics -> significance -> figures.
"""
