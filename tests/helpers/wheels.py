"""Wheels of PyPI that tests read without installing them. Locks have their hashes."""

import subprocess
import sys
from pathlib import Path

import pytest


def fetch_wheels(lock: Path, folder: Path) -> dict[str, Path]:
    """Fetch the wheels of a lock into a folder with pip, which checks their SHA-256: name in the file name -> wheel.

    The test is skipped if pip cannot fetch them.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    done = subprocess.run([*command, "--dest", str(folder), "-r", str(lock)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"pip cannot fetch the wheels of {lock.name}: {done.stderr.strip()[-300:]}")
    return {wheel.name.split("-")[0]: wheel for wheel in folder.glob("*.whl")}
