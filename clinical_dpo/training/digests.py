"""Digests of what a training run depends on.

They show whether the run can use existing checkpoints, or the stored weights of its probe.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.checksums import CHECKSUMS
from clinical_dpo.io import file_digests, json_sha256, sha256
from clinical_dpo.training.settings import Run

NOT_OF_WEIGHTS = ("eval_steps",)  # settings that change no weights


def run_digest(run: Run, base: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """SHA-256 of base model, settings, steps, inputs and code.

    A checkpoint is resumed only by a run of the same digest.

    Args:
        run: the run.
        base: from `models.load.base_record`.
        inputs: from `input_digests`.
    """
    return json_sha256([base, run.model, run.settings, run.steps, inputs, run.code, _base_sums(run)])


def probe_digest(run: Run, base: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """SHA-256 of everything that a run's weights depend on.

    A probe and its trial are the same run if their digests are equal. Arguments as for `run_digest`.
    """
    settings = {key: value for key, value in run.settings.items() if key not in NOT_OF_WEIGHTS}
    return json_sha256([base, run.model, settings, run.steps, inputs, run.trainer_code, _base_sums(run)])


def input_digests(paths: Iterable[str]) -> dict[str, str]:
    """Map the path of each input file, and of each safetensors file in an input folder, to its SHA-256."""
    files = [
        file for path in map(Path, paths) for file in ([path] if path.is_file() else sorted(path.glob("*.safetensors")))
    ]
    return file_digests(files)


def _base_sums(run: Run) -> str | bool:
    """SHA-256 of the base model's list of checksums (the list covers the chat template); False if there is no list."""
    sums = Path(run.base) / CHECKSUMS
    return sums.exists() and sha256(sums)
