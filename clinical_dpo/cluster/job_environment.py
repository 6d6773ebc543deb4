"""Build the environment of Slurm jobs: the variables that the jobs need, and no key or token.

Snakemake's Slurm plugin always calls sbatch with `--export=ALL`, which passes all variables to the job. Therefore the
script `slurm/bin/sbatch` comes before Slurm's own sbatch in PATH. The script starts Slurm's sbatch in the environment
that this module builds.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from clinical_dpo.user_paths import variables

COMMANDS = Path(__file__).parents[2] / "slurm/bin"  # comes before Slurm's programs in PATH
SETTINGS = "CLINICAL_DPO_JOB_ENVIRONMENT"  # variable that passes `more` and `keys` to `submit`, as JSON
PYTHON = "CLINICAL_DPO_PYTHON"  # variable that names the Python of slurm/bin/sbatch
KEY_PLACEHOLDER = "stays-on-the-submitting-host"  # value in place of a key; Snakemake checks in the job that it is set
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
# Parts of names of variables that hold keys or tokens. A pattern with * never selects such a name; the exact name does.
SECRET = re.compile("KEY|TOKEN|SECRET|PASSW(OR)?D|PASSPHRASE|CREDENTIAL", re.IGNORECASE)


def job_environment(environment: Mapping[str, str], more: Iterable[str], keys: Iterable[str]) -> dict[str, str]:
    """The environment variables with which a job is submitted.

    Args:
        environment: the environment of Snakemake.
        more: names of variables that are kept besides NEEDED. In a name, * stands for any characters. A name with *
            never selects a variable that matches SECRET.
        keys: variables that contain the endpoints' keys. Those in `environment` get the value KEY_PLACEHOLDER.
    """
    patterns = (*NEEDED, *more)

    def is_needed(name: str) -> bool:
        return name in patterns or (not SECRET.search(name) and any(fnmatchcase(name, each) for each in patterns))

    kept = {name: value for name, value in environment.items() if is_needed(name)}
    return kept | {name: KEY_PLACEHOLDER for name in keys if name in environment}


def _without_commands(path: str) -> list[str]:
    """Split a value of PATH into its folders, and leave out the project's folder slurm/bin (COMMANDS)."""
    return [folder for folder in path.split(os.pathsep) if folder != str(COMMANDS)]


def submission_environment(environment: Mapping[str, str], more: Iterable[str], keys: Iterable[str]) -> dict[str, str]:
    """Variables to set in Snakemake's own environment, so that it calls slurm/bin/sbatch instead of Slurm's sbatch.

    The script slurm/bin/sbatch calls `submit`, which starts Slurm's sbatch in the environment of `job_environment`.

    Args:
        environment, more, keys: as in `job_environment`.
    """
    settings = json.dumps({"more": list(more), "keys": list(keys)})
    path = os.pathsep.join([str(COMMANDS), *_without_commands(environment["PATH"])])
    return {"PATH": path, SETTINGS: settings, PYTHON: sys.executable}


def submit(arguments: list[str]) -> None:
    """Replace this process by Slurm's sbatch, which then runs in the environment that `job_environment` builds.

    Args:
        arguments: arguments of sbatch.
    """
    environment = os.environ | {"PATH": os.pathsep.join(_without_commands(os.environ["PATH"]))}
    try:
        os.execvpe("sbatch", ["sbatch", *arguments], job_environment(environment, **json.loads(environment[SETTINGS])))
    except FileNotFoundError:
        sys.exit("sbatch is not on PATH. Load Slurm's module, or add the folder of sbatch to PATH.")


def path_variables(tasks: Iterable[Mapping[str, Any]], models: Iterable[Mapping[str, Any]] = ()) -> list[str]:
    """Sorted names of the environment variables that occur in `path` keys of task files and model files.

    Jobs need these variables to find the same files.
    """
    paths = [
        entry["path"]
        for task in tasks
        for entry in (task["source"], task.get("stand_in", {}), *task.get("external_predictions", {}).values())
        if "path" in entry
    ]
    paths += [model["path"] for model in models if "path" in model]
    return sorted({name for path in paths for name in variables(path)})


if __name__ == "__main__":
    submit(sys.argv[1:])
