"""The public data sets through checks, data card and preview; tests of absent data sets are skipped."""

import re
from functools import cache
from types import SimpleNamespace

import jsonschema
import pytest

from clinical_dpo.data_checks.data_card import data_card
from clinical_dpo.data_checks.prompt_preview import preview_page, preview_rows
from clinical_dpo.data_checks.row_checks import (
    frame_findings,
    named_rows,
    row_findings,
    spelling_findings,
    token_findings,
)
from clinical_dpo.data_checks.thresholds import apply_thresholds, refuse_stopped
from clinical_dpo.tokenization.lengths import measure_lengths
from clinical_dpo.tokenization.tokenizer import special_tokens
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.helpers.chat_tokenizers import chat_tokenizer
from tests.helpers.public_sets import SETS, public_set

THRESHOLDS = read_yaml(ROOT / "config/config.yaml")["checks"]
SCHEMA = read_yaml(ROOT / "workflow/schemas/checks.schema.yaml")
LIMITS = {"max_length": 4096, "max_new_tokens": 64, "written": 64, "context": 8192}  # ACI-Bench: up to 4,000


@cache
def checked(name):
    """A public data set as private rows, with its table of checks, data card and preview."""
    splits, task, manifest = public_set(name)
    rows = named_rows(splits, private=True)
    tokenizer = chat_tokenizer("llama3", tuple(named.prompt for named in rows[:60]))
    lengths = measure_lengths([named.row for named in rows], tokenizer)
    shown = preview_rows(rows, tokenizer, LIMITS["max_length"], private=True)
    findings = row_findings(rows) + token_findings(rows, lengths, LIMITS, "llama3") + frame_findings(shown, "llama3")
    findings += spelling_findings(rows, special_tokens(tokenizer).values(), "llama3")
    table = apply_thresholds(findings, THRESHOLDS, name)
    card = data_card(task | {"phi": True}, manifest, {"llama3": lengths}, table)
    preview = preview_page(shown, tokenizer, name, "llama3")
    return SimpleNamespace(splits=splits, rows=rows, tokenizer=tokenizer, table=table, card=card, preview=preview)


@pytest.mark.parametrize("name", SETS)
def test_a_public_set_passes_its_checks(name):
    table = checked(name).table
    for row in table:
        jsonschema.validate({key: None if value == "" else value for key, value in row.items()}, SCHEMA)
    refuse_stopped(table, "checks.csv")
    assert {"test_in_training", "answer_in_prompt", "answers_cut", "begin_and_end"} <= {row["check"] for row in table}


@pytest.mark.parametrize("name", SETS)
def test_a_private_card_and_preview_contain_no_text_of_the_rows(name):
    data = checked(name)
    assert "Private" in data.card and f"| train | {len(data.splits['train'])} |" in data.card
    page_words = " ".join(re.findall(r"\w+", (data.card + data.preview).casefold()))
    for named in data.rows:
        for text in (named.prompt, named.answer):
            words = re.findall(r"\w+", text.casefold())
            assert len(words) < 8 or not any(" ".join(part) in page_words for part in (words[:8], words[-8:]))


@pytest.mark.parametrize("name", SETS)
def test_a_public_preview_shows_the_answers_and_one_begin_token_for_each_row(name):
    data = checked(name)
    shown = preview_rows(data.rows, data.tokenizer, LIMITS["max_length"], private=False)
    page = preview_page(shown, data.tokenizer, name, "llama3")
    assert data.splits["train"][0]["completion"][0]["content"][:40] in page
    assert page.count("begin-of-text tokens: 1") == 6
