"""Figure 2: bars, P values, marks and seeds, and the same bytes for the same rows."""

import itertools
import random
import re

import pytest
from matplotlib.figure import Figure
from scipy.stats import ttest_rel

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.report.figures import figure2, figure2_rows
from clinical_dpo.statistics import comparisons, metrics, training_seeds
from tests.helpers.figure2 import NAMES, TASK, WATERMARK, draw, repeated, seed_rows, tables
from tests.helpers.grade_rows import grade_rows
from tests.helpers.svg import texts
from tests.helpers.trivial_rows import trivial_rows


def test_trivial_answers_are_lines_that_the_footnote_names(tmp_path):
    svg = draw(tmp_path, tables(), trivial_rows=trivial_rows())[0].read_text()
    plain = draw(tmp_path, tables())[0].read_text()
    words = "dashed: majority label (No UTI) 0.00; dotted: always UTI 0.67"
    assert words in svg and "dashed" not in plain
    assert svg.count("stroke-dasharray") - plain.count("stroke-dasharray") == 2


def test_the_same_rows_give_the_same_bytes(tmp_path):
    rows = tables()
    kinds = ("svg", "pdf", "png")
    first = draw(tmp_path / "first", rows, kinds, WATERMARK)
    second = draw(tmp_path / "second", rows, kinds, WATERMARK)
    for path, same in zip(first, second, strict=True):
        assert path.read_bytes() == same.read_bytes()


def test_every_format_is_written_and_nothing_else(tmp_path):
    paths = draw(tmp_path / "figures", tables(), ("svg", "pdf", "png"), WATERMARK)
    assert [path.read_bytes()[:4] for path in paths] == [b"<?xm", b"%PDF", b"\x89PNG"]
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "figure2a.pdf",
        "figure2a.png",
        "figure2a.svg",
    ]


def test_rows_from_csv_give_the_same_figure(tmp_path):
    rows = tables("pending")
    write_csv(tmp_path / "metrics.csv", rows[0], metrics.COLUMNS)
    write_csv(tmp_path / "stats.csv", rows[1], comparisons.COLUMNS)
    stored = read_csv(tmp_path / "metrics.csv"), read_csv(tmp_path / "stats.csv")
    assert draw(tmp_path / "a", rows)[0].read_bytes() == draw(tmp_path / "b", stored)[0].read_bytes()


def test_every_bar_has_its_estimate_and_its_p_values():
    rows = tables()
    bars = figure2.comparison_rows(*rows, "f1")
    assert [(bar["model"], bar["variant"]) for bar in bars] == [
        (model, variant) for model in NAMES for variant in ("base", "sft", "dpo")
    ]
    estimates = {(row["model"], row["variant"]): row["estimate"] for row in rows[0] if row["metric"] == "f1"}
    p = {(row["model"], row["comparison"]): row["p_value"] for row in rows[1]}
    p_f1 = {(row["model"], row["comparison"]): row["p_f1_permutation"] for row in rows[1]}
    for bar in bars:
        assert tuple(bar) == figure2_rows.COLUMNS
        assert bar["estimate"] == estimates[bar["model"], bar["variant"]]
        for other in ("base", "sft"):
            comparison = bar["model"], f"{bar['variant']}_vs_{other}"
            assert bar[f"p_vs_{other}"] == p.get(comparison) and bar[f"p_f1_vs_{other}"] == p_f1.get(comparison)


def test_significant_p_values_are_bold_with_an_asterisk(tmp_path):
    written = texts(draw(tmp_path, tables())[0])
    p_values = [(text, style) for text, style in written if re.match(r"P[<=>]", text)]
    assert len(p_values) == 6
    assert {text.endswith("*") for text, _ in p_values} == {True, False}
    for text, style in p_values:
        assert ("bold" in style or "700" in style) == text.endswith("*")
    shown = [text for text, _ in written]
    assert {"a", "Simple classification", "Base", "SFT", "DPO", "Llama3", "Mistral2", "F1 score (UTI)"} <= set(shown)
    assert any("n=100; whiskers: 95% CI; *P<.01 (Bonferroni)" in text for text in shown)


def test_both_p_values_of_f1_stand_on_the_brackets_and_the_footnote_names_them(tmp_path):
    rows = tables()
    [row] = [row for row in rows[1] if (row["model"], row["comparison"]) == ("mistral", "dpo_vs_sft")]
    row |= {"p_f1_permutation": 0.0096, "effect": -0.1, "secondary_effect": 0.1}
    written = dict(texts(draw(tmp_path, rows)[0]))
    assert sum(text.startswith("F1 P") for text in written) >= 3 and "700" in written["F1 P=.0096*"]
    assert any("P: right answers (McNemar); F1 P: F1 (permutation)" in text for text in written)
    assert any("F1 and right answers point different ways: Mistral2 DPO-SFT" in text for text in written)
    calm = [text for text, _ in texts(draw(tmp_path / "b", tables())[0])]
    assert not any("Mistral2 DPO-SFT" in text for text in calm)


@pytest.mark.parametrize("models", [["llama"], ["llama", "mistral"]])
def test_each_p_is_whole_and_apart_from_others_and_within_its_bracket_with_one_model(tmp_path, monkeypatch, models):
    rows = [[row for row in table if row["model"] in models] for table in tables()]
    for row in rows[1]:
        row |= {"p_value": 1e-9, "p_f1_permutation": 1e-9, "significant": "true"}  # the longest texts
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *args, **kw: drawn.append(figure))
    with pytest.raises(FileNotFoundError):  # savefig writes no file
        draw(tmp_path, rows)
    [figure], [axes] = drawn, drawn[0].axes
    labels = [text for text in axes.texts if text.get_text() in ("P<.001*", "F1 P<.001*")]
    boxes = [text.get_window_extent() for text in labels]
    assert len(boxes) == 2 * 3 * len(models)
    assert not any(box.overlaps(other) for box, other in itertools.combinations(boxes, 2))
    page = figure.bbox
    assert all(page.x0 <= box.x0 and box.x1 <= page.x1 and box.y1 <= axes.bbox.y1 for box in boxes)
    brackets = [line.get_window_extent() for line in axes.lines if len(line.get_xdata()) == 4]
    assert len(brackets) == 3 * len(models)
    for box in boxes:
        below = max((each for each in brackets if each.y1 <= box.y0 + 1), key=lambda each: each.y1)
        assert len(models) > 1 or (below.x0 <= box.x0 and box.x1 <= below.x1)


def test_the_figure_shows_the_watermark_and_names_synthetic_data(tmp_path):
    marked = [text for text, _ in texts(draw(tmp_path / "a", tables(data="synthetic"), watermark=WATERMARK)[0])]
    assert WATERMARK in marked and any("synthetic data" in text for text in marked if text != WATERMARK)
    clean = [text for text, _ in texts(draw(tmp_path / "b", tables())[0])]
    assert not any("synthetic" in text for text in clean)


def test_awaited_grades_are_shown_as_pending(tmp_path):
    shown = [text for text, _ in texts(draw(tmp_path, tables("pending"))[0])]
    assert shown.count("pending") == 1
    assert any("100 grades awaited" in text for text in shown)
    assert sum(bool(re.match(r"P[<=>]", text)) for text in shown) == 4


def test_a_single_model_with_undefined_numbers_is_drawn(tmp_path):
    metric_rows, stats_rows = tables()
    metric_rows = [row for row in metric_rows if row["model"] == "llama"]
    stats_rows = [row for row in stats_rows if row["model"] == "llama"]
    metric_rows[0] |= {"estimate": None, "ci_low": None, "ci_high": None}
    metric_rows[6] |= {
        "estimate": 0.9,
        "ci_low": 0.91,
        "ci_high": 0.95,
    }  # a bootstrap interval may not contain the estimate
    assert "Llama3" in [text for text, _ in texts(draw(tmp_path, (metric_rows, stats_rows))[0])]


def test_mean_scores_of_a_rubric_are_drawn_with_their_paired_t_test(tmp_path):
    task = {"name": "letters", "metric": "rubric", "paired_test": "paired_t", "data": "real", "seed": 1}
    generator = random.Random(1)
    scores = {
        variant: [generator.choice([0, 2 / 3, 1 / 3, 1]) for _ in range(60)] for variant in ("base", "sft", "dpo")
    }
    grades = {("llama", variant): grade_rows(values, grader="judge") for variant, values in scores.items()}
    rows = metrics.task_metrics(grades, task), comparisons.compare_variants(grades, task, alpha=0.05, family="a")
    expected = ttest_rel(scores["sft"], scores["base"]).pvalue
    assert {row["comparison"]: row["p_value"] for row in rows[1]}["sft_vs_base"] == pytest.approx(expected)
    shown = [text for text, _ in texts(draw(tmp_path, rows, metric="rubric")[0])]
    assert "Mean rubric score" in shown and any(text.startswith("P") for text in shown)


def test_a_table_without_the_headline_metric_is_named():
    with pytest.raises(UserError, match="no row with metric 'mean_likert'"):
        figure2.comparison_rows(*tables(), "likert")


def test_every_bar_has_its_estimate_with_each_seed():
    extra = metrics.task_metrics(repeated(), TASK | {"seed": 1})
    expected = {(row["model"], row["variant"]): row["estimate"] for row in extra if row["metric"] == "f1"}
    bars = figure2.comparison_rows(*tables(), "f1", seed_rows())
    assert tuple(bars[0]) == figure2_rows.COLUMNS + figure2_rows.SEED_COLUMNS and bars[0]["per_seed"] is None
    for bar in bars:
        if bar["variant"] != "base":
            estimates = [expected[bar["model"], f"{bar['variant']}_seed{seed}"] for seed in (43, 44)]
            assert bar["seeds"] == "42 43 44"
            assert [float(value) for value in bar["per_seed"].split()] == pytest.approx([bar["estimate"], *estimates])


def test_dots_show_the_estimate_with_each_seed(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *args, **kw: drawn.append(figure))
    with pytest.raises(FileNotFoundError):  # savefig writes no file
        draw(tmp_path, tables(), seed_rows=seed_rows())
    dots = [line for line in drawn[0].axes[0].lines if line.get_marker() == "o"]
    assert [list(line.get_ydata()) for line in dots] == [
        [float(value) for value in bar["per_seed"].split()]
        for bar in figure2.comparison_rows(*tables(), "f1", seed_rows())
        if bar["variant"] != "base"
    ]


def test_seed_rows_from_csv_give_the_same_figure_and_its_footnote_names_the_seeds(tmp_path):
    rows = seed_rows()
    write_csv(tmp_path / "seeds.csv", rows, training_seeds.COLUMNS)
    first = draw(tmp_path / "a", tables(), seed_rows=rows)[0]
    second = draw(tmp_path / "b", tables(), seed_rows=read_csv(tmp_path / "seeds.csv"))[0]
    assert first.read_bytes() == second.read_bytes()
    assert any("dots: 3 training seeds" in text for text, _ in texts(first))
    without_seeds = draw(tmp_path / "c", tables(), seed_rows=())[0]
    assert not any("seeds" in text for text, _ in texts(without_seeds))
