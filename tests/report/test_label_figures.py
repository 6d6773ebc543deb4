"""Confusion matrices and reliability: what is drawn equals the tables, and the same rows give the same bytes."""

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.report.figures.confusion import plot_confusion
from clinical_dpo.report.figures.reliability import plot_reliability
from clinical_dpo.statistics.label_tables import (
    CONFUSION_COLUMNS,
    RELIABILITY_COLUMNS,
    confusion_table,
    reliability_table,
)
from tests.helpers.labelled_answers import CLASSES, drawn, drawn_probabilities
from tests.helpers.svg import same_bytes, words

VARIANTS = ("base", "sft", "dpo")
NAMES = {"task": "triage", "data": "synthetic"}
SHOWN = {"title": "Triage", "model_names": {"llama": "Llama3", "other": "Rule"}, "watermark": "demo"}


def grades(models=("llama",)):
    table = {}
    for seed, variant in enumerate(VARIANTS):
        labels, answers = drawn(seed, items=60)
        rows = [{"id": str(i), "label": x, "parsed": y} for i, (x, y) in enumerate(zip(labels, answers, strict=True))]
        table |= {(model, variant): rows for model in models}
    return table


def scored(items=200):
    """Grades and answers with probabilities, and a variant without them."""
    table, answers = {}, {}
    for seed, variant in enumerate(VARIANTS):
        probabilities, labels = drawn_probabilities(seed, items)
        table["llama", variant] = [{"id": str(i), "label": label, "parsed": ""} for i, label in enumerate(labels)]
        answers["llama", variant] = [{"id": str(i), "probabilities": row} for i, row in enumerate(probabilities)][::-1]
    table["other", "external"] = table["llama", "base"]
    answers["other", "external"] = [{"id": str(i), "text": "yes"} for i in range(items)]
    return table, answers


@pytest.fixture
def drawn_figures(monkeypatch):
    figures, save = [], Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, *args, **kw: (figures.append(figure), save(figure, *args, **kw))
    )
    return figures


def test_every_cell_of_the_confusion_table_is_drawn_with_its_number(tmp_path, drawn_figures):
    table = grades() | {("other", "external"): grades()["llama", "sft"]}
    rows = confusion_table(table, CLASSES, NAMES)
    assert len(rows) == 4 * 3 * 4 and sum(row["n"] for row in rows) == 4 * 60
    plot_confusion(rows, **SHOWN, paths=[tmp_path / "confusion.svg"])
    for axes, (model, variant) in zip(drawn_figures[0].axes, table, strict=True):
        part = [row for row in rows if (row["model"], row["variant"]) == (model, variant)]
        assert [text.get_text() for text in axes.texts[: len(part)]] == [str(row["n"]) for row in part]
        tints = [
            patch.get_alpha() or patch.get_facecolor()[3] for patch in axes.patches if isinstance(patch, Rectangle)
        ]
        assert tints == pytest.approx([0.65 * row["share"] for row in part])
    shown = words(tmp_path / "confusion.svg")
    assert {"Triage", "Llama3 Base", "Llama3 SFT", "Llama3 DPO", "Rule", "yes", "maybe", "invalid", "demo"} <= set(
        shown
    )


def test_a_label_without_items_has_a_row_of_zeros_and_no_share(tmp_path):
    rows = confusion_table({("llama", "base"): [{"label": "yes", "parsed": "no"}]}, CLASSES, NAMES)
    empty = [row for row in rows if row["label"] == "maybe"]
    assert [row["n"] for row in empty] == [0] * 4 and {row["share"] for row in empty} == {None}
    plot_confusion(rows, **SHOWN, paths=[tmp_path / "confusion.svg"])


def test_reliability_draws_the_bins_of_every_variant_that_gave_probabilities(tmp_path, drawn_figures):
    table, answers = scored()
    rows = reliability_table(table, answers, CLASSES, NAMES)
    assert {row["model"] for row in rows} == {"llama"}
    assert sum(row["n"] for row in rows if row["variant"] == "sft") == 200
    plot_reliability(rows, **SHOWN, paths=[tmp_path / "reliability.svg"])
    (axes,) = drawn_figures[0].axes
    for line, variant in zip(axes.lines, VARIANTS, strict=False):
        assert list(line.get_ydata()) == [row["observed"] for row in rows if row["variant"] == variant]
    shown = words(tmp_path / "reliability.svg")
    assert {"Probability of the likeliest label", "Share that is right", "Llama3", "SFT", "demo"} <= set(shown)


@pytest.mark.parametrize(
    ("plot", "columns", "rows"),
    [
        (plot_confusion, CONFUSION_COLUMNS, confusion_table(grades(("llama", "other")), CLASSES, NAMES)),
        (plot_reliability, RELIABILITY_COLUMNS, reliability_table(*scored(), CLASSES, NAMES)),
    ],
)
def test_rows_from_csv_give_the_same_bytes_every_time(tmp_path, plot, columns, rows):
    write_csv(tmp_path / "rows.csv", rows, columns)
    assert same_bytes(lambda paths: plot(read_csv(tmp_path / "rows.csv"), **SHOWN, paths=paths), tmp_path)
    plot(rows, **SHOWN, paths=[tmp_path / "made.svg"])
    assert (tmp_path / "made.svg").read_bytes() == (tmp_path / "one" / "figure.svg").read_bytes()
