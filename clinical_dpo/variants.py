"""Names of what a study compares: stages, variants, a sweep's trials and training seeds, each built and read here."""

import re
from collections.abc import Mapping

from clinical_dpo.errors import UserError

STAGES = ("sft", "dpo")
VARIANTS = ("base", *STAGES)
TITLES = {"base": "Base", "sft": "SFT", "dpo": "DPO"}  # as figures and pages call them
EXTERNAL = "external"  # the one variant of what answered elsewhere
COMPARISONS = {  # comparison -> the variant compared, the variant it is compared with
    "sft_vs_base": ("sft", "base"),
    "dpo_vs_sft": ("dpo", "sft"),
    "dpo_vs_base": ("dpo", "base"),
}
BEST = "best"  # the folder of a stage's chosen trial
SWEPT = ("learning_rate", "beta")


def versus(variant: str, other: str) -> str:
    """Name of a variant's comparison with another, or with answers from elsewhere: `dpo_vs_base`, `dpo_vs_gpt4`."""
    return f"{variant}_vs_{other}"


def compared(name: str) -> tuple[str, str]:
    """What such a comparison compares, and with what."""
    first, second = name.split("_vs_")
    return first, second


def trial_name(values: Mapping[str, float]) -> str:
    """A trial's folder: `lr1e-05`, with a beta `lr1e-06_beta0.1`."""
    mantissa, exponent = f"{values['learning_rate']:.6e}".split("e")
    name = f"lr{mantissa.rstrip('0').rstrip('.')}e{exponent}"
    return f"{name}_beta{values['beta']:g}" if "beta" in values else name


def parse_trial(name: str, stage: str) -> dict[str, float]:
    """The swept values that a trial's name spells: `lr1e-06_beta0.1` -> learning_rate 1e-06, beta 0.1.

    Raises:
        UserError: a name that is not one of the stage's, or spells its values otherwise than `trial_name`.
    """
    number = r"(\d+(?:\.\d+)?(?:e[-+]\d+)?)"
    match = re.fullmatch(rf"lr{number}(?:_beta{number})?", name)
    if match and bool(match[2]) == (stage == "dpo"):
        values = {"learning_rate": float(match[1])} | ({"beta": float(match[2])} if match[2] else {})
        if trial_name(values) == name:
            return values
        raise UserError(f"'{name}' is not how this trial is spelled. Write {trial_name(values)}.")
    spelled = "lr1e-06_beta0.1" if stage == "dpo" else "lr1e-05"
    raise UserError(f"'{name}' is no trial of {stage}. One is spelled {spelled}.")


def with_seed(name: str, seed: int | str | None) -> str:
    """A name with a training seed of its own: `sft`, 43 -> `sft_seed43`. Without one (None) the name as it is."""
    return name if seed is None else f"{name}_seed{seed}"


def parse_seed(name: str) -> tuple[str, int | None]:
    """The name and the training seed that `with_seed` spelled: `sft_seed43` -> `sft`, 43."""
    match = re.fullmatch(r"(.+)_seed(\d+)", name)
    return (match[1], int(match[2])) if match else (name, None)
