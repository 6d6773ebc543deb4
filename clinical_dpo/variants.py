"""Build and parse the names of stages, variants, comparisons, a sweep's trials and training seeds."""

import re
from collections.abc import Mapping

from clinical_dpo.errors import UserError

STAGES = ("sft", "dpo")
VARIANTS = ("base", *STAGES)
TITLES = {"base": "Base", "sft": "SFT", "dpo": "DPO"}  # in figures and on pages
EXTERNAL = "external"  # the only variant of external predictions
COMPARISONS = {  # comparison -> variant, and the variant with which it is compared
    "sft_vs_base": ("sft", "base"),
    "dpo_vs_sft": ("dpo", "sft"),
    "dpo_vs_base": ("dpo", "base"),
}
BEST = "best"  # the folder of a stage's chosen trial
SWEPT = ("learning_rate", "beta")  # settings with several values in a sweep


def comparison_name(variant: str, other: str) -> str:
    """Name of a comparison: `dpo_vs_base`, or with external predictions `dpo_vs_gpt4`."""
    return f"{variant}_vs_{other}"


def parse_comparison(name: str) -> tuple[str, str]:
    """The two names in a comparison's name: `dpo_vs_base` -> `dpo`, `base`."""
    first, second = name.split("_vs_")
    return first, second


def trial_name(values: Mapping[str, float]) -> str:
    """Name of a trial's folder: `lr1e-05`, or `lr1e-06_beta0.1` with a beta."""
    mantissa, exponent = f"{values['learning_rate']:.6e}".split("e")
    name = f"lr{mantissa.rstrip('0').rstrip('.')}e{exponent}"
    return f"{name}_beta{values['beta']:g}" if "beta" in values else name


def parse_trial(name: str, stage: str) -> dict[str, float]:
    """The swept values in a trial's name: `lr1e-06_beta0.1` -> learning_rate 1e-06, beta 0.1.

    Raises:
        UserError: the name is not a trial of the stage, or differs from the name that `trial_name` builds.
    """
    number = r"(\d+(?:\.\d+)?(?:e[-+]\d+)?)"
    match = re.fullmatch(rf"lr{number}(?:_beta{number})?", name)
    if match and bool(match[2]) == (stage == "dpo"):
        values = {"learning_rate": float(match[1])} | ({"beta": float(match[2])} if match[2] else {})
        if trial_name(values) == name:
            return values
        raise UserError(f"'{name}' is not the usual spelling of this trial's name. Write {trial_name(values)}.")
    example = "lr1e-06_beta0.1" if stage == "dpo" else "lr1e-05"
    raise UserError(f"'{name}' is not a trial of {stage}. Write a name such as {example}.")


def with_seed(name: str, seed: int | str | None) -> str:
    """A name with a training seed: `sft`, 43 -> `sft_seed43`. With None the name is unchanged."""
    return name if seed is None else f"{name}_seed{seed}"


def parse_seed(name: str) -> tuple[str, int | None]:
    """Split a name from `with_seed` into name and training seed: `sft_seed43` -> `sft`, 43. Without a seed: None."""
    match = re.fullmatch(r"(.+)_seed(\d+)", name)
    return (match[1], int(match[2])) if match else (name, None)
