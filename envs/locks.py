"""Write the locks and the conda environments from pyproject.toml: `make locks`.

Every requirement has its version and the SHA-256 of each of its files on PyPI. Versions in the existing locks stay.
To resolve one package again, delete its entry from its lock; to resolve all, run `make locks UPGRADE=--upgrade`.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "pyproject.toml"
LOCK, CUDA_LOCK, DEV_LOCK = (ROOT / f"requirements{part}.lock" for part in ("", "-cuda", "-dev"))
# Packages that PyPI's build of torch for Linux needs and builds without CUDA do not.
CUDA = re.compile(r"cuda-|nvidia-|triton$")
ENTRY = re.compile(r"^([\w.-]+)==([^\s;]+)([^\n]*?) \\\n((?: +--hash=\S+(?: \\)?\n?)+)", re.MULTILINE)
MARKER = re.compile(r"^[^\n]*;")  # of an entry, such as `; sys_platform == 'win32'`
CONDA = """\
# For sites that use `--software-deployment-method conda`. `make locks` writes it, with the pins of the locks.
channels: [conda-forge, nodefaults]
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def entries(text: str) -> dict[str, str]:
    """Package -> its entry in a lock, with version, marker and hashes."""
    return {match[1]: match[0].rstrip("\n") for match in ENTRY.finditer(text)}


def conda_environment(locked: Mapping[str, str]) -> str:
    """Text of a conda environment file. Each pip package has its hashes."""
    lines = [line.strip(" \\") for entry in locked.values() for line in ["- >-", *entry.splitlines()]]
    return CONDA + "".join(f"      {line}\n" if line == "- >-" else f"        {line}\n" for line in lines)


def resolve(requirements: Iterable[str], locks: Iterable[Path], options: Iterable[str] = ()) -> dict[str, str]:
    """Entries of all packages that some requirements need, on every platform, with the versions of existing locks.

    A package has one version, which every patch release of Python can install.
    """
    command = ["uv", "pip", "compile", *requirements, "--universal", "--generate-hashes", "--no-annotate"]
    command += ["--no-header", "--fork-strategy", "fewest"]
    command += [*(word for path in locks if path.exists() for word in ("--constraints", str(path)))]
    done = subprocess.run([*command, "--quiet", *options], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return entries(done.stdout)


def write(path: Path, comment: str, locked: Mapping[str, str]) -> None:
    """Write a lock with a comment in its first line."""
    path.write_text(f"# {comment} `make locks` writes it.\n" + "".join(f"{entry}\n" for entry in locked.values()))


def write_run_locks(needed: Mapping[str, str]) -> None:
    """Write the locks of a run: one for every computer, and one for PyPI's build of torch."""
    cuda = {name: entry for name, entry in needed.items() if CUDA.match(name)}
    run = {name: entry for name, entry in needed.items() if name not in cuda}
    write(LOCK, "Every package that a run needs. torch is PyPI's build.", run)
    write(CUDA_LOCK, "What PyPI's build of torch for Linux needs beside requirements.lock.", cuda)


def main(options: list[str]) -> None:
    """Write all locks and environments; `options` are uv's."""
    fresh = "--upgrade" in options
    needed = resolve([str(PROJECT)], [] if fresh else [LOCK, CUDA_LOCK, DEV_LOCK], options)
    write_run_locks(needed)
    new = [LOCK, CUDA_LOCK]
    tools = resolve(["--group", f"{PROJECT}:dev"], new if fresh else [*new, DEV_LOCK], options)
    # A package that a run needs on some platforms only, and the tools on all, is for all.
    needed |= {name: entry for name, entry in tools.items() if name in needed and not MARKER.search(entry)}
    write_run_locks(needed)
    own = {name: entry for name, entry in tools.items() if name not in needed}
    write(DEV_LOCK, "What tests and development need beside requirements.lock.", own)
    for name in ("analysis", "training"):
        packages = resolve(["--group", f"{PROJECT}:{name}"], new)
        environment = conda_environment({package: needed[package] for package in packages})
        (ROOT / f"envs/{name}.yaml").write_text(environment)


if __name__ == "__main__":
    main(sys.argv[1:])
