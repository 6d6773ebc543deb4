"""The data card shows the facts about the rows, and none of their text."""

from clinical_dpo.data_checks.data_card import data_card
from clinical_dpo.data_checks.thresholds import Finding, apply_thresholds
from clinical_dpo.tokenization.lengths import RowLength
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.helpers.data_cards import MANIFEST, TASK

CHECKS = read_yaml(ROOT / "config/config.yaml")["checks"]


def table(text, heading):
    """Return the cells of the table under a heading, without its header."""
    block = text.split(f"## {heading}\n\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in block.split("\n")[2:]]


LENGTHS = {"llama3": [RowLength(i, 10 * (i + 1), i + 1, 1.0) for i in range(20)]}


def test_the_source_is_shown():
    source = dict(table(data_card(TASK, MANIFEST, LENGTHS, []), "Source"))
    assert source["data set"] == "clinic/notes" and source["revision"] == "a" * 40
    assert (source["licence"], source["citation"], source["download"]) == ("MIT", "Doe 2024", "3 MB")
    assert source["field 'rejected'"] == "written by llama2, 2 of 20 texts cut off"


def test_the_numbers_of_rows_are_shown_for_every_step():
    counts = dict(table(data_card(TASK, MANIFEST, LENGTHS, []), "Rows"))
    assert counts["in the source"] == "30" and counts["drawn"] == "20" and counts["dropped: no answer"] == "3"
    assert counts["repaired: byte-order mark dropped"] == "1"
    assert counts["repaired: label respelled as in the task file"] == "4"
    assert counts["dropped: repeats of an earlier prompt"] == "2"
    assert next(count for name, count in counts.items() if "shrunk" in name and "train 20, test 10" in name) == "15"


def test_the_share_that_a_reader_keeps_is_shown_beside_the_articles():
    source = MANIFEST["source"] | {"published_share": "Savage et al. 2025: 5,161 of 12,723"}
    counts = dict(table(data_card(TASK, MANIFEST | {"source": source}, LENGTHS, []), "Rows"))
    assert counts["kept by the reader"] == "17 of 20 (85%); Savage et al. 2025: 5,161 of 12,723"


def test_the_condition_on_rows_and_its_counts_are_shown():
    where = {"condition": "age >= 18", "kept": 12, "dropped": 5}
    manifest = MANIFEST | {"source": MANIFEST["source"] | {"where": where}}
    counts = dict(table(data_card(TASK, manifest, LENGTHS, []), "Rows"))
    assert next(count for name, count in counts.items() if name.startswith("kept by where: age")) == "12"
    assert counts["dropped by where"] == "5"


def test_the_groups_of_splits_are_shown():
    manifest = MANIFEST | {"groups": {"train": 7, "eval": 0, "dev": 0, "test": 3}}
    assert ["train", "10", "6 (60%)", "4 (40%)", "7"] in table(data_card(TASK, manifest, LENGTHS, []), "Splits")


def test_the_labels_of_splits_are_shown():
    assert ["train", "10", "6 (60%)", "4 (40%)"] in table(data_card(TASK, MANIFEST, LENGTHS, []), "Splits")


def test_the_quantiles_of_lengths_are_shown():
    text = data_card(TASK, MANIFEST, LENGTHS, [])
    assert ["llama3", "prompt", "10", "50", "100", "150", "190", "200"] in table(text, "Tokens")
    assert ["llama3", "answer", "1", "5", "10", "15", "19", "20"] in table(text, "Tokens")


def test_generated_text_has_no_licence_of_the_data_set_that_it_replaces():
    source = {"kind": "synthetic", "data": "synthetic", "generator": "uti", "seed": 1, "rows": 15}
    text = data_card(TASK, MANIFEST | {"source": source}, {}, [])
    assert "MIT" not in text and "Generated text" in text


def test_a_missing_licence_is_shown_as_not_stated():
    assert "not stated in the task file" in data_card({"name": "a", "title": "A"}, MANIFEST, {}, [])


def test_a_bar_in_a_cell_does_not_end_the_cell():
    text = data_card(TASK | {"citation": "Doe | Roe,\n2024"}, MANIFEST, {}, [])
    assert "| citation | Doe \\| Roe, 2024 |" in text


def test_verdicts_are_shown_with_limits_and_without_ids():
    checks = apply_thresholds([Finding("answers_cut", 0.5, 5, 10, ["id7"], "llama3")], CHECKS, "uti")
    text = data_card(TASK | {"phi": True}, MANIFEST, {}, checks)
    assert ["answers_cut", "llama3", "5 of 10", "50.00%", "0.00%", "25.00%", "**stop**"] in table(text, "Checks")
    assert "id7" not in text and "Private" in text and "Private" not in data_card(TASK, MANIFEST, {}, checks)


FAULTS = {
    "warnings": {"RTF": {"count": 12, "first": "row 2, column 'note'", "rows": [2, 5], "repair": "rtf"}},
    "repairs": {"HTML tags repaired": {"count": 1, "first": "row 3, column 'note'", "rows": [3]}},
    "changes": {"HTML tags": {"before": "<b>Jane</b>", "after": "Jane\n"}},
}


def test_faults_of_texts_are_shown_with_rows_and_the_text_before_and_after_its_repair():
    manifest = MANIFEST | {"source": MANIFEST["source"] | FAULTS}
    assert table(data_card(TASK, manifest, {}, []), "Texts") == [
        ["RTF", "kept", "12", "2, 5, ...", r"repair: \[rtf\]", "", ""],
        ["HTML tags", "repaired", "1", "3", "", "&lt;b&gt;Jane&lt;/b&gt;", "Jane↵"],
    ]


def test_the_card_of_a_private_task_shows_no_text_of_a_repair():
    manifest = MANIFEST | {"source": MANIFEST["source"] | FAULTS}
    text = data_card(TASK | {"phi": True}, manifest, {}, [])
    assert table(text, "Texts")[1] == ["HTML tags", "repaired", "1", "3", ""] and "Jane" not in text


def test_the_reason_why_a_column_is_not_read_is_shown_only_of_a_task_that_is_not_private():
    unread = {"unread": {"MRN": "visits.xlsx, cells A2:A4: merged."}}
    manifest = MANIFEST | {"source": MANIFEST["source"] | FAULTS | unread}
    assert "visits.xlsx, cells A2:A4: merged." in data_card(TASK, manifest, {}, [])
    assert "A2:A4" not in data_card(TASK | {"phi": True}, manifest, {}, [])


def test_a_column_of_patients_that_is_not_read_is_missing_in_the_check_of_patients():
    def card(column, **facts):
        return data_card(
            TASK, MANIFEST | {"source": MANIFEST["source"] | {"unread": {column: "merged"}}} | facts, {}, []
        )

    sentence = "A column of patients' ids is not read, so the check `patients_in_training` does not cover it."
    assert sentence in card("MRN") and sentence in card("Patient No.")
    assert sentence not in card("remark") + card("MRN", groups=dict.fromkeys(MANIFEST["counts"], 3))


def test_a_source_without_faults_has_no_table_of_texts():
    assert "## Texts" not in data_card(TASK, MANIFEST, {}, [])
