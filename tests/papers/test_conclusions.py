"""What the papers concluded of DPO against SFT, from the numbers that they print."""

import pytest

from clinical_dpo.papers.conclusions import conclusion
from clinical_dpo.papers.published import load_published
from tests.conftest import ROOT

STUDIES = load_published(ROOT / "config/published.yaml")
LLAMA, MISTRAL = "llama3-8b-instruct", "mistral-7b-instruct"


@pytest.mark.parametrize(
    ("task", "model", "metric", "words"),
    [
        ("uti", LLAMA, "f1", "no difference shown (0.98 to 0.95, P=.55)"),
        ("uti", MISTRAL, "f1", "no difference shown (0.97 to 0.97, P>.99)"),
        ("reasoning", LLAMA, "accuracy", "DPO better (0.28 to 0.36, P=.003)"),
        ("summarization", MISTRAL, "likert", "DPO better (3.98 to 4.08, P<.001)"),
        ("pubmedqa", "biomistral-7b", "helpfulness", "DPO higher, not tested (0.78 to 1.00)"),
        ("meqsum", "biomistral-7b", "rouge_l", "DPO higher, not tested (0.10 to 0.34)"),
        ("uti", "another", "f1", ""),
        ("call_today", LLAMA, "f1", ""),
    ],
)
def test_a_conclusion_has_the_papers_numbers(task, model, metric, words):
    assert conclusion(STUDIES, task, model, metric) == words
