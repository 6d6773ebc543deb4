"""Items of the checklist TRIPOD-LLM (Gallifant et al. 2025, Nat Med 31:60-69), and the statements that prefill them."""

from clinical_dpo.report.package.checklist import Item
from clinical_dpo.report.package.run_facts import RunFacts
from clinical_dpo.report.package.statements import data, grades, models, results

TITLE = "TRIPOD-LLM"
SOURCE = "Gallifant et al., Nat Med 2025;31:60-69, doi 10.1038/s41591-024-03425-5"


def prompt_lines(facts: RunFacts) -> list[str]:
    """The prompts verbatim, each after its title."""
    return [line for title, text in models.prompts(facts) for line in (f"{title}:", *text.splitlines())]


def _code(facts: RunFacts) -> list[str]:
    """A line with the version of the code, and a line that refers to the README for how to run the study again."""
    return [*models.libraries(facts), "The README of this package says how to run the study again."]


ITEMS = (
    Item(
        "1",
        "Title: development, fine-tuning or evaluation; task, population, outcome",
        [models.objective, models.tasks],
        "the title, the population",
    ),
    Item("2a", "Abstract: title", [models.objective], "the wording"),
    Item("2b", "Abstract: context"),
    Item("2c", "Abstract: objectives", [models.objective]),
    Item("2d", "Abstract: setting", [data.sources], "the setting of care"),
    Item("2e", "Abstract: data and splits", [data.split_counts]),
    Item("2f", "Abstract: model name and version", [models.base_models]),
    Item("2g", "Abstract: building steps", [models.alignment]),
    Item("2h", "Abstract: tasks with inputs and outputs", [models.tasks]),
    Item("2i", "Abstract: evaluation data and measures", [grades.metrics]),
    Item("2j", "Abstract: main results", [results.main_results]),
    Item("2k", "Abstract: implications"),
    Item("2l", "Abstract: registration"),
    Item("3a", "Background and rationale"),
    Item("3b", "Target population and intended use"),
    Item(
        "4",
        "Objectives: development, fine-tuning, validation",
        [models.objective, grades.margins],
        "the objectives of the study",
    ),
    Item(
        "5a", "Data sources for training, tuning and evaluation, with the reason", [data.sources], "why these sources"
    ),
    Item("5b", "Distribution and description of the data", [data.split_counts, data.label_counts]),
    Item("5c", "Oldest and newest text in development and evaluation"),
    Item("5d", "Pre-processing and quality checks", [data.preprocessing]),
    Item("5e", "Missing and imbalanced data, omissions", [data.omissions, data.label_counts]),
    Item("6a", "Model name, version, last date of training or use", [models.base_models], "the date of use"),
    Item(
        "6b",
        "Architecture, building steps, search of hyper-parameters, prompts, inference settings",
        [models.training, models.search, models.inference, prompt_lines],
    ),
    Item("6c", "Development from input to output; alignment strategy and its goal", [models.alignment]),
    Item("6d", "Output before and after processing", [grades.graders]),
    Item("6e", "Classification: how probabilities and thresholds were obtained", [models.inference, grades.graders]),
    Item("6f", "Quality of generated text against a gold standard", [grades.graders, grades.judges, grades.agreement]),
    Item(
        "6g",
        "Relevance of the metric at deployment, correlation with people",
        [grades.agreement],
        "relevance at deployment",
    ),
    Item(
        "7a",
        "Outcome and metrics, and how they are computed",
        [grades.metrics, grades.tests, grades.margins, models.libraries],
    ),
    Item(
        "7b",
        "Assessors: qualification, instructions, agreement",
        [grades.raters, grades.judges, grades.agreement],
        "qualification of the raters",
    ),
    Item("7c", "Comparison with other models, people, benchmarks", [results.all_comparisons, grades.externals]),
    Item("8a", "Annotation: guidelines"),
    Item(
        "8b",
        "Annotation: number of annotators and share labelled twice",
        [grades.raters],
        "annotators of the reference answers",
    ),
    Item(
        "8c", "Annotation: background and agreement of annotators", [grades.agreement], "background of the annotators"
    ),
    Item("9a", "Prompts: design and selection", [prompt_lines], "how the prompts were designed and selected"),
    Item("9b", "Prompts: the data they were made on"),
    Item("10", "Pre-processing before summarization", [data.preprocessing, models.inference]),
    Item(
        "11",
        "Instruction tuning and alignment: instructions, interface, who evaluated",
        [models.alignment, grades.raters],
    ),
    Item("12", "Compute: time, machines, cost, FLOPs", [models.devices], "cost"),
    Item("13", "Ethics approval and consent"),
    Item("14a", "Funding"),
    Item("14b", "Conflicts of interest"),
    Item("14c", "Protocol"),
    Item("14d", "Registration"),
    Item("14e", "Availability of data", [data.licences], "where the data can be obtained"),
    Item("14f", "Availability of code", [_code]),
    Item("15", "Patient and public involvement"),
    Item("16a", "Flow of documents or patients", [data.flow]),
    Item("16b", "Characteristics by split", [data.split_counts, data.label_counts], "characteristics of the patients"),
    Item("16c", "Distribution in development against evaluation", [data.label_counts], "further characteristics"),
    Item("16d", "Numbers in each analysis", [results.analysed]),
    Item(
        "17",
        "Performance by the pre-specified metrics, and performance of people",
        [results.main_results, results.all_comparisons],
    ),
    Item("18", "Results of updating", [models.seeds, results.all_over_seeds]),
    Item("19a", "Interpretation, with fairness", [data.subgroups], "the interpretation"),
    Item("19b", "Limits", [results.all_marks], "limits of the study"),
    Item("19c", "Challenges of the data"),
    Item("19d", "Intended use"),
    Item("19e", "Handling of poor input"),
    Item("19f", "User interaction and expertise"),
    Item("19g", "Next steps"),
)
