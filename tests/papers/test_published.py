"""The printed results as data: the paper has each of them, the file is checked, a run is compared with them."""

import os
import re
from pathlib import Path

import pytest
import yaml

from clinical_dpo.errors import UserError
from clinical_dpo.papers.published import COLUMNS, STUDY_TASKS, compare, find_contradiction, load_published
from tests.conftest import ROOT

PUBLISHED = ROOT / "config" / "published.yaml"
PAPERS = {"savage2025": "002_28b49b02f25d6c0e.txt", "murphy2024": "001_23c3788272b5c7b0.txt"}
UTI = {"task": "uti", "model": "llama3-8b-instruct", "variant": "sft", "metric": "f1"}
REPRODUCED = {"estimate": "0.96", "ci_low": "0.93", "ci_high": "0.985", "n": "200", "data": "real"} | {
    "proxy": "false",
    "status": "complete",
}


@pytest.fixture(scope="module")
def published():
    return load_published(PUBLISHED)


def paper_sections(study):
    """Text of a paper's sections, by heading or "part, heading"."""
    folder = Path(os.environ.get("CLINICAL_DPO_PAPERS", ROOT.parent / "shared" / "papers"))
    if not (folder / PAPERS[study]).exists():
        pytest.skip(
            f"{folder / PAPERS[study]} does not exist. Set CLINICAL_DPO_PAPERS to the folder of the papers' texts."
        )
    parts = ("Abstract", "Introduction", "Methods", "Results", "Discussion", "Supplementary material", "Datasets")
    parts += ("Conclusion", "Ancillary Experiment - Summarization")
    sections, part, heading = {}, "", ""
    for line in (folder / PAPERS[study]).read_text(encoding="utf-8").split("\n"):
        line = line.strip()
        # The abstract's headings have the same names as the article's parts.
        if line in parts and not (part == "Abstract" and line in ("Methods", "Results")):
            part, heading = line, ""
        elif line.startswith("Table 1."):
            heading = "Table 1"
        elif 0 < len(line) < 60 and line[-1] not in ".:,;]" and not line.startswith(("-", "•")):
            heading = line
        for name in {part, f"{part}, {heading}", "Table 1" if heading == "Table 1" else part}:
            sections[name] = sections.get(name, "") + line + "\n"
    return sections


def spellings(value, decimals):
    """Pattern of the ways in which the papers print a number: 0.63, 28%, 5,250, 4095."""
    forms = [f"{value:.{decimals}f}", f"{value * 100:.{max(decimals - 2, 0)}f}%"]
    if decimals == 0:
        forms.append(f"{value:,.0f}")
    return rf"(?<![\d.,])(?:{'|'.join(map(re.escape, forms))})(?!\d|[.,]\d)"


@pytest.mark.parametrize("study", PAPERS)
def test_the_paper_has_every_value_where_the_file_says(study, published):
    sections = paper_sections(study)
    for entry in published[study]["entries"]:
        for where in entry["where"]:
            assert re.search(spellings(entry["value"], entry["decimals"]), sections[where]), (entry, where)


@pytest.mark.parametrize("study", PAPERS)
def test_the_paper_has_every_p_where_the_file_says(study, published):
    sections = paper_sections(study)
    for entry in published[study]["entries"]:
        if entry["p"]:
            text = f"P{entry['p']}" if entry["p"][0] in "<>" else f"P={entry['p']}"
            assert any(re.search(re.escape(text) + r"(?!\d)", sections[where]) for where in entry["where"]), entry


@pytest.mark.parametrize("study", PAPERS)
def test_the_paper_has_every_split_and_total_where_the_file_says(study, published):
    sections = paper_sections(study)
    for task in published[study]["tasks"].values():
        stated = [(value, task["splits"]["where"]) for key, value in task.get("splits", {}).items() if key != "where"]
        stated += [(total["value"], total["where"]) for total in task.get("totals", [])]
        for value, locations in stated:
            assert all(re.search(spellings(value, 0), sections[where]) for where in locations), (value, locations)


@pytest.mark.parametrize("study", PAPERS)
def test_the_paper_has_both_versions_of_a_contradiction_where_the_file_says(study, published):
    sections = paper_sections(study)
    for contradiction in published[study]["contradictions"]:
        for version in contradiction["printed"]:
            numbers = re.findall(r"[\d.]+\d|\d", str(version["value"]))
            for where in version["where"]:
                assert all(number in sections[where] for number in numbers), (version, where)


def test_the_file_lists_every_variant_and_every_p(published):
    savage = published["savage2025"]["entries"]
    headline = [entry for entry in savage if entry["metric"] in ("f1", "accuracy", "likert")]
    assert len(headline) == 5 * 2 * 3
    assert sum(entry["p"] is not None for entry in headline) == 5 * 2 * 2
    assert sum(entry["metric"].startswith("rouge") for entry in published["murphy2024"]["entries"]) == 2 * 9


def test_the_tasks_of_a_study_are_those_of_its_printed_numbers(published):
    assert {name: set(tasks) for name, tasks in STUDY_TASKS.items()} == {
        name: {entry["task"] for entry in study["entries"]} for name, study in published.items()
    }


def test_the_printed_splits_are_configured(published):
    for name, task in published["savage2025"]["tasks"].items():
        stated = {key: value for key, value in task["splits"].items() if key != "where"}
        assert stated == yaml.safe_load((ROOT / "config/tasks" / f"{name}.yaml").read_text())["splits"]


def test_contradictions_keep_a_version_that_is_printed(published):
    for study in published.values():
        for contradiction in study["contradictions"]:
            printed = [version["value"] for version in contradiction["printed"]]
            assert contradiction["kept"] in printed, contradiction["what"]


def test_an_entry_has_its_contradiction_or_none(published):
    entry = {"task": "triage_personnel", "model": "mistral-7b-instruct", "variant": "sft", "metric": "f1"}
    contradiction = find_contradiction(published["savage2025"], entry)
    assert [version["value"] for version in contradiction["printed"]] == [0.52, 0.58]
    assert find_contradiction(published["savage2025"], UTI) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("metric: accuracy", "metric: acuracy"), "results.1.metric'"),
        (('p: ".55"', "p: 0.55"), "values.2.p'"),
        (
            ("variant: sft, value: 0.98", "variant: base, value: 0.98"),
            "uti/llama3-8b-instruct/base/f1: two entries have this task",
        ),
        (('p: ".55", against: sft', 'p: ".55", against: base'), "List 'base' just before 'dpo'"),
        (('p: ".55", against: sft', 'p: ".55"'), "values.2"),
        (("    contradictions:", "    contradiction:"), "'studies.savage2025.contradiction' is not known"),
    ],
)
def test_a_mistake_in_the_file_is_named(change, message, tmp_path):
    broken = tmp_path / "published.yaml"
    broken.write_text(PUBLISHED.read_text(encoding="utf-8").replace(*change, 1), encoding="utf-8")
    with pytest.raises(UserError) as error:
        load_published(broken)
    assert "published.yaml" in str(error.value) and message in str(error.value)


def the_row(rows, **values):
    """The only row with all the values."""
    (row,) = [row for row in rows if all(row[key] == value for key, value in values.items())]
    return row


def test_comparison_without_a_run_shows_every_printed_number(published):
    rows = compare(published, [])
    assert len(rows) == sum(len(study["entries"]) for study in published.values())
    assert all(tuple(row) == COLUMNS and row["agrees"] == "not comparable (not in this run)" for row in rows)
    assert the_row(rows, task="pubmedqa", metric="helpfulness", variant="dpo")["published"] == "1.00"


@pytest.mark.parametrize(
    ("change", "agrees"),
    [
        ({}, "yes"),
        ({"ci_high": "0.975"}, "no"),
        ({"ci_low": "0.98", "ci_high": "0.98"}, "yes"),
        ({"data": "synthetic"}, "not comparable (synthetic data)"),
        ({"data": "synthetic", "proxy": "true"}, "not comparable (synthetic data, proxy grades)"),
        ({"ci_low": "", "ci_high": ""}, "not comparable (no interval)"),
        ({"status": "pending", "estimate": "", "ci_low": "", "ci_high": ""}, "not comparable (grades awaited)"),
        ({"grader": "label"}, "yes"),
    ],
)
def test_a_number_agrees_where_the_interval_contains_it(change, agrees, published):
    rows = compare(published, [UTI | REPRODUCED | change])
    assert the_row(rows, **UTI)["agrees"] == agrees


def test_numbers_that_physicians_graded_are_compared_with_physicians_grades_only(published):
    reasoning = UTI | {"task": "reasoning", "metric": "accuracy"}
    rows = {
        grader: the_row(compare(published, [reasoning | REPRODUCED | {"grader": grader}]), **reasoning)
        for grader in ("physicians", "exact")
    }
    assert rows["physicians"]["agrees"] == "no"
    assert rows["exact"]["agrees"] == "not comparable (graded by exact)"


def test_a_number_of_another_table_names_that_table(published):
    reasoning = UTI | REPRODUCED | {"task": "reasoning", "metric": "accuracy"}
    row = the_row(compare(published, [reasoning]), metric="tie_break")
    assert row["agrees"] == "not comparable (see agreement.csv of the task)"


def test_a_number_printed_without_a_p_gets_no_p_of_another_metric(published):
    """A task's P belong to its main metric: here helpfulness, not the win rate."""
    pubmedqa = {"task": "pubmedqa", "model": "biomistral-7b", "variant": "dpo"}
    stats = [pubmedqa | {"comparison": "dpo_vs_sft", "p_value": "0.0004"}]
    rows = compare(published, [pubmedqa | REPRODUCED | {"metric": "win_rate"}], stats)
    row = the_row(rows, **pubmedqa, metric="win_rate")
    assert row["reproduced"] == 0.96 and row["p_reproduced"] is None


def test_the_count_of_awaited_grades_is_not_n(published):
    pending = {"status": "pending", "estimate": "", "ci_low": "", "ci_high": "", "n": "7"}
    row = the_row(compare(published, [UTI | REPRODUCED | pending]), **UTI)
    assert (row["n"], row["note"]) == (None, "")


def test_comparison_shows_p_and_notes(published):
    stats = [{"task": "uti", "model": "llama3-8b-instruct", "comparison": "sft_vs_base", "p_value": "0.0004"}]
    row = the_row(compare(published, [UTI | REPRODUCED | {"n": "120"}], stats), **UTI)
    assert (row["p_published"], row["p_reproduced"], row["n"]) == ("<.001", 0.0004, 120)
    assert row["note"] == "the paper's n is 200"


def test_a_note_shows_both_versions_of_a_contradiction(published):
    triage = {"task": "triage_personnel", "model": "mistral-7b-instruct", "variant": "sft", "metric": "f1"}
    row = the_row(compare(published, []), **triage)
    assert row["note"] == "the paper prints both: 0.52 (Abstract) and 0.58 (Results, Clinical Triage)"


def test_a_model_that_stands_in_is_named(published):
    likert = UTI | REPRODUCED | {"task": "summarization", "model": "tiny-llama", "metric": "mean_likert"}
    rows = compare(published, [likert], stands_for={"tiny-llama": "llama3-8b-instruct"})
    row = the_row(rows, task="summarization", model="llama3-8b-instruct", variant="sft", metric="likert")
    assert (row["published"], row["reproduced"]) == ("4.21", 0.96)
    assert row["agrees"] == "not comparable (model tiny-llama)" and row["note"].startswith(
        "tiny-llama stands in for llama3-8b-instruct;"
    )


def test_the_runs_metric_names_match_the_papers(published):
    rouge = UTI | REPRODUCED | {"task": "meqsum", "model": "biomistral-7b", "metric": "rouge_l"}
    assert the_row(compare(published, [rouge]), metric="rouge_l_f1", variant="sft")["agrees"] == "no"
