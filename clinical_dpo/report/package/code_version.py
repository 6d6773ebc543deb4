"""The version of the code: its release, and the git commit where there is one."""

import subprocess
from pathlib import Path

from clinical_dpo.yaml_files import read_yaml


def code_version(root: Path) -> str:
    """Release and git commit of the code in a folder: "0.2.0, commit 1a2b3c".

    If there are changes that are not committed, the text says so. If `root` is not the top folder of a git repository,
    the commit is left out.

    Args:
        root: the folder. It contains CITATION.cff.
    """
    version = str(read_yaml(root / "CITATION.cff")["version"])
    top, commit = _git(root, "rev-parse", "--show-toplevel"), _git(root, "rev-parse", "HEAD")
    if not commit or not top or Path(top).resolve() != root.resolve():
        return version
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return f"{version}, commit {commit}" + (", with changes that are not committed" if changed else "")


def _git(root: Path, *arguments: str) -> str:
    """Output of a git command in a folder. If git is missing or the command fails, the text is empty."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
