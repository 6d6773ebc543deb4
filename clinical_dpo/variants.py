"""Stages and variants: their lists, their comparisons and their titles. `paths` builds and parses their names."""

from collections.abc import Iterable

STAGES = ("sft", "dpo")  # of every task
VARIANTS = ("base", *STAGES)  # of every task
TITLES = {  # of all variants, in figures and on pages
    **{"base": "Base", "sft": "SFT", "dpo": "DPO"},
    **{"few_shot": "Few-shot", "sft_longer": "SFT longer", "dpo_sft": "DPO+SFT"},
}
ARMS = tuple(name for name in TITLES if name not in VARIANTS)  # variants that a task file may add
UNTRAINED = ("base", "few_shot")  # variants without weights of their own
ALL_STAGES = tuple(name for name in TITLES if name not in UNTRAINED)
PAIRED_STAGES = ("dpo", "dpo_sft")  # stages that train on preference pairs, with a beta
PAIRED_SETTINGS = ("beta", "loss", "label_smoothing")  # settings of these stages alone
EXTERNAL = "external"  # the only variant of external predictions
PAIRS = (("sft", "base"), ("dpo", "sft"), ("dpo", "base"))  # each variant, and the variant it is compared with
ARM_RIVALS = ("sft", "dpo")  # the variants with which every arm is compared
BEST = "best"  # the folder of a stage's chosen trial
SWEPT = ("learning_rate", "beta")  # settings with several values in a sweep


def sorted_variants(names: Iterable[str]) -> list[str]:
    """The variants among some names, each once, in the order of TITLES. External answers are no variant here."""
    present = set(names)
    return [variant for variant in TITLES if variant in present]


def arms_of(variants: Iterable[str]) -> list[str]:
    """The arms among some variants."""
    return [variant for variant in sorted_variants(variants) if variant in ARMS]


def compared(variants: Iterable[str]) -> list[tuple[str, str]]:
    """The comparisons of a task's variants: a variant, and the variant that it is compared with. Those of arms last."""
    present = sorted_variants(variants)
    arms = [(arm, rival) for arm in arms_of(present) for rival in ARM_RIVALS]
    return [pair for pair in (*PAIRS, *arms) if set(pair) <= set(present)]
