"""Label scores equal those of lm-evaluation-harness: same model, same rows, single spellings, no end token."""

import json
import os
import subprocess
import sys
import sysconfig

import pytest

from clinical_dpo.inference.label_likelihood import LabelScoring, score_labels
from clinical_dpo.models.load import load_base
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from tests.conftest import MODEL, ROOT
from tests.helpers.training_cases import rows

VERSION = "0.4.13"
LABELS = ("UTI", "No UTI", "pyuria alone")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def harness(tmp_path_factory):
    """A Python that has lm-evaluation-harness beside the packages that run these tests."""
    folder = tmp_path_factory.mktemp("harness")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    named = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True
    )
    with open(f"{named.stdout.strip()}/packages.pth", "w") as file:
        file.write(sysconfig.get_path("purelib"))
    asked = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"lm_eval=={VERSION}"]
    installed = subprocess.run(asked, capture_output=True, text=True)
    if installed.returncode:
        pytest.skip(f"lm_eval {VERSION} cannot be installed: {installed.stderr.strip().splitlines()[-1]}")
    return python


def test_scores_equal_those_of_the_harness(tiny_base, harness, tmp_path):
    items = rows(9)
    targets = [LABELS.index(row["completion"][0]["content"].partition(" because")[0]) for row in items]
    with open(tmp_path / "rows.jsonl", "w") as file:
        for row, target in zip(items, targets, strict=True):
            file.write(json.dumps({"prompt": row["prompt"][0]["content"], "target": target}) + "\n")
    command = [harness, ROOT / "tests/helpers/harness_scores.py", tiny_base, tmp_path / "rows.jsonl", tmp_path / "out"]
    env = os.environ | {"HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}
    run = subprocess.run([*command, *LABELS], capture_output=True, text=True, env=env)
    assert run.returncode == 0, run.stderr
    theirs = json.loads((tmp_path / "out").read_text())
    scoring = LabelScoring(LABELS, end_token=False)
    ours = score_labels(load_base(tiny_base, MODEL).eval(), load_tokenizer(tiny_base), items, scoring, 4)
    assert len(theirs["scores"]) == len(ours)
    for logps, answer in zip(theirs["scores"], ours, strict=True):
        assert list(answer["logps"].values()) == pytest.approx(logps, abs=1e-4)
    right = [answer["text"] == LABELS[target] for answer, target in zip(ours, targets, strict=True)]
    assert theirs["accuracy"] == pytest.approx(sum(right) / len(right))
