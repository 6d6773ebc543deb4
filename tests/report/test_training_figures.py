"""Figures of reward margins, training curves and the sweep: their content, and the same bytes for the same rows."""

import math

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.report.figures import reward_margin, training_curves
from clinical_dpo.report.figures import sweep as sweep_figure
from clinical_dpo.statistics.reward_margin import COLUMNS, margin_rows
from clinical_dpo.training.run import LOG_COLUMNS
from tests.helpers.svg import same_bytes, words

NAMES = {"task_names": {"qa": "Questions", "uti": "UTI & more"}, "model_names": {"llama": "Llama3"}}
MARKS = {"qa": None, "uti": "demo, synthetic data"}


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved."""
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, *args, **kw: (figures.append(figure), save(figure, *args, **kw))
    )
    return figures


def dpo_log(margins):
    """A trainer's log with these eval margins, a tenth of an epoch apart."""
    rewards = {"rewards/chosen": "1", "rewards/rejected": "0", "rewards/accuracies": "0.875", "rewards/ties": "0.0"}
    rows = []
    for index, margin in enumerate(margins):
        for split, offset in (("eval", 0), ("train", 0.1)):
            row = dict.fromkeys(LOG_COLUMNS, "") | rewards | {"split": split, "rewards/margins": str(margin + offset)}
            rows.append(row | {"step": str(10 * index), "epoch": str(index / 10)})
    return rows


def margins():
    rows = margin_rows(dpo_log([0, 4.5, 11]), 0.01, {"task": "qa", "model": "llama", "trial": "lr5e-06_beta0.01"})
    rows += margin_rows(dpo_log([0, 0.2, 0.1]), 0.3, {"task": "uti", "model": "llama", "trial": "lr1e-06_beta0.3"})
    return [row | {"data": "real"} for row in rows]


def draw_margins(rows, paths):
    reward_margin.plot_reward_margin(rows, **NAMES, watermarks=MARKS, paths=paths)


def test_margins_are_drawn_over_the_epoch_with_their_log_ratio_gap(tmp_path, drawn):
    draw_margins(margins(), [tmp_path / "margin.svg"])
    for axes, margin, beta in zip(drawn[0].axes, ([0, 4.5, 11], [0, 0.2, 0.1]), (0.01, 0.3), strict=True):
        train, evaluated = axes.lines
        assert list(evaluated.get_xdata()) == [0, 0.1, 0.2] and list(evaluated.get_ydata()) == margin
        assert list(train.get_ydata()) == pytest.approx([value + 0.1 for value in margin])
        (gap,) = axes.child_axes
        assert gap.get_ylim() == pytest.approx([end / beta for end in axes.get_ylim()])
    shown = words(tmp_path / "margin.svg")
    assert {"Questions", "Llama3, β = 0.01", "UTI & more", "accuracy .88", "at the end 11", "1000"} <= set(shown)
    assert shown.count("demo, synthetic data") == 1


def test_margins_from_csv_give_the_same_bytes_every_time(tmp_path):
    write_csv(tmp_path / "rows.csv", margins(), COLUMNS)
    assert same_bytes(lambda paths: draw_margins(read_csv(tmp_path / "rows.csv"), paths), tmp_path)
    draw_margins(margins(), [tmp_path / "computed.svg"])
    assert (tmp_path / "computed.svg").read_bytes() == (tmp_path / "one" / "figure.svg").read_bytes()


def sweep(folder, scored=True):
    """Write logs and selections of two SFT trials and three DPO trials, the first of which diverges.

    Returns the paths of the logs and of the selections.
    """
    trials = {
        "sft": {"lr1e-04": [1.0, 0.6, 0.5], "lr1e-05": [1.0, 0.9, 0.8]},
        "dpo": {
            "lr1e-05_beta0.1": [0.69, 5.0, math.nan],
            "lr1e-06_beta0.1": [0.69, 0.6, 0.5],
            "lr1e-06_beta0.3": [0.69] * 3,
        },
    }
    chosen = {"sft": "lr1e-04", "dpo": "lr1e-06_beta0.1"}
    for stage, losses in trials.items():
        path = folder / "uti" / "llama" / stage
        rows = []
        for index, (trial, curve) in enumerate(losses.items()):
            log = [{"step": 50 * step, "split": "eval", "loss": loss} for step, loss in enumerate(curve)]
            log.append({"step": 50, "split": "train", "loss": 99})
            write_csv(path / trial / "adapter" / "log.csv", log, ("step", "split", "loss"))
            score = {"metric": "f1", "score": 0.9 - index / 10, "n": 80, "invalid_rate": 0.06 * index} if scored else {}
            rows.append({"trial": trial, "chosen": str(trial == chosen[stage]).lower()} | score)
        write_csv(path / "selection.csv", rows, ("trial", "metric", "score", "n", "invalid_rate", "chosen"))
    names = [f"uti/llama/{stage}/{trial}/adapter/log.csv" for stage in trials for trial in trials[stage]]
    return [folder / name for name in names], [folder / "uti" / "llama" / stage / "selection.csv" for stage in trials]


def test_curve_rows_have_every_evaluation_and_mark_the_chosen_trial(tmp_path):
    rows = training_curves.curve_rows(*sweep(tmp_path))
    assert len(rows) == 15 and {row["chosen"] for row in rows if row["trial"] == "lr1e-04"} == {"true"}


@pytest.fixture
def curves(tmp_path, drawn):
    """The figure of the training curves, and its file."""
    training_curves.plot_training_curves(
        training_curves.curve_rows(*sweep(tmp_path)),
        title="UTI",
        model_names=NAMES["model_names"],
        watermark="demo",
        paths=[tmp_path / "curves.svg"],
    )
    return drawn[0], tmp_path / "curves.svg"


def test_the_chosen_trials_curve_is_marked(curves):
    sft, _ = curves[0].axes
    chosen = [line for line in sft.lines if line.get_marker() == "o"]
    assert [list(line.get_ydata()) for line in chosen] == [[1.0, 0.6, 0.5]]
    assert list(chosen[0].get_xdata()) == [0, 50, 100]


def test_a_trial_with_one_evaluation_is_a_dot(tmp_path, drawn):
    rows = [row for row in training_curves.curve_rows(*sweep(tmp_path)) if int(row["step"]) == 100]
    options = {"title": "UTI", "model_names": NAMES["model_names"], "watermark": None}
    training_curves.plot_training_curves(rows, **options, paths=[tmp_path / "curves.svg"])
    sft, dpo = drawn[0].axes
    assert [(list(line.get_xdata()), line.get_marker()) for line in sft.lines] == [([100], "o")] * 2
    assert {line.get_marker() for line in dpo.lines[:3]} == {"o"}


def test_a_diverging_trial_leaves_the_panel_of_dpo(curves):
    _, dpo = curves[0].axes
    assert dpo.get_ylim()[1] == pytest.approx(1.4 * 0.69)


def test_dpo_curves_have_a_style_per_beta_and_a_line_at_ln_2(curves):
    _, dpo = curves[0].axes
    assert dpo.lines[-1].get_ydata()[0] == pytest.approx(math.log(2))
    styles = {line.get_linestyle() for line in dpo.lines[:3]}
    assert len(styles) == 2


def test_the_curves_name_task_model_rates_and_betas(curves):
    assert {"UTI", "1e-6", "1e-4", "β = 0.3", "chosen", "Llama3"} <= set(words(curves[1]))
    assert words(curves[1]).count("demo") == 2


def test_curves_are_the_same_bytes_every_time(tmp_path):
    rows = training_curves.curve_rows(*sweep(tmp_path))
    options = {"title": "UTI", "model_names": NAMES["model_names"], "watermark": "demo"}
    assert same_bytes(lambda paths: training_curves.plot_training_curves(rows, **options, paths=paths), tmp_path)


def draw_sweep(rows, paths):
    sweep_figure.plot_sweep(rows, **NAMES, watermarks=MARKS, paths=paths)


def test_sweep_rows_have_their_columns(tmp_path):
    rows = sweep_figure.sweep_rows(sweep(tmp_path)[1])
    assert rows and all(set(row) == set(sweep_figure.COLUMNS) for row in rows)


def test_the_sweep_shows_every_score_in_its_cell_and_marks_cells(tmp_path, drawn):
    draw_sweep(sweep_figure.sweep_rows(sweep(tmp_path)[1]), [tmp_path / "sweep.svg"])
    (axes,) = drawn[0].axes
    positions = {text.get_text(): text.get_position() for text in axes.texts if text.get_text().startswith(".")}
    assert set(positions) == {".90", ".80", ".70"}  # of both stages; the positions are DPO's, which is drawn last
    assert positions[".80"] == (0.5, 1.52) and positions[".70"] == (0.5, 2.52)  # rate 1e-6; beta 0.1, beta 0.3
    frames = [patch.get_xy() for patch in axes.patches if isinstance(patch, Rectangle) and not patch.get_fill()]
    assert frames == [(2, 0), (0, 1)]
    corners = [patch for patch in axes.patches if not isinstance(patch, Rectangle)]
    assert len(corners) == 3  # 6, 6 and 12% invalid
    assert {"1e-6", "1e-5", "1e-4", "SFT", "0.1", "0.3", "Llama3: F1, n = 80"} <= set(words(tmp_path / "sweep.svg"))


def test_a_sweep_without_scores_shows_dashes(tmp_path):
    draw_sweep(sweep_figure.sweep_rows(sweep(tmp_path, scored=False)[1]), [tmp_path / "sweep.svg"])
    shown = words(tmp_path / "sweep.svg")
    assert shown.count("–") == 5 and "Llama3: not scored" in shown


def test_the_sweep_is_the_same_bytes_every_time(tmp_path):
    rows = sweep_figure.sweep_rows(sweep(tmp_path)[1])
    assert same_bytes(lambda paths: draw_sweep(rows, paths), tmp_path)
    write_csv(tmp_path / "rows.csv", rows, sweep_figure.COLUMNS)
    draw_sweep(read_csv(tmp_path / "rows.csv"), [tmp_path / "read.svg"])
    assert (tmp_path / "read.svg").read_bytes() == (tmp_path / "one" / "figure.svg").read_bytes()
