"""Imports of a job: they exist, and those that take seconds are late."""

import ast
import importlib
import subprocess
import sys
from importlib.util import find_spec

from tests.conftest import ROOT


def test_a_job_imports_trl_peft_and_bitsandbytes_late():
    """They are imported after the data is checked."""
    code = (
        "import sys, clinical_dpo.training.dpo, clinical_dpo.training.sft, clinical_dpo.models.load as models;"
        "models.prepare_process(1);"
        "assert not {'trl', 'peft', 'bitsandbytes.nn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_every_name_that_a_script_imports_exists():
    """Snakemake runs scripts with names of its own, so that the check of types does not read them."""
    files = [*(ROOT / "workflow/scripts").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    missing = []
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("clinical_dpo", "benchmarks"):
                module = importlib.import_module(node.module)
                missing += [
                    f"{path.name}: {node.module}.{alias.name}"
                    for alias in node.names
                    if not hasattr(module, alias.name) and not find_spec(f"{node.module}.{alias.name}")
                ]
    assert len(files) > 60 and missing == []
