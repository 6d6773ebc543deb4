"""Items of the checklist MI-CLEAR-LLM (Park et al. 2024, Korean J Radiol), and the statements that prefill them."""

from clinical_dpo.report.package.checklist import Item
from clinical_dpo.report.package.run_facts import RunFacts
from clinical_dpo.report.package.statements import data, models, results
from clinical_dpo.report.package.tripod_llm import prompt_lines

TITLE = "MI-CLEAR-LLM"
SOURCE = "Park et al., Korean J Radiol 2024, PMC11444851"


def _web(facts: RunFacts) -> list[str]:
    return ["The models answer from their weights alone, without access to the web."]


def _structure(facts: RunFacts) -> list[str]:
    return ["Each test item is a conversation of its own, with one prompt and one answer."]


def _independence(facts: RunFacts) -> list[str]:
    return [
        "Repeats of a prompt are removed before the split. Equal and similar prompts in test and training data are "
        "counted in the data cards. It is not known whether a base model saw the texts before."
    ]


ITEMS = (
    Item(
        "1",
        "The model: name, version, maker, date of use, training cut-off, access to the web",
        [models.base_models, _web],
        "maker, date of use, training cut-off",
    ),
    Item(
        "2",
        "How stochasticity was handled: settings, repetitions, analysis of variation",
        [models.inference, models.seeds, results.all_over_seeds],
    ),
    Item("3", "Exact wording and syntax of prompts", [prompt_lines]),
    Item("4", "How prompts were structured: one by one or in one session, order", [_structure]),
    Item("5", "How prompts were tested and optimized"),
    Item(
        "6",
        "Independence of the test data from training data, with addresses where they are from the internet",
        [data.sources, _independence],
        "addresses of the data",
    ),
)
