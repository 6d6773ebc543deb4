"""The report in headless Chromium without network: figures are visible, links work, a phone shows all of it."""

import base64
import io

import pytest
from PIL import Image

from clinical_dpo.report.figures.style import COLOURS
from clinical_dpo.report.page.page import Drawing, report_page
from clinical_dpo.report.rating_rounds import with_sheet_files
from clinical_dpo.variants import VARIANTS
from tests.helpers.figure2 import WATERMARK, draw, seed_rows, tables
from tests.helpers.report_page import MODELS, TASKS, costs

SHEET = {"task": "uti", "model": "mistral", "sheet": "correctness", "rater": "Dr A", "pending": 7}
PENDING = with_sheet_files([SHEET], "results/{task}/{model}/grading/{sheet}.{rater}.html", "ratings/{task}/{model}")
BOX = "element => { const box = element.getBoundingClientRect(); return [box.left, box.top, box.right, box.bottom]; }"


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    """The page of a run with a watermark, awaited grades of one model, and three training seeds."""
    folder = tmp_path_factory.mktemp("report")
    metric_rows, stats_rows = tables("pending", "synthetic")
    svgs = [
        draw(folder / "a", (metric_rows, stats_rows), watermark=WATERMARK)[0].read_text(),
        draw(folder / "b", tables(), seed_rows=seed_rows())[0].read_text(),
    ]
    page = report_page(
        metrics=metric_rows,
        stats=stats_rows,
        cost=costs(),
        tasks=TASKS,
        models=MODELS,
        drawings=[Drawing(f"Figure 2{letter}", "Bars.", svg) for letter, svg in zip("ab", svgs, strict=True)],
        watermark=WATERMARK,
        pending_ratings=PENDING,
        seeds=seed_rows(),
    )
    (folder / "summary.html").write_text(page, encoding="utf-8")
    return folder / "summary.html"


def open_page(context, path, width=1200, height=800):
    context.set_offline(True)
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.goto(path.as_uri())
    return page


def colours(element):
    """RGB of every pixel of an element, as the screen shows it."""
    return set(Image.open(io.BytesIO(element.screenshot())).convert("RGB").get_flattened_data())


def test_figures_are_visible(context, summary):
    page = open_page(context, summary)
    figures = page.locator("figure svg").all()
    assert len(figures) == 2
    for svg in figures:
        pixels = colours(svg)
        left, top, right, bottom = svg.evaluate(BOX)
        assert right - left > 300 and bottom - top > 250
        for variant in VARIANTS:
            assert tuple(bytes.fromhex(COLOURS[variant][1:])) in pixels
        texts = svg.locator("text").evaluate_all(f"texts => texts.map(text => [text.textContent, ...({BOX})(text)])")
        texts = [text for text in texts if text[0]]
        assert len(texts) > 30
        for text, x0, y0, x1, y1 in texts:
            assert left <= x0 < x1 <= right and top - 1 <= y0 < y1 <= bottom + 1, text
    assert figures[0].get_by_text(WATERMARK).count() == 1 and figures[0].get_by_text("pending").count() == 1
    assert figures[1].get_by_text("3 training seeds").count() == 1


def test_every_link_leads_to_its_section(context, summary):
    page = open_page(context, summary)
    links = page.locator("a").all()
    assert [link.text_content() for link in links] == [title.text_content() for title in page.locator("h2").all()]
    assert len(links) == 8
    for link in links:
        target = link.get_attribute("href")
        page.evaluate("scrollTo(0, 0)")
        link.click()
        _, top, _, bottom = page.locator(target).evaluate(BOX)
        assert page.evaluate("location.hash") == target and top >= -1 and bottom <= 800


@pytest.mark.parametrize("width", [1200, 360, 320])
def test_caveats_come_first_and_nothing_scrolls_sideways(context, summary, width):
    page = open_page(context, summary, width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    caveats = page.get_by_role("note")
    assert caveats.evaluate(BOX)[1] < 250
    text = caveats.inner_text().lower()
    assert all(word in text for word in (WATERMARK, "synthetic data", "grades awaited"))
    for element in page.locator("h1, h2, p, dl, nav, figure, figure svg, .wide").all():
        left, _, right, _ = element.evaluate(BOX)
        assert left >= 0 and right <= width
    for table in page.locator("table").all():  # a wide table is swiped, its cells are not wrapped into tall ones
        assert table.evaluate("table => Math.max(...[...table.rows].map(row => row.offsetHeight))") < 200
    assert page.get_by_text("Dr A owes 7 ratings").is_visible()


def test_a_phone_keeps_a_tables_first_column(context, summary):
    page = open_page(context, summary, 360)
    first = page.locator("tbody th").first
    before = first.evaluate(BOX)[0]
    first.evaluate("cell => { const region = cell.closest('.wide'); region.scrollLeft = region.scrollWidth; }")
    assert first.evaluate("cell => cell.closest('.wide').scrollLeft") > 50
    assert first.evaluate(BOX)[0] == pytest.approx(before, abs=1)


def check_snakemake_report(context, report):
    """Check Snakemake's report: its caption, the graph of the workflow, and the summary opened inside it."""
    page = open_page(context, report)
    page.get_by_text("Read the summary first").wait_for()
    graph = page.locator("canvas").first
    graph.wait_for()
    width, height = graph.evaluate("canvas => [canvas.width, canvas.height]")
    assert width > 300 and height > 300
    drawn = base64.b64decode(graph.evaluate("canvas => canvas.toDataURL()").partition(",")[2])
    assert len(set(Image.open(io.BytesIO(drawn)).convert("RGB").get_flattened_data())) > 20
    page.get_by_text("At a glance", exact=True).click()
    page.locator("td a[iconname=eye]").click()
    summary = page.frame_locator("iframe")
    summary.get_by_role("heading", level=1).wait_for()
    summary.get_by_role("link", name="Figures").click()
    svg = summary.locator("figure svg").first
    svg.wait_for()
    assert tuple(bytes.fromhex(COLOURS["sft"][1:])) in colours(svg)


@pytest.mark.slow
def test_snakemakes_report_opens_from_disk(context, finished, tmp_path):
    project, _ = finished
    project.run("--report", str(tmp_path / "report.html"))
    check_snakemake_report(context, tmp_path / "report.html")
