"""The report page as HTML: texts are no elements, names and links are complete, nothing is remote."""

import re

import pytest

from clinical_dpo.report.page.page import Drawing, inline_svg, report_page
from tests.helpers.corrected_rows import corrected_row
from tests.helpers.decision_rows import decision_row
from tests.helpers.figure2 import draw, seed_rows, tables
from tests.helpers.report_page import MODELS, TASKS, Page, costs, page, pending
from tests.helpers.trivial_rows import trivial_rows


def test_html_in_titles_names_and_watermarks_is_shown_as_text():
    """Such text must neither become an element nor change the direction of writing."""
    evil = '</title><img src=x onerror="alert(1)">\u202etxet\x1b[2J'
    metric_rows, stats_rows = tables()
    drawing = Drawing(evil, evil, '<svg viewBox="0 0 1 1"></svg>')
    html = report_page(
        metrics=metric_rows,
        stats=stats_rows,
        cost=costs(),
        tasks={"uti": {"title": evil, "description": evil, "metric": "f1"}},
        models=MODELS | {"llama": evil},
        drawings=[drawing],
        watermark=evil,
        left_out={evil: evil},
        pending_ratings=pending({"task": "uti", "model": "llama", "sheet": evil, "rater": evil, "pending": "1"}),
        mixed_versions=[evil],
    )
    shown = Page(html)
    assert "img" not in {tag for tag, _ in shown.elements} and "alert(1)" in shown.text
    assert "\u202e" not in html and "\x1b" not in html and "\\u202etxet" in shown.text


def test_every_table_is_named_by_its_section_and_every_cell_by_its_column():
    shown = page(seeds=seed_rows(), corrected=[corrected_row()], trivial=trivial_rows())
    ids = {attributes.get("id") for _, attributes in shown.elements}
    regions = [attributes for name, attributes in shown.elements if attributes.get("role") == "region"]
    assert len(regions) == 8 and all(region["aria-labelledby"] in ids for region in regions)
    cells = [attributes for name, attributes in shown.elements if name == "td"]
    assert len(cells) > 100 and all(cell["data-label"] for cell in cells)


def test_captions_are_written_once_for_figures_of_one_kind():
    svg = "<svg></svg>"
    drawings = [Drawing("2A", "Bars.", svg, "figure2", "uti"), Drawing("2B", "Bars.", svg, "figure2", "other")]
    drawings += [Drawing(title, "Curves.", svg, "training_curves") for title in ("First", "Second")]
    shown = page(drawings=drawings, decisions=[decision_row(sentence="Undecided.", published="")])
    assert shown.text.count("Curves.") == 1 and "Training curves Curves. First Second" in shown.text
    assert re.search(r"Undecided\..* 2A The figures: Bars\. Sensitivity", shown.text)
    assert re.search(r"Figures Figure 2 Bars\. 2B Training curves", shown.text)


@pytest.fixture
def page_with_figures(tmp_path):
    svg = draw(tmp_path, tables())[0].read_text()
    return page(drawings=[Drawing("Figure 2a", "A & b.", svg), Drawing('Two "b"', "", svg)])


def test_the_page_has_no_script_and_no_remote_element(page_with_figures):
    names = [name for name, _ in page_with_figures.elements]
    assert names.count("svg") == 2 and not {"script", "img", "link", "iframe", "or"} & set(names)
    policy = [attributes["content"] for _, attributes in page_with_figures.elements if "http-equiv" in attributes]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_ids_are_unique_and_every_reference_stays_on_the_page(page_with_figures):
    ids = [attributes["id"] for _, attributes in page_with_figures.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) > 20
    for _, attributes in page_with_figures.elements:
        for name, value in attributes.items():
            if name.endswith("href"):
                assert value.startswith("#") and value[1:] in ids
            for target in re.findall(r"url\(#([^)]+)\)", value or ""):
                assert target in ids
            assert name.startswith("xmlns") or "://" not in (value or "")


def test_titles_are_shown_as_text_and_name_the_figures(page_with_figures):
    assert "Infection <or> not" in page_with_figures.text  # as text, not as an element
    assert any(attributes.get("aria-label") == 'Two "b"' for _, attributes in page_with_figures.elements)


def test_an_svg_loses_its_prolog_and_its_style():
    text = '<?xml version="1.0"?><!DOCTYPE svg><svg xmlns="x"><metadata>d</metadata><style>*{}</style><g id="a"/></svg>'
    assert inline_svg(text, "f1-", "T") == '<svg role="img" aria-label="T" xmlns="x"><g id="f1-a"/></svg>'


def test_links_lead_to_every_section_of_the_page():
    elements = page(seeds=seed_rows()).elements
    ids = [attributes["id"] for name, attributes in elements if name == "h2"]
    assert [attributes["href"] for name, attributes in elements if name == "a"] == [f"#{name}" for name in ids]
    assert "seeds" in ids and "published" not in ids


def test_the_same_rows_give_the_same_page():
    arguments = {"metrics": tables()[0], "stats": tables()[1], "cost": costs(), "tasks": TASKS, "models": MODELS}
    assert report_page(**arguments) == report_page(**arguments)
