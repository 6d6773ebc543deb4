"""Arms in figure 2, on the page and in the summary, beside what these show without arms."""

import re

import pytest
from sklearn.metrics import f1_score

from clinical_dpo.report.cost_table import COLUMNS as COST
from clinical_dpo.report.figures.cost import plot_cost
from clinical_dpo.report.figures.figure2_rows import COLUMNS, comparison_rows
from clinical_dpo.report.figures.sweep import plot_sweep
from clinical_dpo.report.p_values import format_p
from clinical_dpo.report.page.page import ARMS_IN_WORDS, report_page
from clinical_dpo.report.summary import summary
from clinical_dpo.statistics.comparisons import compare_variants, with_holm
from clinical_dpo.statistics.metrics import task_metrics
from clinical_dpo.statistics.training_seeds import compare_seeds
from clinical_dpo.variants import ARMS, TITLES
from tests.helpers.arms import arm_tables
from tests.helpers.figure2 import TASK, draw, label_grades, tables
from tests.helpers.report_page import MODELS, TASKS, Page, costs
from tests.helpers.svg import words

THRESHOLD = 0.05 / (2 * len(ARMS))


def test_a_bar_of_an_arm_has_its_p_against_sft_and_dpo():
    metrics, stats = arm_tables()
    bars = {(bar["model"], bar["variant"]): bar for bar in comparison_rows(metrics, stats, "f1")}
    for row in stats:
        arm, other = row["comparison"].split("_vs_")
        if arm in ARMS:
            bar = bars[row["model"], arm]
            assert (bar[f"p_vs_{other}"], bar[f"p_f1_vs_{other}"]) == (row["p_value"], row["p_f1_permutation"])
            assert bar[f"significant_vs_{other}"] == row["significant"] and bar["threshold"] == THRESHOLD
    assert bars["llama", "few_shot"]["p_vs_base"] is None


def test_arms_leave_the_other_bars_as_they_are():
    plain = comparison_rows(*tables(), "f1")
    bars = [bar for bar in comparison_rows(*arm_tables(), "f1") if bar["variant"] not in ARMS]
    assert [{key: bar[key] for key in COLUMNS} for bar in bars] == plain
    assert all(bar["p_vs_dpo"] is None for bar in bars)


def test_the_figure_names_the_arms_their_p_and_their_threshold(tmp_path):
    rows = arm_tables()
    [path] = draw(tmp_path, rows)
    svg, shown = path.read_text(), words(path)
    assert all(TITLES[arm] in shown for arm in ARMS) and {"P vs SFT", "P vs DPO"} <= set(shown)
    for row in rows[1]:
        if row["comparison"].split("_vs_")[0] in ARMS:
            p = format_p(row["p_value"], THRESHOLD) + "*" * (row["significant"] == "true")
            assert p in shown
    level = f"{THRESHOLD:.3g}".removeprefix("0")
    assert f"{' and '.join(TITLES[arm] for arm in ARMS)} *P<{level}" in svg.replace("&lt;", "<")
    assert not {"P vs SFT", "P vs DPO"} & set(words(draw(tmp_path, tables())[0]))


def page_of(rows, tasks=TASKS):
    metrics, stats = rows
    return Page(report_page(metrics=metrics, stats=with_holm(stats), cost=costs(), tasks=tasks, models=MODELS))


def test_the_page_explains_the_arms_and_gives_their_findings():
    text = page_of(arm_tables()).text
    for arm in ARMS:
        title = re.escape(TITLES[arm])
        assert re.search(rf"{title} ?, {re.escape(ARMS_IN_WORDS[arm])}", text)
        assert re.search(rf"{title} (better|worse) than DPO|between {title} and DPO|{title} against DPO: F1", text)
        assert f"{TITLES[arm]} against SFT, 2 comparisons" in text
    assert "Three variants" not in text and "Three variants" in page_of(tables()).text


def test_a_task_without_an_arm_has_an_empty_cell():
    """So that the cells of every row stand below their headings."""
    metrics, stats = arm_tables()
    more = [[row | {"task": "other"} for row in table] for table in tables()]
    tasks = TASKS | {"other": TASKS["uti"] | {"title": "Another"}}
    page = page_of((metrics + more[0], stats + more[1]), tasks)
    html = report_page(
        metrics=metrics + more[0], stats=with_holm(stats + more[1]), cost=costs(), tasks=tasks, models=MODELS
    )
    table = html.split('id="won"')[1].split("<thead>")[1].split("</table>")[0]
    cells = {row.count("<t") for row in table.split("<tr>")[2:]}
    assert len(cells) == 1 and "Another" in page.text


def test_the_summary_has_a_line_per_arm():
    metrics, stats = arm_tables()
    text = {
        name: [{key: "" if value is None else str(value) for key, value in row.items()} for row in rows]
        for name, rows in (("metrics", metrics), ("stats", with_holm(stats)))
    }
    lines = summary(
        text["metrics"],
        text["stats"],
        headlines={"uti": "f1"},
        folders=[],
        seeds=[],
        seeds_file="",
        left_out={},
        pending_ratings=[],
    ).splitlines()
    for arm in ARMS:
        [line] = (line for line in lines if " llama " in line and f"{TITLES[arm]} 0." in line)
        assert "P: vs SFT " in line and "  vs DPO " in line
    count = 2 * 2 * len(ARMS)
    assert any(" of all 6 comparisons of the study (" in line for line in lines)
    assert any(f" of all {count} comparisons of arms (" in line for line in lines)


def sweep_rows():
    """One trial of each stage, and a second one of DPO, all with the same learning rate."""
    stages = {"sft": "", "dpo": 0.1, "sft_longer": "", "dpo_sft": 0.1}
    shared = {"task": "uti", "model": "llama", "learning_rate": 1e-4, "metric": "f1", "n": 80, "invalid_rate": 0}
    return [
        shared | {"stage": stage, "trial": stage, "beta": beta, "score": 0.5 + number / 10, "chosen": "true"}
        for number, (stage, beta) in enumerate(stages.items())
    ] + [shared | {"stage": "dpo", "trial": "second", "beta": 0.3, "score": 0.4, "chosen": "false"}]


def test_each_stage_has_its_own_line_in_the_figure_of_the_sweep(tmp_path):
    names = {"task_names": {"uti": "UTI"}, "model_names": MODELS, "watermarks": {"uti": None}}
    plot_sweep(sweep_rows(), **names, paths=[tmp_path / "sweep.svg"])
    shown = words(tmp_path / "sweep.svg")
    assert {"SFT", "0.1", "SFT longer", "DPO+SFT 0.1", ".50", ".60", ".70", ".80"} <= set(shown)


def test_the_figure_of_cost_has_the_pace_of_trained_arms(tmp_path):
    shared = dict.fromkeys(COST, "") | {"task": "uti", "model": "llama", "device": "cpu"}
    rows = [
        shared
        | {"stage": stage, "minutes_per_1000_steps": 10 + number, "seconds": 60}
        | (dict.fromkeys(("row_ratio", "run_ratio"), 1.1) if stage == "dpo" else {})
        for number, stage in enumerate(("sft", "dpo", "sft_longer", "dpo_sft"))
    ]
    names = {"task_names": {"uti": "UTI"}, "model_names": MODELS, "watermark": None}
    plot_cost(rows, **names, paths=[tmp_path / "cost.svg"])
    assert {"SFT", "DPO", "SFT longer", "DPO+SFT"} <= set(words(tmp_path / "cost.svg"))


def test_a_bar_of_a_trained_arm_has_a_dot_per_training_seed():
    seeds = [42, 43]
    grades = {
        (model, f"{variant}{suffix}"): label_grades(f"{model}{variant}{suffix}", accuracy)
        for model in ("llama", "mistral")
        for variant, accuracy in (("base", 0.5), ("sft", 0.8), ("dpo", 0.85), ("few_shot", 0.6), ("sft_longer", 0.82))
        for suffix in ("", "_seed43")
        if not (suffix and variant in ("base", "few_shot"))
    }
    task = TASK | {"seed": 1}
    first = {key: rows for key, rows in grades.items() if "seed" not in key[1]}
    tables_of_first = task_metrics(first, task), compare_variants(first, task, alpha=0.05, family="abcde")
    bars = {
        (bar["model"], bar["variant"]): bar
        for bar in comparison_rows(*tables_of_first, "f1", compare_seeds(grades, task, seeds))
    }
    for variant in ("sft", "dpo", "sft_longer"):
        expected = [
            f1_score([row["label"] for row in rows], [row["parsed"] for row in rows], pos_label="UTI")
            for rows in (grades["llama", variant], grades["llama", f"{variant}_seed43"])
        ]
        assert [float(each) for each in bars["llama", variant]["per_seed"].split()] == pytest.approx(expected)
    assert bars["llama", "few_shot"]["per_seed"] is None
