"""The report in headless Chromium without network: figures, links, and all of it on a phone and on paper."""

import base64
import io

import pytest
from PIL import Image

from clinical_dpo.report.figures.style import COLOURS
from clinical_dpo.report.page.page import Drawing, report_page
from clinical_dpo.report.rating_rounds import with_sheet_files
from clinical_dpo.statistics.comparisons import with_holm
from clinical_dpo.variants import VARIANTS
from tests.helpers.arms import arm_tables
from tests.helpers.corrected_rows import corrected_row
from tests.helpers.decision_rows import decision_row
from tests.helpers.figure2 import WATERMARK, draw, seed_rows, tables
from tests.helpers.report_page import MODELS, TASKS, costs
from tests.helpers.trivial_rows import trivial_rows

SHEET = {"task": "uti", "model": "mistral", "sheet": "correctness", "rater": "Dr A", "pending": 7}
PENDING = with_sheet_files([SHEET], "results/{task}/{model}/grading/{sheet}.{rater}.html", "ratings/{task}/{model}")
SENTENCE = "SFT is enough: DPO is not better by 5 points or more (-0.4, 98% interval -3.7 to 2.8)."
PAPER = 688  # pixels of the width of A4 between its margins
NAMES = {
    "words": "Fine-tuned on letters of the cardiology ward of the northern hospital, third revision of the year, v12",
    "one word": "x" * 120,
    "markup": "<b>R&D</b> " * 8,
    "Chinese": "尿路感染的诊断与治疗" * 6,
    "Arabic": "التهاب المسالك البولية " * 4,
}
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
        decisions=[decision_row(model=model, sentence=SENTENCE, published="DPO better") for model in MODELS],
        drawings=[
            Drawing("Figure 2a", "Bars.", svgs[0], "figure2", "uti"),
            Drawing("Figure 2b", "Bars.", svgs[1], "figure2", "another"),
        ],
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
    assert [link.text_content() for link in links[:3]] == [
        "Is SFT enough?",
        "Sensitivity and specificity",
        "What it cost",
    ]
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
    assert page.get_by_text("Dr A owes 7 ratings").is_visible()


def test_the_figure_is_beside_the_decision_and_below_it_on_a_phone(context, summary):
    page = open_page(context, summary)
    for width, beside in ((1200, True), (390, False)):
        page.set_viewport_size({"width": width, "height": 800})
        _, top, right, bottom = page.locator(".decision > div").evaluate(BOX)
        left, start, _, _ = page.locator(".decision figure").evaluate(BOX)
        assert (left >= right and top <= start < bottom) is beside
        assert beside or start >= bottom


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Function of a name: the page of a run with every table, whose task, models and labels have this name."""
    folder = tmp_path_factory.mktemp("full")

    def write(name):
        metric_rows, stats_rows = arm_tables()
        names = dict.fromkeys(MODELS, name)
        svg = draw(folder, (metric_rows, stats_rows), title=name, model_names=names)[0].read_text()
        page = report_page(
            metrics=[row | {"positive_class": row["positive_class"] and name} for row in metric_rows],
            stats=with_holm(stats_rows),
            cost=costs(),
            tasks={"uti": {"title": name, "description": name, "metric": "f1"}},
            models=names,
            decisions=[decision_row(model=model, sentence=SENTENCE, published="DPO better") for model in MODELS],
            trivial=[row | {"label": name} for row in trivial_rows()],
            corrected=[corrected_row()],
            seeds=seed_rows(),
            drawings=[Drawing(name, "Bars.", svg, "figure2", "uti"), Drawing(name, "Curves.", svg, "training_curves")],
            watermark=name,
            left_out={name: name},
        )
        (folder / "summary.html").write_text(page, encoding="utf-8")
        return folder / "summary.html"

    return write


def outside(page, width):
    """Texts of cells, headings and paragraphs that reach beyond the width of the page."""
    elements = page.locator("h1, h2, h3, h4, p, li, dt, dd, th, td, caption, figure, figcaption")
    return elements.evaluate_all(
        f"""elements => elements.filter(element => element.offsetParent !== null).filter(
            element => {{ const box = ({BOX})(element); return box[0] < 0 || box[2] > {width} + 0.5; }}
        ).map(element => element.textContent)"""
    )


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_phone_and_paper_show_every_cell_whatever_its_name(context, full, name):
    page = open_page(context, full(name), 390)
    for width, media in ((390, "screen"), (PAPER, "print")):
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(media=media)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert outside(page, width) == []


def test_on_a_phone_every_number_has_the_name_of_its_column_above_it(context, full):
    page = open_page(context, full("UTI"), 390)
    cell = page.locator("td[data-label='Specificity']").first
    assert cell.evaluate("cell => getComputedStyle(cell, '::before').content") == '"Specificity"'
    assert page.locator("thead").first.is_hidden()
    page.set_viewport_size({"width": 1200, "height": 800})
    assert cell.evaluate("cell => getComputedStyle(cell, '::before').content") == "none"
    for table in page.locator("table").all():
        heads = table.locator("thead th").all_text_contents()
        for row in table.locator("tbody tr:not(.group)").all()[:3]:
            cells = row.locator("th, td")
            assert cells.evaluate_all("cells => cells.map(cell => cell.dataset.label)") == heads


def test_paper_has_every_section_in_one_size_of_type(context, full, tmp_path):
    page = open_page(context, full("UTI"), PAPER)
    sections = page.locator("h2").all_text_contents()
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    assert [title.text_content() for title in page.locator("h2").all() if title.is_visible()] == sections
    sizes = page.locator("p:not(.quiet), td:not(.quiet), li").evaluate_all(
        "all => all.map(each => parseFloat(getComputedStyle(each).fontSize))"
    )
    assert 8 <= min(sizes) <= max(sizes) <= 12
    page.pdf(path=tmp_path / "summary.pdf", format="A4", prefer_css_page_size=True)
    assert (tmp_path / "summary.pdf").read_bytes().startswith(b"%PDF")


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
