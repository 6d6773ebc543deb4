"""Hook of MkDocs: build the site from the repository's pages.

The copied pages keep their relative paths, so that links between them stay valid.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILES = ("*.md", "CITATION.cff", "LICENSE", "docs/*.md", "docs/pictures/*.png", "docs/site.css", "examples/*.py")
FILES += ("examples/*/*.*", "config/README.md", "ratings/README.md", "benchmarks/*.md")
COPIES = TemporaryDirectory(prefix="clinical-dpo-docs-")  # Python deletes it at the end


def on_config(config: Any) -> Any:
    """Copy all pages, and the files that they show, to a temporary folder from which MkDocs builds the site."""
    for pattern in FILES:
        for path in ROOT.glob(pattern):
            copy = COPIES.name / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    config["docs_dir"] = COPIES.name
    return config
