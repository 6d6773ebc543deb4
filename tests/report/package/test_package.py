"""The package of a finished run: its files, what it says, what it hides, and that it follows the run's tables."""

import re
import zipfile

import docx
import pytest

from clinical_dpo.config.loading import load_study
from clinical_dpo.data_checks.data_card import data_card
from clinical_dpo.data_checks.excerpts import without_excerpts
from clinical_dpo.io import write_csv
from clinical_dpo.report.package import mi_clear_llm, tripod_llm
from clinical_dpo.report.package.checklist import FOR_THE_AUTHORS
from clinical_dpo.report.package.code_version import code_version
from clinical_dpo.statistics.subgroups import ALL
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.helpers.data_cards import MANIFEST, TASK
from tests.helpers.finished_run import EXCERPT, LOST, MODEL, NOTE, ROW_ID, finished_run

TRIPOD = (
    *("1", *(f"2{letter}" for letter in "abcdefghijkl"), "3a", "3b", "4", *(f"5{letter}" for letter in "abcde")),
    *(*(f"6{letter}" for letter in "abcdefg"), "7a", "7b", "7c", "8a", "8b", "8c", "9a", "9b", "10", "11", "12"),
    *("13", *(f"14{letter}" for letter in "abcdef"), "15", "16a", "16b", "16c", "16d", "17", "18"),
    *(f"19{letter}" for letter in "abcdefg"),
)
DRAFTS = {"results.md", "methods_and_results.docx"}
TRIPOD_FILES = {"checklists/TRIPOD-LLM.md", "checklists/TRIPOD-LLM.docx"}
MI_CLEAR_FILES = {"checklists/MI-CLEAR-LLM.md", "checklists/MI-CLEAR-LLM.docx"}
CARD = f"model_cards/uti.{MODEL}.dpo.md"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return finished_run(tmp_path)


def document(path):
    """All text of a file; of a DOCX its paragraphs and cells."""
    if path.suffix != ".docx":
        return path.read_text(encoding="utf-8")
    read = docx.Document(str(path))
    cells = [cell.text for table in read.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in read.paragraphs), *cells])


def documents(folder):
    """Path relative to the folder -> text of every file except copied tables and figures."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: document(path) for name, path in files.items() if not name.startswith(("tables/", "figures/"))}


def test_the_zip_is_the_folder(run):
    folder = run.package()
    names = {path.relative_to(folder.parent).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    with zipfile.ZipFile(folder.parent / "package.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            name: path.read_bytes() for name, path in names.items()
        }
    assert {"package/tables/metrics.csv", "package/tables/metrics.tex", "package/figures/figure2a.svg"} <= names.keys()
    assert {"package/code/requirements.lock", "package/data_cards/uti.md", f"package/{CARD}"} <= names.keys()
    assert not [name for name in names if name.endswith((".safetensors", ".jsonl"))]


@pytest.mark.parametrize(
    ("table", "column", "value", "where", "shown", "changed"),
    [
        (
            *("metrics", "estimate", "0.4321", {"task": "uti", "variant": "dpo"}, r"0\.43(2)?\b"),
            DRAFTS | TRIPOD_FILES | {CARD},
        ),
        (
            *("decisions", "sentence", "SFT is enough: 61 items.", {"task": "uti"}, "SFT is enough: 61 items"),
            DRAFTS | TRIPOD_FILES | {"decisions.md"},
        ),
        (
            *("stats", "effect", "0.2345", {"task": "uti", "comparison": "dpo_vs_sft"}, r"\+23\.4 points"),
            DRAFTS | TRIPOD_FILES,
        ),
        (
            *("stats", "p_value", "0.0072", {"task": "uti", "comparison": "dpo_vs_sft"}, r"P = \.007\b"),
            DRAFTS | TRIPOD_FILES,
        ),
        (
            *("seeds", "effect", "0.1987", {"task": "uti", "comparison": "dpo_vs_sft"}, r"\+19\.9"),
            DRAFTS | TRIPOD_FILES | MI_CLEAR_FILES,
        ),
        (
            *("decisions", "margin", "0.083", {"task": "uti"}, r"8\.3 points"),
            {"methods.md", "methods_and_results.docx"} | TRIPOD_FILES,
        ),
        (
            *("cost", "hours", "7.89", {"stage": "dpo"}, r"7\.89 hours"),
            {"methods.md", "methods_and_results.docx"} | TRIPOD_FILES,
        ),
    ],
)
def test_a_changed_result_changes_every_document_that_states_it(
    run, monkeypatch, table, column, value, where, shown, changed
):
    if table == "cost":
        path = run.table("cost").parent.parent / "figures/cost.csv"
        monkeypatch.setattr(type(run), "table", lambda *_: path)
    assert [name for name, text in documents(run.package()).items() if re.search(shown, text)] == []
    run.change(table, column, value, **where)
    assert {name for name, text in documents(run.package()).items() if re.search(shown, text)} == changed


def test_a_private_task_leaves_no_text_no_id_and_no_path(run):
    folder = run.package()
    private = [NOTE, "burning urine", ROW_ID, "urology.csv", "wards/", LOST, "/clinic/lost", "grading/correctness"]
    bytes_of_files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    for text in private:
        assert [name for name, content in documents(folder).items() if text in content] == [], text
        assert not any(text.encode() in content for content in bytes_of_files), text
    assert not (folder / "data_cards/triage_urgency.md").exists()
    readme = (folder / "README.md").read_text()
    assert "Private tasks: triage_urgency, reasoning." in readme


def test_small_counts_of_labels_of_a_private_task_are_not_shown(run):
    text = (run.package() / "checklists/TRIPOD-LLM.md").read_text()
    [item] = [line for line in text.splitlines() if line.startswith("| 16c ")]
    assert "Triage: urgency: train: fewer than 11 UTI, fewer than 11 No UTI; test: fewer than 11 No UTI." in item
    assert "Simple classification (UTI): train: 4 UTI, 6 No UTI; test: 5 No UTI." in item


def test_subgroups_are_named_without_the_row_of_all_items(run):
    rows = [
        {"task": "uti", "subgroup": name, "level": level} for name, level in ((ALL, ALL), ("sex", "f"), ("sex", "m"))
    ]
    write_csv(run.table("subgroups"), rows, ["task", "subgroup", "level"])
    text = (run.package() / "checklists/TRIPOD-LLM.md").read_text()
    [item] = [line for line in text.splitlines() if line.startswith("| 19a ")]
    assert "Simple classification (UTI): results by sex (tables/subgroups.csv)." in item


def test_data_cards_have_no_text_of_rows(run):
    folder = run.package()
    assert EXCERPT in (run.folder / "results/mine/uti/data/README.md").read_text()
    assert EXCERPT not in (folder / "data_cards/uti.md").read_text()
    assert "| garbled text | repaired | 1 | 4 |  |" in (folder / "data_cards/uti.md").read_text()


def test_a_data_card_without_excerpts_is_that_of_a_private_task():
    """Except for the line that says so."""
    source = MANIFEST["source"] | {"repairs": {"RTF repaired": {"count": 2, "rows": [1, 2]}}}
    source |= {"changes": {"RTF": {"before": r"{\rtf1 a | b}", "after": "a | b"}}}
    card = data_card(TASK, MANIFEST | {"source": source}, {}, [])
    private = data_card(TASK | {"phi": True}, MANIFEST | {"source": source}, {}, [])
    notice = "**Private: these rows are of patients. This page contains none of their text.**\n\n"
    assert without_excerpts(card) == private.replace(notice, "") != card
    plain = data_card(TASK, MANIFEST, {}, [])
    assert without_excerpts(plain) == plain


def test_the_settings_of_the_package_are_those_of_the_run(run):
    """Also after their own overrides are gone. Only the paths of private data differ."""
    folder = run.package()
    packaged = load_study(read_yaml(folder / "config/config.yaml") | {"tasks": ["uti"]}, folder)
    assert packaged.tasks["uti"] == run.study.tasks["uti"] and packaged.tasks["uti"]["max_new_tokens"] == 7
    assert packaged.models == run.study.models
    assert packaged.trials("uti", "dpo") == run.study.trials("uti", "dpo")
    assert read_yaml(folder / "config/config.yaml")["tasks"] == ["uti", "triage_urgency", "reasoning"]
    private = read_yaml(folder / "config/tasks/triage_urgency.yaml")
    assert private["source"]["path"] == private["where"] == "private-data-not-in-this-package"


def test_the_bibliography_has_everything_that_was_used(run):
    text = (run.package() / "references.bib").read_text(encoding="utf-8")
    assert text.count("{") == text.count("}")
    entries = {match[2]: match[0] for match in re.finditer(r"^@(\w+)\{([^,]+),\n(?:  .*\n)+\}$", text, re.MULTILINE)}
    assert len(entries) == text.count("\n@") + 1
    assert {"clinicaldpo", "savage2025", "murphy2024", "rafailov2023dpo", "hu2022lora"} <= entries.keys()
    assert {"data-uti", f"model-{MODEL}", "library-torch", "library-trl", "library-scipy"} <= entries.keys()
    assert "doi = {10.1000/xyz_1}" in entries["data-uti"] and r"Notes \& more" in entries["data-uti"]
    assert "url = {https://huggingface.co/datasets/clinic/notes}" in entries["data-uti"]
    assert "version = {2.13.0}" in entries["library-torch"]
    assert "meta-llama/Meta-Llama-3-8B-Instruct" in entries[f"model-{MODEL}"]


@pytest.mark.parametrize(
    ("module", "numbers"), [(tripod_llm, TRIPOD), (mi_clear_llm, tuple("123456"))], ids=["TRIPOD-LLM", "MI-CLEAR-LLM"]
)
def test_every_item_of_a_checklist_is_prefilled_or_for_the_authors(run, module, numbers):
    folder = run.package()
    rows = docx.Document(str(folder / f"checklists/{module.TITLE}.docx")).tables[0].rows[1:]
    filled = {row.cells[0].text: row.cells[2].text for row in rows}
    assert tuple(filled) == numbers and all(filled.values())
    markdown = (folder / f"checklists/{module.TITLE}.md").read_text(encoding="utf-8")
    assert [line.split(" | ")[0] for line in markdown.splitlines() if line.startswith("| ")][2:] == [
        f"| {number}" for number in numbers
    ]
    if module is tripod_llm:
        assert filled["13"] == filled["15"] == filled["2l"] == FOR_THE_AUTHORS
        assert "revision 8afb" in filled["6a"] and "beta 0.1" in filled["6b"] and "at most 7 new tokens" in filled["6b"]
        assert "needs both pyuria" in filled["9a"]
    else:
        assert "needs both pyuria" in filled["3"] and filled["5"] == FOR_THE_AUTHORS
        assert "42, 43" in filled["2"] and "clinic/notes" in filled["6"]


def test_results_conclude_in_the_words_of_the_decisions_only(run):
    folder = run.package()
    text = (folder / "results.md").read_text(encoding="utf-8")
    sentence = "Undecided: about 640 test items would decide (+7.3, 98% interval -1.0 to 9.0)."
    assert text.count(sentence) == 2 and text.count("DRAFT") == 1
    rest = text.replace(sentence, "")
    assert not re.search(r"better|worse|superior|improv|enough|worth|significant", rest, re.IGNORECASE)


def test_every_number_of_the_results_is_in_a_table(run):
    folder = run.package()
    tables = "".join(path.read_text() for path in (folder / "tables").glob("*.csv"))
    values = {float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", tables)}
    allowed = {round(value, digits) for value in values for digits in (2, 3)} | {95.0, 98.0, 1.0, 3.0}
    allowed |= {round(100 * value, 1) for value in values}
    text = (folder / "results.md").read_text().replace("Llama3", "").replace("F1", "")
    numbers = [float(number) for number in re.findall(r"(?<![\w.])-?\d*\.?\d+", text)]
    assert len(numbers) > 50 and [number for number in numbers if number not in allowed] == []


def test_pending_grades_are_named(run):
    for variant in ("base", "sft", "dpo"):
        run.change("metrics", "status", "pending", task="uti", variant=variant)
    folder = run.package()
    assert "**Grades are awaited: 3 rows of tables/metrics.csv are pending.**" in (folder / "README.md").read_text()
    assert "F1 score was pending (grades are awaited) for Base" in (folder / "results.md").read_text()


def test_proxy_grades_and_synthetic_text_are_marked(run):
    assert "proxy" not in (run.package() / CARD).read_text()
    for variant in ("base", "sft", "dpo"):
        run.change("metrics", "proxy", "true", task="uti", variant=variant)
        run.change("metrics", "data", "synthetic", task="uti", variant=variant)
    folder = run.package()
    assert "| f1 | 0.51 (0.4 to 0.9) (proxy) | 0.71 (0.4 to 0.9) (proxy) | 5 |" in (folder / CARD).read_text()
    for name in ("results.md", "README.md", "checklists/TRIPOD-LLM.md"):
        text = (folder / name).read_text()
        assert "The grades are a proxy for those of people or of a judge." in text
        assert "The text is synthetic: the numbers say nothing about medicine." in text


def test_the_version_of_a_folder_without_a_repository_is_the_release(tmp_path):
    (tmp_path / "CITATION.cff").write_text("version: 1.2.3\n")
    assert code_version(tmp_path) == "1.2.3"
    assert code_version(ROOT).startswith(str(read_yaml(ROOT / "CITATION.cff")["version"]))
