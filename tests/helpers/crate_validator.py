"""The validator of RO-Crates `roc-validator`, in an environment of its own and without a network."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The validator needs an older rich than the project. It reads profiles from its own files, and the JSON-LD context of
# RO-Crate 1.1 from its cache of web pages. The last rocrate with that context is 0.15.1.
PACKAGES = ("roc-validator==0.13.0", "rocrate==0.15.1")
FILL = """\
import importlib.resources
import sys

from requests_cache import CachedRequest, CachedResponse, CachedSession

url = "https://w3id.org/ro/crate/1.1/context"
content = importlib.resources.files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes()
page = CachedResponse(
    status_code=200,
    url=url,
    content=content,
    headers={"Content-Type": "application/ld+json"},
    request=CachedRequest(method="GET", url=url),
)
CachedSession(sys.argv[1], backend="sqlite").cache.save_response(page)
"""


@dataclass(frozen=True)
class CrateValidator:
    """An installed validator.

    Attributes:
        folder: has the environment `venv` and the cache of web pages.
    """

    folder: Path

    @classmethod
    def install(cls, folder: Path) -> "CrateValidator | str":
        """Install the validator into a folder; return the reason if that is impossible."""
        python = folder / "venv/bin/python"
        for command in (
            [sys.executable, "-m", "venv", str(folder / "venv")],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                return f"cannot install {' and '.join(PACKAGES)}: {(done.stdout + done.stderr).strip()[-300:]}"
        subprocess.run([str(python), "-c", FILL, str(folder / "pages")], check=True)
        return cls(folder)

    def issues(self, crate: Path, profile: str) -> dict[str, set[str]]:
        """Severity (REQUIRED or RECOMMENDED) -> checks of a profile, and of those it extends, that a crate fails."""
        out = self.folder / "report.json"
        command = [str(self.folder / "venv/bin/rocrate-validator"), "--no-interactive", "validate", "--offline"]
        command += ["--cache-path", str(self.folder / "pages"), "--profile-identifier", profile]
        command += ["--requirement-severity", "recommended", "--output-format", "json", "--output-file", str(out)]
        done = subprocess.run([*command, str(crate)], capture_output=True, text=True)
        assert out.is_file(), done.stdout + done.stderr
        report: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        out.unlink()
        failed: dict[str, set[str]] = {"REQUIRED": set(), "RECOMMENDED": set()}
        for issue in report["issues"]:
            failed[issue["severity"]].add(issue["check"]["identifier"])
        return failed
