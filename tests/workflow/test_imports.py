"""Imports of a job, which take seconds of every start."""

import subprocess
import sys

from tests.conftest import ROOT


def test_a_job_imports_trl_peft_and_bitsandbytes_late():
    """They are imported after the data is checked."""
    code = (
        "import sys, clinical_dpo.training.dpo, clinical_dpo.training.sft, clinical_dpo.models.load as models;"
        "models.prepare_process(1);"
        "assert not {'trl', 'peft', 'bitsandbytes.nn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
