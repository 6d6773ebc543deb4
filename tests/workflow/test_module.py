"""Another workflow uses this one as a module, with a configuration of its own."""

import shutil
import subprocess
import sys

import yaml

from clinical_dpo.io import read_jsonl, write_json
from tests.conftest import ROOT

SNAKEFILE = f"""
configfile: "config/config.yaml"


module clinical_dpo:
    snakefile:
        "{ROOT}/Snakefile"
    config:
        config


use rule * from clinical_dpo
"""


def test_a_module_reads_the_tasks_of_the_folder_that_uses_it(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/Snakefile").write_text(SNAKEFILE)
    task = yaml.safe_load((ROOT / "config/tasks/uti.yaml").read_text()) | {
        "name": "own",
        "recipe": "small",
        "prompt": "{{ note }} Is there a UTI?",
        "source": {"kind": "synthetic", "generator": "uti"},
        "splits": dict.fromkeys(("train", "eval", "dev", "test"), 9),
    }
    write_json(tmp_path / "config/tasks/own.yaml", task)
    write_json(tmp_path / "config/mine.yaml", {"run_name": "mine", "tasks": ["own"], "figure2": {"a": "own"}})
    train = "results/mine/own/data/train.jsonl"
    command = [sys.executable, "-m", "snakemake", train, "--cores", "1", "--configfile", "config/mine.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert read_jsonl(tmp_path / train)[0]["prompt"][0]["content"].endswith("Is there a UTI?")
