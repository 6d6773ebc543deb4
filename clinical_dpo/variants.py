"""Lists of stages and variants, titles of variants, and pairs of variants to compare.

The module `paths` builds and parses the names of comparisons, the names of trials, and names with a training seed.
"""

from collections.abc import Iterable

STAGES = ("sft", "dpo")  # the stages that every task has
VARIANTS = ("base", *STAGES)  # the variants that every task has
TITLES = {  # variant -> title in figures and on pages; all variants are here
    **{"base": "Base", "sft": "SFT", "dpo": "DPO"},
    **{"few_shot": "Few-shot", "sft_longer": "SFT longer", "dpo_sft": "DPO+SFT"},
}
ARMS = tuple(name for name in TITLES if name not in VARIANTS)  # variants that a task file may add
UNTRAINED = ("base", "few_shot")  # variants without weights of their own
ALL_STAGES = tuple(name for name in TITLES if name not in UNTRAINED)
PAIRED_STAGES = ("dpo", "dpo_sft")  # stages that train on preference pairs, with a beta
PAIRED_SETTINGS = ("beta", "loss", "label_smoothing")  # settings that only PAIRED_STAGES have
EXTERNAL = "external"  # the only variant of external predictions
PAIRS = (("sft", "base"), ("dpo", "sft"), ("dpo", "base"))  # variant, variant it is compared with
ARM_RIVALS = ("sft", "dpo")  # the variants with which every arm is compared
BEST = "best"  # name of the folder of a stage's chosen trial
SWEPT = ("learning_rate", "beta")  # settings that may have several values in a sweep


def sorted_variants(names: Iterable[str]) -> list[str]:
    """The variants among the names, each once, in the order of TITLES. Other names, such as `external`, are dropped."""
    present = set(names)
    return [variant for variant in TITLES if variant in present]


def arms_of(variants: Iterable[str]) -> list[str]:
    """Return those of the variants that are arms (ARMS), each once, in the order of TITLES.

    An arm is a variant that not every task has, such as `few_shot`. The task file adds it.
    """
    return [variant for variant in sorted_variants(variants) if variant in ARMS]


def compared(variants: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of variants to compare: (variant, variant that it is compared with).

    The pairs in PAIRS come first. The comparisons of each arm (ARMS) with SFT and with DPO follow. A pair is left out
    if one of its variants is not among `variants`.
    """
    present = sorted_variants(variants)
    arms = [(arm, rival) for arm in arms_of(present) for rival in ARM_RIVALS]
    return [pair for pair in (*PAIRS, *arms) if set(pair) <= set(present)]
