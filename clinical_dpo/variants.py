"""Stages and variants: their lists, their comparisons and their titles. `paths` builds and parses their names."""

from collections.abc import Iterable

STAGES = ("sft", "dpo")  # of every task
VARIANTS = ("base", *STAGES)  # of every task
TITLES = {"base": "Base", "sft": "SFT", "dpo": "DPO"}  # of all variants, in figures and on pages
EXTERNAL = "external"  # the only variant of external predictions
PAIRS = (("sft", "base"), ("dpo", "sft"), ("dpo", "base"))  # each variant, and the variant it is compared with
BEST = "best"  # the folder of a stage's chosen trial
SWEPT = ("learning_rate", "beta")  # settings with several values in a sweep


def in_order(names: Iterable[str]) -> list[str]:
    """The variants among some names, each once, in the order of TITLES. External answers are no variant here."""
    present = set(names)
    return [variant for variant in TITLES if variant in present]


def compared(variants: Iterable[str]) -> list[tuple[str, str]]:
    """The comparisons of a task's variants: a variant, and the variant that it is compared with."""
    present = set(variants)
    return [pair for pair in PAIRS if present.issuperset(pair)]
