"""Installation of programs that tests need from Debian packages."""

import os
import shutil
import subprocess
from collections.abc import Sequence

PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/bin"])  # Debian installs daemons in /usr/sbin


def install(packages: Sequence[str], programs: Sequence[str]) -> str | None:
    """Install packages if a program is missing and root on Debian runs this.

    Returns:
        The reason why a program is still missing; None if none is.
    """

    def missing() -> list[str]:
        return [program for program in programs if not shutil.which(program, path=PATH)]

    if not missing():
        return None
    if os.getuid() != 0 or not shutil.which("apt-get"):
        return f"{missing()[0]} is not installed, and a test can install it only as root on Debian"
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", *command], capture_output=True, text=True, env=quiet)
        if done.returncode:
            return f"apt-get {command[0]} failed: {done.stderr.strip()[-300:]}"
    return f"{missing()[0]} is not in {', '.join(packages)}" if missing() else None
