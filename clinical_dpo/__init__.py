"""Supervised fine-tuning against direct preference optimization on clinical text: the science, as a plain package.

Nothing here knows of Snakemake. Modules follow the data: records -> sources -> splits -> prompts -> models ->
sft -> preferences -> dpo -> generation -> grading -> metrics -> significance -> figures.
"""

import gc

# Importing PyTorch and what stands on it makes a million objects that stay; looking for garbage among them takes a
# sixth of a short job's start. A job sets a lower threshold once it has imported what it needs.
gc.set_threshold(1_000_000)
