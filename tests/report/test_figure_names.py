"""Figures with names of any length and script: every text lies within its figure, and no two texts overlap."""

from itertools import combinations, pairwise

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Affine2D

from clinical_dpo.report.figures.confusion import plot_confusion
from clinical_dpo.report.figures.cost import plot_cost
from clinical_dpo.report.figures.sweep import plot_sweep
from clinical_dpo.report.figures.text import fitted, width_of
from tests.helpers.figure_rows import confusion_rows, cost_rows, draw_all, sweep_rows
from tests.helpers.svg import words

LONG = "Fine-tuned on letters of the cardiology ward of the northern district hospital, third revision of 2026, v12"
NAMES = {
    "short": "UTI",
    "long": LONG,
    "one word": "x" * 120,
    "markup": "<b>R&D</b> " * 8,
    "Chinese": "尿路感染的诊断与治疗" * 6,
    "Arabic": "التهاب المسالك البولية " * 4,
}
FINE = 10  # pixels in a point, so that widths are those of the letters
TOUCH = 0.75  # points by which boxes of neighbouring lines may overlap: a box is higher than its letters


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn."""
    figures = []

    class Recorded(Figure):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            figures.append(self)

    monkeypatch.setattr("clinical_dpo.report.figures.style.Figure", Recorded)
    return figures


def boxes(figure):
    """(text, box in points) of every text that the figure draws upright or on its side."""
    figure.set_dpi(72 * FINE)
    drawn, draw = [], Text.draw
    with pytest.MonkeyPatch.context() as patch:  # ticks beyond the limits of a scale have texts that are not drawn
        patch.setattr(Text, "draw", lambda text, renderer: (drawn.append(text), draw(text, renderer)))
        figure.draw_without_rendering()
    points = Affine2D().scale(1 / FINE)
    return [
        (text.get_text(), text.get_window_extent().transformed(points))
        for text in drawn
        if text.get_text() and text.get_visible() and text.get_rotation() in (0, 90)
    ]


@pytest.mark.filterwarnings("ignore:Glyph")  # the font of the tests lacks Chinese
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_every_text_lies_within_its_figure_and_apart_from_others(drawn, name):
    draw_all(name, lambda kind: [])
    assert len(drawn) == 9
    for figure in drawn:
        width, height = (72 * inches for inches in figure.get_size_inches())
        shown = boxes(figure)
        for text, box in shown:
            assert box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= height + 1, text
        for (text, box), (other, second) in combinations(shown, 2):
            wide = min(box.x1, second.x1) - max(box.x0, second.x0)
            high = min(box.y1, second.y1) - max(box.y0, second.y0)
            assert wide < TOUCH or high < TOUCH, (text, other)


def test_a_long_name_keeps_its_beginning_and_its_end_and_a_short_one_is_unchanged():
    assert fitted("Llama3", 1, 7) == "Llama3"
    folded = fitted(LONG, 1.2, 7, lines=3)
    assert folded.count("\n") == 2 and folded.startswith("Fine-tuned") and folded.endswith("v12") and "…" in folded
    assert all(width_of(line, 7) <= 1.2 for line in folded.split("\n"))
    assert fitted(LONG, 3.3, 7, lines=9).replace("\n", " ") == LONG
    assert fitted("尿" * 30, 1, 7, lines=9).replace("\n", "") == "尿" * 30


def test_the_legend_of_the_cost_has_only_what_is_drawn(tmp_path):
    options = {"task_names": {"uti": "UTI"}, "model_names": {"llama": "A", "mistral": "B"}, "watermark": None}
    for published, there in ((160, True), (None, False)):
        plot_cost(cost_rows(published), **options, paths=[tmp_path / "cost.svg"])
        assert ("published" in words(tmp_path / "cost.svg")) is there
        assert any("Published" in text for text in words(tmp_path / "cost.svg")) is there


def test_a_sweep_shows_only_models_with_a_choice_among_trials(tmp_path):
    rows = [row for row in sweep_rows() if row["model"] == "llama" or row["learning_rate"] == 1e-4]
    options = {"task_names": {"uti": "UTI"}, "model_names": {"llama": "First", "mistral": "Second"}}
    plot_sweep(rows, **options, watermarks={"uti": None}, paths=[tmp_path / "sweep.svg"])
    shown = " ".join(words(tmp_path / "sweep.svg"))
    assert "First: balanced accuracy, n = 80" in shown and "Second" not in shown
    assert "Corner: more than 5%" in shown and "not scored" not in shown


def test_numbers_of_a_matrix_with_many_labels_stay_apart(drawn):
    names = {"llama": "Llama3", "mistral": "Mistral2"}
    plot_confusion(confusion_rows("label", labels=12), title="Triage", model_names=names, watermark=None, paths=[])
    numbers = [box for text, box in boxes(drawn[0]) if text == "100"]
    assert len(numbers) == 6 * 12 * 13
    for row in range(0, len(numbers), 13):
        cells = numbers[row : row + 13]
        assert all(first.x1 < second.x0 for first, second in pairwise(cells))
