"""Old names in configuration files are refused together, and replaced with comments kept."""

import subprocess
import sys

import pytest
import yaml

from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.errors import UserError
from clinical_dpo.renames import KEYS, old_names
from clinical_dpo.schemas import properties
from tests.conftest import ROOT

OLD_TASK = """\
name: mine   # a comment that stays
recipe: savage2025
outcome: label                # what an answer is
rejected: given               # from the record
'selection': f1
prompt: "outcome: {{ test }}"  # no key, though it reads like one
training: &more {sft: {log_steps: 5, scheduler: linear}}
splits: {train: 4, eval: 2, test: 2}\r
test: mcnemar
"""
NEW_TASK = """\
name: mine   # a comment that stays
recipe: savage2025
answer_type: label            # what an answer is
rejected_source: field        # from the record
selection_metric: f1
prompt: "outcome: {{ test }}"  # no key, though it reads like one
training: &more {sft: {logging_steps: 5, lr_scheduler_type: linear}}
splits: {train: 4, eval: 2, test: 2}\r
paired_test: mcnemar
"""
OLD_CONFIG = """\
run: mine
recipes:
  savage2025:
    sft: &stage {checkpoint_steps: 5}   # of both stages
    dpo: {<<: *stage, log_steps: 2}
overrides:
  tasks:
    uti: {stemmer: true, external: {gpt: {title: test}}, texts: {test: {prompt: outcome}}}
"""
NEW_CONFIG = """\
run_name: mine
recipes:
  savage2025:
    sft: &stage {save_steps: 5}         # of both stages
    dpo: {<<: *stage, logging_steps: 2}
overrides:
  tasks:
    uti: {rouge_stemmer: true, external_predictions: {gpt: {title: test}}, generated_fields: {test: {prompt: outcome}}}
"""


def migrate(*paths):
    command = [sys.executable, "-m", "clinical_dpo.migrate", *map(str, paths)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(("old", "new"), [(OLD_TASK, NEW_TASK), (OLD_CONFIG, NEW_CONFIG)])
def test_only_old_names_change(tmp_path, old, new):
    path = tmp_path / "mine.yaml"
    path.write_bytes(old.encode())
    assert migrate(path).returncode == 0
    assert path.read_bytes().decode() == new


@pytest.mark.parametrize("new", [NEW_TASK, NEW_CONFIG])
def test_a_file_without_old_names_is_not_changed(tmp_path, new):
    path = tmp_path / "mine.yaml"
    path.write_bytes(new.encode())
    done = migrate(path)
    assert "nothing to rename" in done.stdout and path.read_bytes().decode() == new


def test_a_key_under_both_names_is_refused_and_the_file_is_not_changed(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("run: a\nrun_name: b\n")
    done = migrate(path)
    assert done.returncode == 1 and "mine.yaml: key 'run'" in done.stderr and "Remove 'run'" in done.stderr
    assert path.read_text() == "run: a\nrun_name: b\n"


def test_all_old_names_are_refused_in_a_single_message():
    old = {"run": "mine", "overrides": {"tasks": {"uti": {"outcome": "label", "rejected": "given"}}}}
    config = merge(yaml.safe_load((ROOT / "config/demo.yaml").read_text()), old)
    with pytest.raises(UserError) as error:
        load_study(config, ROOT)
    message = str(error.value)
    assert "config: key 'run' at run is now 'run_name'" in message
    assert "key 'outcome' at overrides.tasks.uti.outcome is now 'answer_type'" in message
    assert "value 'given' of overrides.tasks.uti.rejected is now 'field'" in message
    assert "python -m clinical_dpo.migrate" in message


def test_the_table_of_renames_follows_the_schemas():
    for kind, names in KEYS.items():
        assert not names.keys() & properties(kind) and set(names.values()) <= properties(kind)
    for path in sorted((ROOT / "config").glob("**/*.yaml")):
        kind = "task" if path.parent.name == "tasks" else "config"
        assert path.parent.name == "models" or not list(old_names(yaml.safe_load(path.read_text()), kind))
