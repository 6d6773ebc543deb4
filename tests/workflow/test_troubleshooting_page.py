"""docs/troubleshooting.md quotes messages as the code, Snakemake and the system print them."""

import ast
import errno
import os
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
QUOTES = [
    quote
    for line in PAGE.splitlines()
    if line.startswith("| `")
    for quote in re.findall(r"`([^`]+)`", line.split(" | ")[0])
]
PACKAGES = ("snakemake", "snakemake_executor_plugin_slurm")
FOLDERS = {name: Path(find_spec(name).origin).parent for name in PACKAGES}
OTHERS = [FOLDERS["snakemake"] / name for name in ("exceptions.py", "io/__init__.py", "common/__init__.py")]
OTHERS += [FOLDERS["snakemake_executor_plugin_slurm"] / "__init__.py"]


def templates(path):
    """The texts in a file of Python, with three dots for each value that they show."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError:  # a .smk file with rules
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
            yield re.sub("\0+", "...", text)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.replace("{}", "...")


@pytest.fixture(scope="module")
def messages():
    files = [*(ROOT / "clinical_dpo").rglob("*.py"), *(ROOT / "workflow").rglob("*.smk")]
    code = "\n".join(file.read_text(encoding="utf-8") for file in files)
    texts = [text for file in (*files, *map(Path, OTHERS)) for text in templates(file)]
    [unexpected] = [text for text in texts if text.endswith("(traceback in ...)")]
    texts += [f"{name}{unexpected.removeprefix('...')}" for name in re.findall(r"except torch\.(\w+)", code)]
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return [*texts, f"{type(full).__name__}: {full}", (ROOT / "Makefile").read_text(encoding="utf-8")]


@pytest.mark.parametrize("quote", QUOTES)
def test_a_quoted_message_is_a_message_of_the_code(messages, quote):
    assert any(quote in message for message in messages)


def test_the_page_quotes_a_message_in_each_line():
    lines = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| message |")]
    assert len(lines) > 40 and all(line.startswith("| `") for line in lines)
