"""A parser of the report page, and tables for a page of two models."""

from html.parser import HTMLParser

from clinical_dpo.report.cost_table import COLUMNS as COST

TASKS = {"uti": {"title": "Infection <or> not", "description": "Is it an infection?", "metric": "f1"}}
MODELS = {"llama": "Llama3", "mistral": "Mistral2"}
VOID = {"meta", "br", "link", "img"}


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
