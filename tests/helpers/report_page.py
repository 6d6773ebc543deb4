"""A parser of the report page, the page of figure 2's two models, and tables for it."""

from html.parser import HTMLParser

from clinical_dpo.report.cost_table import COLUMNS as COST
from clinical_dpo.report.page.page import report_page
from clinical_dpo.report.rating_rounds import with_sheet_files
from clinical_dpo.statistics import comparisons as significance
from tests.helpers.figure2 import tables

TASKS = {"uti": {"title": "Infection <or> not", "description": "Is it an infection?", "metric": "f1"}}
MODELS = {"llama": "Llama3", "mistral": "Mistral2"}
VOID = {"meta", "br", "link", "img"}
SHEET, RATINGS = "results/{task}/{model}/grading/{sheet}.{rater}.html", "ratings/{task}/{model}"


class Page(HTMLParser):
    """Text and elements of the page. It asserts that every element is closed in order."""

    def __init__(self, html):
        super().__init__()
        self.text, self.elements, self.stack = "", [], []
        self.feed(html)
        assert self.stack == []
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attributes):
        self.text += " "
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.stack and self.stack[-1] != "style":
            self.text += data


def costs():
    """Rows of the table of costs, for SFT and DPO of one model."""
    shared = dict.fromkeys(COST, "") | {"task": "uti", "model": "llama", "device": "NVIDIA A100"}
    sft = shared | {"stage": "sft", "minutes_per_1000_steps": 20, "seconds": 40, "published_minutes": 20}
    dpo = shared | {
        "stage": "dpo",
        "minutes_per_1000_steps": 160.4,
        "seconds": 7300,
        "row_ratio": 8.02,
        "run_ratio": 4.6,
    }
    return [sft, dpo | {"published_minutes": 50, "published_ratio": 2.5}]


def pending(*rows):
    """Rows of awaited ratings with the files of their sheets."""
    return with_sheet_files(rows, SHEET, RATINGS)


def page(last="complete", data="real", **options):
    """The page of the two models of figure 2, with its costs and with further options of `report_page`."""
    metric_rows, stats_rows = tables(last, data)
    rows = {"metrics": metric_rows, "stats": significance.with_holm(stats_rows), "cost": costs()}
    return Page(report_page(**rows, tasks=TASKS, models=MODELS, **options))
