"""Folders of chosen models: the card's code gives the study's answers, over a base model of the hub or beside it."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModelForCausalLM

from clinical_dpo.inference.generate import generate_answers
from clinical_dpo.io import write_csv, write_json
from clinical_dpo.models.load import load_variant
from clinical_dpo.report.release import write_release
from clinical_dpo.schemas import properties
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.training.sft import train_sft
from tests.conftest import MODEL
from tests.helpers.training_cases import rows, sft_data, sft_run, write_rows

pytestmark = pytest.mark.parametrize("tiny_base", ["llama"], indirect=True)
REVISION = "0123456789abcdef0123456789abcdef01234567"
LICENCE = "Llama 3 Community License (gated; accept it on the model's page)"
TASK = {"title": "Urgency", "description": "Is it urgent?", "licence": "MIT", "citation": "Doe 2024"}
MANIFEST = {
    "source": {"kind": "hub", "data": "real", "id": "owner/set", "revision": "c" * 40},
    "counts": {"train": 24, "eval": 6, "dev": 0, "test": 9},
}


@pytest.fixture(scope="module")
def study(tiny_base, tmp_path_factory):
    """Folder with a trained SFT model `sft`, its base model `base`, metrics.csv and manifest.json."""
    folder = tmp_path_factory.mktemp("study")
    write_rows(folder)
    train_sft(sft_run(tiny_base, folder / "sft"), *sft_data(folder))
    shutil.copytree(tiny_base, folder / "base")
    write_json(folder / "manifest.json", MANIFEST)
    row = dict.fromkeys(sorted(properties("metrics"))) | {"task": "urgency", "model": "tiny", "metric": "f1", "n": 9}
    metrics = [row | {"variant": "base", "estimate": 0.25, "ci_low": 0.1, "ci_high": 0.4, "proxy": False}]
    metrics += [row | {"variant": "sft", "estimate": 0.7512, "ci_low": 0.6, "ci_high": 0.9, "proxy": False}]
    write_csv(folder / "metrics.csv", metrics, list(row))
    return folder


def release(study, out, merged=False, **task):
    facts = {"task": TASK | task, "stage": "sft", "max_new_tokens": 12}
    facts |= {"model": {"name": "tiny", "title": "Tiny", "dtype": "float32", "license": LICENCE}}
    write_release(out, study / "sft", study / "base", study / "metrics.csv", study / "manifest.json", facts, merged)
    return (out / "README.md").read_text()


def study_answer(study, prompt):
    """The answer as `predict` writes it."""
    model = load_variant(study / "base", study / "sft", MODEL)
    return generate_answers(model, load_tokenizer(study / "base"), [{"id": "r", "prompt": prompt}], 12, 1)[0]["text"]


def code_answer(card, prompt, cwd, **environment):
    """What the code of a card prints, with a question in place of its dots."""
    code = card.split("```python\n")[1].split("```")[0].replace('"..."', json.dumps(prompt[0]["content"]))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_cards_code_gives_the_studys_answers_over_a_base_beside_it(study):
    out = study / "release"
    card = release(study, out)
    assert json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"] == "../base"
    prompt = rows(1, 5)[0]["prompt"]
    assert code_answer(card, prompt, out) == study_answer(study, prompt) != ""


def test_auto_peft_loads_a_base_of_the_hub_from_another_folder(study, tmp_path):
    snapshot = tmp_path / f"cache/models--clinic--tiny/snapshots/{REVISION}"
    shutil.copytree(study / "base", snapshot)
    write_json(study / "base/base.json", {"source": "hub", "id": "clinic/tiny", "revision": REVISION})
    out = tmp_path / "release"
    card = release(study, out)
    head = ModelCard.load(out / "README.md").data
    assert (head.base_model, head.library_name, head.datasets) == ("clinic/tiny", "peft", ["owner/set"])
    assert (head.license, head.license_name) == ("other", "Llama 3 Community License")
    prompt = rows(1, 5)[0]["prompt"]
    code = card.replace('folder = "."', f"folder = {json.dumps(str(out))}")
    assert "AutoPeftModelForCausalLM" in code
    cache = {"HF_HUB_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}
    assert code_answer(code, prompt, tmp_path, **cache) == study_answer(study, prompt)


def test_the_card_has_data_settings_results_and_limits(study, tmp_path):
    card = release(study, tmp_path / "release", phi=True, system_prompt="Be brief.")
    for text in ("| f1 | 0.25 (0.1 to 0.4) | 0.751 (0.6 to 0.9) | 9 |", "24 train, 6 eval", "learning", "no medical"):
        assert text in card
    assert "The rows are of patients" in card and LICENCE.split(" (")[0] in card
    assert '[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "..."}]' in card


def test_the_card_says_that_its_code_writes_a_text_where_the_study_scores_labels(study, tmp_path):
    words = "In the study an answer is the label with the highest probability."
    assert words in release(study, tmp_path / "scored", answer_by="likelihood")
    assert words not in release(study, tmp_path / "written", answer_by="generation")


def test_merged_weights_are_those_of_the_model_and_files_have_ordinary_modes(study, tmp_path):
    (study / "sft/adapter_model.safetensors").chmod(0o600)
    release(study, tmp_path / "release", merged=True)
    new = tmp_path / "new"
    new.touch()
    files = [path for path in (tmp_path / "release").rglob("*") if path.is_file()]
    assert {path.stat().st_mode for path in files} == {new.stat().st_mode} and not any(map(os.path.islink, files))
    ids = torch.arange(20, 60)[None]
    with torch.no_grad():
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "release/merged").eval()(ids).logits
        expected = load_variant(study / "base", study / "sft", MODEL)(ids).logits
    torch.testing.assert_close(merged, expected, atol=1e-4, rtol=1e-4)
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "release", check=True)
