"""docs/results.md and docs/glossary.md name what the code prints: sentences, sections, decisions, metrics."""

import re

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.report.decision_sentences import Price, with_sentences
from clinical_dpo.variants import TITLES
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT

RESULTS, GLOSSARY = ((ROOT / f"docs/{name}.md").read_text(encoding="utf-8") for name in ("results", "glossary"))
DECIDED = {
    **{"task": "my_task", "model": "llama", "comparison": "dpo_vs_sft", "metric": "f1", "margin": 0.05},
    **{"effect": 0.072, "level": 0.99, "ci_low": 0.031, "ci_high": 0.114, "margin_ci_low": 0.04, "decision": "better"},
    **{"items_to_decide": None, "grader": "label", "basis": "grades", "rated": None, "proxy": "false"},
    **{"data": "real", "status": "complete"},
}


def sentence(trivial=(), **changes):
    row = DECIDED | {"margin_level": 0.98, "margin_ci_high": 0.1} | changes
    [decided] = with_sentences([row], {"llama": Price(2.4, "GPU hours")}, 0.05, trivial, headline="f1")
    return decided["sentence"]


def test_the_example_is_a_sentence_of_the_code():
    assert f"\n> {sentence()}\n" in RESULTS


def test_every_decision_has_a_line_that_says_what_it_means():
    decisions = read_yaml(ROOT / "workflow/schemas/decisions.schema.yaml")["properties"]["decision"]["enum"]
    sentences = [sentence(decision=decision) for decision in filter(None, decisions)]
    sentences += [sentence(effect=0.04), sentence(status="pending")]
    beginnings = {re.split(r"[:.]", text)[0] for text in sentences}
    lines = re.findall(r"^\| `([A-Z][^`]+)` \| [^|]+ \| [^|]+ \|$", RESULTS, re.MULTILINE)
    assert set(lines) == beginnings
    assert all(decision in GLOSSARY for decision in filter(None, decisions))


def test_the_sections_are_sections_of_the_page():
    template = (ROOT / "clinical_dpo/report/page/template/page.html").read_text(encoding="utf-8")
    titles = re.findall(r'^  "\w+": \("([^"]+)"', template, re.MULTILINE)
    named = re.findall(r"^\| `([A-Z][^`]+)` \| [^|]+ \|$", RESULTS, re.MULTILINE)
    assert len(named) > 4 and set(named) | {"Is SFT enough?"} <= set(titles)


def test_the_glossary_has_each_metric_and_stage_once():
    terms = re.findall(r"^\| ([^|]+) \| [^|]+ \| \[[^|]+\) \|$", GLOSSARY, re.MULTILINE)
    terms = [term for line in terms for term in re.split(r", |: ", line)]
    assert len(terms) == len(set(terms)) and {*terms} >= {TITLES["sft"], TITLES["dpo"], "arm", "variant"}
    text = GLOSSARY.casefold()
    shown = {"likert": "likert", "rubric": "rubric", "helpfulness": "helpfulness"}
    for name, metric in METRICS.items():
        assert shown.get(name, metric.title.removesuffix(" score").casefold()) in text, name
