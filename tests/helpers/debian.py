"""Programs that a test needs and Debian packages."""

import os
import shutil
import subprocess
from collections.abc import Sequence

PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/bin"])  # daemons lie in the second


def install(packages: Sequence[str], programs: Sequence[str]) -> str | None:
    """Install packages where that is possible; returns why a program is missing, None where all are there."""

    def missing() -> list[str]:
        return [program for program in programs if not shutil.which(program, path=PATH)]

    if not missing():
        return None
    if os.getuid() != 0 or not shutil.which("apt-get"):
        return f"{missing()[0]} is not installed, and only root on Debian can install it here"
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", *command], capture_output=True, text=True, env=quiet)
        if done.returncode:
            return f"apt-get {command[0]} failed: {done.stderr.strip()[-300:]}"
    return f"{missing()[0]} is not in {', '.join(packages)}" if missing() else None
