"""The forest plot and the page's table of subgroups: they show what the table has, and no masked number."""

import pytest
from matplotlib.figure import Figure

from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.paths import comparison_name
from clinical_dpo.report.figures.subgroups import plot_subgroups
from clinical_dpo.report.latex import latex_table, table_columns
from clinical_dpo.report.page.subgroups import subgroup_heads, subgroup_rows
from clinical_dpo.statistics.subgroups import ALL, COLUMNS
from clinical_dpo.variants import VARIANTS, compared
from tests.helpers.svg import same_bytes, words

SHOWN = {"title": "Triage", "model_names": {"llama": "Llama3"}, "watermark": None}
TASKS = {"triage": {"title": "Triage"}}
LEVELS = [(ALL, ALL, 200), ("sex", "f", 90), ("sex", "m", 110), ("age", "below 18", None), ("age", "18 or more", None)]


ARMS = (*VARIANTS, "few_shot", "sft_longer")
COMPARISONS = [comparison_name(*pair) for pair in compared(VARIANTS)]


def table(measure="accuracy", variants=VARIANTS):
    rows = []
    names = [comparison_name(*pair) for pair in compared(variants)]
    for index, name in enumerate([*variants, *names]):
        for subgroup, level, n in LEVELS:
            numbers = {"estimate": 0.1 * index, "ci_low": 0.1 * index - 0.05, "ci_high": 0.1 * index + 0.07}
            row = dict.fromkeys(COLUMNS) | {"task": "triage", "model": "llama", "compared": name, "n": n}
            row |= {
                "measure": measure,
                "subgroup": subgroup,
                "level": level,
                "masked": "true" if n is None else "false",
            }
            row |= numbers if n else {}
            p = {"p_levels": 0.01, "p_levels_holm": 0.02} if subgroup == "sex" else {}
            rows.append(row | p | {"proxy": "false", "data": "real", "status": "complete"})
    return rows


def written(folder, rows):
    write_csv(folder / "subgroups.csv", rows, COLUMNS)
    return read_csv(folder / "subgroups.csv")


@pytest.fixture
def read(tmp_path):
    return written(tmp_path, table())


def drawn(rows, monkeypatch):
    """The axes of a figure, in the order of the panels."""
    panels = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: panels.extend(figure.axes))
    with pytest.raises(FileNotFoundError):  # nothing is saved
        plot_subgroups(rows, **SHOWN, paths=["absent.svg"])
    return panels


def test_every_difference_has_its_marker_and_interval(read, monkeypatch):
    panels = drawn(read, monkeypatch)
    assert len(panels) == 3
    for panel, name in zip(panels, COMPARISONS, strict=True):
        rows = [row for row in read if row["compared"] == name and row["estimate"]]
        markers = [line for line in panel.lines if line.get_marker() == "s"]
        assert [line.get_xdata()[0] for line in markers] == pytest.approx(
            [100 * float(row["estimate"]) for row in rows]
        )
        spans = [collection.get_segments()[0][:, 0].tolist() for collection in panel.collections]
        expected = [[100 * float(row[end]) for end in ("ci_low", "ci_high")] for row in rows]
        assert [end for span in spans for end in span] == pytest.approx([end for span in expected for end in span])
        texts = [text.get_text() for text in panel.texts]
        assert texts.count("masked") == 2 and "P .02" in texts


def test_the_figure_names_its_rows_and_has_the_same_bytes(read, tmp_path):
    def draw(paths):
        plot_subgroups(read, **SHOWN, paths=paths)

    assert same_bytes(draw, tmp_path)
    plot_subgroups(read, **SHOWN, paths=[tmp_path / "figure.svg"])
    shown = words(tmp_path / "figure.svg")
    for word in ("Triage", "Llama3", "SFT − Base", "DPO − SFT", "all items", "sex", "f", "below 18", "masked"):
        assert word in shown, word


def test_a_figure_of_f1_has_its_own_scale_and_one_of_masked_levels_alone_is_drawn(tmp_path):
    rows = [row | {"estimate": None, "masked": "true"} if row["subgroup"] != ALL else row for row in table("f1")]
    plot_subgroups(rows, **SHOWN, paths=[tmp_path / "figure.svg"])
    assert any("Difference in f1" in text for text in words(tmp_path / "figure.svg"))


def test_the_page_shows_estimates_in_percent_and_no_masked_number(read):
    rows = subgroup_rows(read, TASKS, {"llama": "Llama3"})
    assert [row["level"] for row in rows] == [level for _, level, _ in LEVELS]
    female, child = rows[1], rows[3]
    assert female["n"] == "90" and female["variants"][1] == ("10.0", "5.0 to 17.0")
    assert female["comparisons"][1] == ("+40.0", "+35.0 to +47.0; P .02")
    assert (child["n"], child["variants"], child["comparisons"]) == ("masked", [("–", "")] * 3, [("–", "")] * 3)
    differences = ["SFT − Base", "DPO − SFT", "DPO − Base"]
    assert subgroup_heads(read) == {"variants": ["Base", "SFT", "DPO"], "comparisons": differences}


def test_arms_have_their_columns_and_panels_and_a_task_without_them_has_dashes(tmp_path, monkeypatch):
    other = [row | {"task": "uti"} for row in table()]
    rows = written(tmp_path, table(variants=ARMS) + other)
    heads = subgroup_heads(rows)
    assert heads["variants"] == ["Base", "SFT", "DPO", "Few-shot", "SFT longer"] and len(heads["comparisons"]) == 3 + 4
    with_arms, without = (
        next(
            row
            for row in subgroup_rows(rows, TASKS | {"uti": {"title": "UTI"}}, {"llama": "Llama3"})
            if row["task"] == name
        )
        for name in ("Triage", "UTI")
    )
    for part in ("variants", "comparisons"):
        assert ("–", "") not in with_arms[part] and len(with_arms[part]) == len(without[part]) == len(heads[part])
        assert [head for head, cell in zip(heads[part], without[part], strict=True) if cell == ("–", "")] == [
            head for head in heads[part] if "Few-shot" in head or "SFT longer" in head
        ]
    panels = drawn(table(variants=ARMS), monkeypatch)
    titles = [text.get_text() for panel in panels for text in panel.texts if " − " in text.get_text()]
    assert titles == heads["comparisons"]


def test_the_table_is_typeset(read):
    caption, columns = table_columns("subgroups", read)
    text = latex_table(read, columns, caption=caption, label="tab:subgroups")
    assert "below 18" in text and "-0.050 to 0.070" in text.replace("$-$", "-") and "interaction test" in text
