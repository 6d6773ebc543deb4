"""The public data sets through checks, data card and prompt artifact, where they are present."""

import re

import jsonschema
import pytest

from clinical_dpo.data_checks.data_card import card
from clinical_dpo.data_checks.prompt_preview import artifact, shown_rows
from clinical_dpo.data_checks.row_checks import frame_findings, places, row_findings, spelling_findings, token_findings
from clinical_dpo.data_checks.thresholds import apply_thresholds, refuse_stopped
from clinical_dpo.schemas import read_yaml
from clinical_dpo.tokenization.lengths import measure
from clinical_dpo.tokenization.tokenizer import special_tokens
from tests.conftest import ROOT
from tests.helpers.chat_tokenizers import chat_tokenizer
from tests.helpers.public_sets import SETS, public_set

THRESHOLDS = read_yaml(ROOT / "config/config.yaml")["checks"]
SCHEMA = read_yaml(ROOT / "workflow/schemas/checks.schema.yaml")
LIMITS = {"max_length": 4096, "max_new_tokens": 64, "written": 64, "context": 8192}  # ACI-Bench: up to 4,000


@pytest.mark.parametrize("name", SETS)
def test_they_pass_and_a_private_card_and_artifact_hold_none_of_their_text(name):
    splits, task, manifest = public_set(name)
    rows = places(splits, private=True)
    tokenizer = chat_tokenizer("llama3", tuple(place.prompt for place in rows[:60]))
    lengths = measure([place.row for place in rows], tokenizer)
    shown = shown_rows(rows, tokenizer, LIMITS["max_length"], private=True)
    findings = row_findings(rows) + token_findings(rows, lengths, LIMITS, "llama3") + frame_findings(shown, "llama3")
    findings += spelling_findings(rows, special_tokens(tokenizer).values(), "llama3")
    table = apply_thresholds(findings, THRESHOLDS, name)
    for row in table:
        jsonschema.validate({key: None if value == "" else value for key, value in row.items()}, SCHEMA)
    refuse_stopped(table, "checks.csv")
    assert {"test_in_training", "answer_in_prompt", "answers_cut", "begin_and_end"} <= {row["check"] for row in table}

    page = card(task | {"phi": True}, manifest, {"llama3": lengths}, table)
    assert "Private" in page and f"| train | {len(splits['train'])} |" in page
    page += artifact(shown, tokenizer, name, "llama3")
    plain = " ".join(re.findall(r"\w+", page.casefold()))
    for place in rows:
        for text in (place.prompt, place.answer):
            found = re.findall(r"\w+", text.casefold())
            assert len(found) < 8 or not any(" ".join(part) in plain for part in (found[:8], found[-8:]))

    seen = artifact(shown_rows(rows, tokenizer, 4096, private=False), tokenizer, name, "llama3")
    assert splits["train"][0]["completion"][0]["content"][:40] in seen
    assert seen.count("begin-of-text tokens: 1") == 6
