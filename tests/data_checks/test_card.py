"""The data card says what is known of the rows, and nothing that stands in them."""

from clinical_dpo.data_checks.data_card import card
from clinical_dpo.data_checks.thresholds import Finding, apply_thresholds
from clinical_dpo.schemas import read_yaml
from clinical_dpo.tokenization.lengths import Measured
from tests.conftest import ROOT
from tests.helpers.data_cards import MANIFEST, TASK

CHECKS = read_yaml(ROOT / "config/config.yaml")["checks"]


def table(text, start):
    """Cells of the rows of the table under a heading."""
    block = text.split(f"## {start}\n\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in block.split("\n")[2:]]


def test_source_fates_splits_and_lengths_are_told():
    lengths = {"llama3": [Measured(i, 10 * (i + 1), i + 1, 1.0) for i in range(20)]}
    text = card(TASK, MANIFEST, lengths, [])
    source = dict(table(text, "Source"))
    assert source["data set"] == "clinic/notes" and source["revision"] == "a" * 40
    assert (source["licence"], source["citation"], source["download"]) == ("MIT", "Doe 2024", "3 MB")
    assert source["field 'rejected'"] == "written by llama2, 2 of 20 texts cut off"
    fates = dict(table(text, "Rows"))
    assert fates["in the source"] == "30" and fates["drawn of them"] == "20" and fates["left out: no answer"] == "3"
    assert fates["repaired: byte-order mark dropped"] == "1"
    assert fates["repaired: label respelled as in the task file"] == "4"
    assert fates["repeats of a prompt, left out"] == "2"
    assert next(count for name, count in fates.items() if "shrunk" in name and "train 20, test 10" in name) == "15"
    assert ["train", "10", "6 (60%)", "4 (40%)"] in table(text, "Splits")
    assert ["llama3", "prompt", "10", "50", "100", "150", "190", "200"] in table(text, "Tokens")
    assert ["llama3", "answer", "1", "5", "10", "15", "19", "20"] in table(text, "Tokens")


def test_generated_text_has_no_licence_of_the_set_it_stands_for():
    source = {"kind": "synthetic", "data": "synthetic", "generator": "uti", "seed": 1, "rows": 15}
    text = card(TASK, MANIFEST | {"source": source}, {}, [])
    assert "MIT" not in text and "Generated text" in text


def test_a_licence_that_nobody_stated_is_said_to_be_so():
    assert "not stated in the task file" in card({"name": "a", "title": "A"}, MANIFEST, {}, [])


def test_a_bar_in_a_cell_does_not_end_it():
    text = card(TASK | {"citation": "Doe | Roe,\n2024"}, MANIFEST, {}, [])
    assert "| citation | Doe \\| Roe, 2024 |" in text


def test_verdicts_are_told_with_their_limits_and_no_ids():
    checks = apply_thresholds([Finding("answers_cut", 0.5, 5, 10, ["id7"], "llama3")], CHECKS, "uti")
    text = card(TASK | {"phi": True}, MANIFEST, {}, checks)
    assert ["answers_cut", "llama3", "5 of 10", "50.00%", "0.00%", "25.00%", "**stop**"] in table(text, "Checks")
    assert "id7" not in text and "Private" in text and "Private" not in card(TASK, MANIFEST, {}, checks)
