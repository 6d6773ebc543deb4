"""The environment that Slurm's jobs are submitted with: what they need, and no key or token.

Snakemake's plugin submits with `--export=ALL` and allows no other value. `slurm/bin/sbatch` therefore stands before
Slurm's own program and starts it in the environment made here.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

COMMANDS = Path(__file__).parents[2] / "slurm/bin"  # what stands before Slurm's own programs
SETTINGS = "CLINICAL_DPO_JOB_ENVIRONMENT"
PYTHON = "CLINICAL_DPO_PYTHON"
ELSEWHERE = "stays-on-the-submitting-host"  # what a job has for a key: set, since a start asks whether it is
NEEDED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LANGUAGE", "LC_*", "TZ", "HOSTNAME", "PWD"),
    *("TMPDIR", "TMP", "TEMP", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"),
    *("PYTHON*", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_EXE", "CONDA_PYTHON_EXE", "CONDA_SHLVL"),
    *("LD_*", "LIBRARY_PATH", "MODULE*", "LOADEDMODULES", "_LMFILES_", "LMOD_*", "__LMOD_*", "BASH_ENV", "BASH_FUNC_*"),
    *("CUDA_*", "NVIDIA_*", "NCCL_*", "ROCR_*", "HIP_*", "OMP_*", "MKL_*", "OPENBLAS_*", "NUMEXPR_*", "KMP_*"),
    *("TORCH*", "PYTORCH_*", "TRITON_*", "TOKENIZERS_PARALLELISM", "TQDM_DISABLE", "DO_NOT_TRACK"),
    *("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_*", "HF_HUB_DISABLE_IMPLICIT_TOKEN"),
    *("HF_DATASETS_CACHE", "HF_DATASETS_OFFLINE", "HF_XET_*", "HF_ASSETS_CACHE", "HF_MODULES_CACHE"),
    *("TRANSFORMERS_OFFLINE", "TRANSFORMERS_CACHE"),
    *("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SBATCH_*"),
)
# What names of keys and tokens have in them. No pattern passes such a name on; an entry without * does.
SECRET = re.compile("KEY|TOKEN|SECRET|PASSW(OR)?D|PASSPHRASE|CREDENTIAL", re.IGNORECASE)


def job_environment(environment: Mapping[str, str], more: Iterable[str], keys: Iterable[str]) -> dict[str, str]:
    """What of an environment a job is submitted with.

    Args:
        environment: where Snakemake runs.
        more: names beside NEEDED; * stands for any characters, of names that do not look like a secret's.
        keys: variables that hold the endpoints' keys. Those that are set are set to ELSEWHERE.
    """
    patterns = (*NEEDED, *more)

    def is_needed(name: str) -> bool:
        return name in patterns or (not SECRET.search(name) and any(fnmatchcase(name, each) for each in patterns))

    kept = {name: value for name, value in environment.items() if is_needed(name)}
    return kept | {name: ELSEWHERE for name in keys if name in environment}


def _without_ours(path: str) -> list[str]:
    """The folders of a PATH, but for the one that stands before Slurm's."""
    return [folder for folder in path.split(os.pathsep) if folder != str(COMMANDS)]


def submitting(environment: Mapping[str, str], more: Iterable[str], keys: Iterable[str]) -> dict[str, str]:
    """What a Snakemake that submits jobs changes in its own environment, so that `submit` is called; see there."""
    settings = json.dumps({"more": list(more), "keys": list(keys)})
    path = os.pathsep.join([str(COMMANDS), *_without_ours(environment["PATH"])])
    return {"PATH": path, SETTINGS: settings, PYTHON: sys.executable}


def submit(arguments: list[str]) -> None:
    """Become Slurm's own sbatch, in a job's environment."""
    environment = os.environ | {"PATH": os.pathsep.join(_without_ours(os.environ["PATH"]))}
    try:
        os.execvpe("sbatch", ["sbatch", *arguments], job_environment(environment, **json.loads(environment[SETTINGS])))
    except FileNotFoundError:
        sys.exit("sbatch is not on PATH.")


def path_variables(tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    """The variables in the paths of tasks' files, in alphabetical order: a job must read the same study."""
    paths = [
        entry["path"]
        for task in tasks
        for entry in (task["source"], task.get("stand_in", {}), *task.get("external_predictions", {}).values())
        if "path" in entry
    ]
    return sorted({name for path in paths for name in re.findall(r"\$\{?(\w+)", path)})


if __name__ == "__main__":
    submit(sys.argv[1:])
