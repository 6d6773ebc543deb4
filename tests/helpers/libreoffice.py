"""LibreOffice without a window: it opens files and saves them in another format."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.helpers import debian

# Tokens: separator, quotation mark, encoding (76 is UTF-8, 1 is Windows-1252), first line. When saving, the last tokens
# are: cells as shown, no formulas. Source: help.libreoffice.org, "Filter Options for CSV files".
_CSV = "Text - txt - csv (StarCalc):"
_COMMAS, _SEMICOLONS = f"{_CSV}44,34,76,1", f"{_CSV}59,34,1,1"
_SAVING = ",,0,false,true,false"
FORMATS = {  # name -> ending of the saved file, and its filter
    "xlsx": ("xlsx", "xlsx"),
    "ods": ("ods", "ods"),
    "csv": ("csv", f"csv:{_COMMAS}{_SAVING}"),
    "csv with semicolons": ("csv", f"csv:{_SEMICOLONS}{_SAVING}"),
}


class LibreOffice:
    """The program with a profile of its own."""

    def __init__(self, profile: Path) -> None:
        """Keep the program's settings and its lock in the folder `profile`."""
        self._command = [shutil.which("soffice", path=debian.PATH), f"-env:UserInstallation={profile.as_uri()}"]

    def save_as(self, form: str, paths: Sequence[Path], folder: Path) -> dict[str, Path]:
        """Open files with one ending and save them into a folder.

        Args:
            form: a key of FORMATS.
            paths: the files. CSV is in UTF-8, with commas.
            folder: the folder of the saved files.

        Returns:
            Name of a file without its ending -> the saved file.
        """
        ending, target = FORMATS[form]
        opening = [f"--infilter={_COMMAS}"] if paths[0].suffix == ".csv" else []
        command = [*self._command, "--headless", *opening, "--convert-to", target, "--outdir", folder, *paths]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500)
        saved = {path.stem: folder / f"{path.stem}.{ending}" for path in paths}
        missing = [path.name for path in saved.values() if not path.exists()]
        assert not missing, f"LibreOffice saved no {missing}: {done.stdout} {done.stderr}"
        return saved
