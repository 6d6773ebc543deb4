"""Digests of everything that a training run depends on.

Equal digests show that a run can use existing checkpoints, or the stored weights of its probe. A probe is the first,
full-length run of a trial. The probe's curve of the eval loss determines for how many steps the trial is trained.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.checksums import CHECKSUMS
from clinical_dpo.io import file_digests, json_sha256, sha256
from clinical_dpo.training.settings import Run

NOT_OF_WEIGHTS = ("eval_steps",)  # settings that change no weights


def run_digest(run: Run, base: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """SHA-256 of a run's base model, settings, steps, input files and code.

    A run resumes from a checkpoint only if the checkpoint was saved under the same digest.

    Args:
        run: settings of the training.
        base: id, revision and origin of the base model, from `models.load.base_record`.
        inputs: SHA-256 of each input file, from `input_digests`.
    """
    return json_sha256([base, run.model, run.settings, run.steps, inputs, run.code, _base_sums(run)])


def probe_digest(run: Run, base: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """SHA-256 of everything that affects a run's weights. The parameters are those of `run_digest`.

    The digest covers what `run_digest` covers, with two exceptions. It leaves out the setting `eval_steps`. It covers
    only the code that a probe and its trial share. If a probe and its trial have the same digest, both runs give the
    same weights.
    """
    settings = {key: value for key, value in run.settings.items() if key not in NOT_OF_WEIGHTS}
    return json_sha256([base, run.model, settings, run.steps, inputs, run.trainer_code, _base_sums(run)])


def input_digests(paths: Iterable[str]) -> dict[str, str]:
    """Map the path of each input file to the file's SHA-256.

    If a path is a folder, the safetensors files in the folder are the input files.
    """
    files = [
        file for path in map(Path, paths) for file in ([path] if path.is_file() else sorted(path.glob("*.safetensors")))
    ]
    return file_digests(files)


def _base_sums(run: Run) -> str | bool:
    """SHA-256 of the base model's list of checksums, which covers the chat template; False if there is no such list."""
    sums = Path(run.base) / CHECKSUMS
    return sums.exists() and sha256(sums)
