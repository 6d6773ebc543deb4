"""Statements about the grades of a run: graders, raters, judges, metrics, tests and margins."""

from clinical_dpo.config.label_rules import scores_likelihood
from clinical_dpo.config.metrics import METRICS
from clinical_dpo.config.raters import rated_sheets
from clinical_dpo.report.amounts import margin_text
from clinical_dpo.report.p_values import COMPARED, GROUPED_TESTS
from clinical_dpo.report.package.run_facts import RunFacts

GRADERS = {
    "label": "a comparison of the label that the answer states with the reference label",
    "exact": "a comparison of the answer with the reference answer: right or wrong",
    "physicians": "blinded raters",
    "judge": "a language model as judge",
    "rouge_likert": "ROUGE-L against the reference answer on a scale from 1 to 5, a proxy for a judge",
    "rouge_l": "ROUGE-L against the reference answer",
    "evasiveness": "rules that tell helpful answers from evasive answers",
}
TESTS = {"mcnemar": "McNemar's exact test", "paired_t": "paired t test", **GROUPED_TESTS}


def graders(facts: RunFacts) -> list[str]:
    """A line per task: how an answer becomes a grade."""
    lines = []
    for settings in facts.study.tasks.values():
        words = [f"{settings['title']}: the grade is from {GRADERS[settings['grader']]}."]
        if scores_likelihood(settings):
            words.append("The answer is the label with the highest likelihood.")
            if "threshold" in settings:
                words[-1] = "The answer is the first label if its probability is at least a threshold chosen on dev."
            if facts.study.externals(settings["name"]):
                words.append("The labels of answers made outside of this run are read from their text.")
        if settings["grader"] == "label" and (
            not scores_likelihood(settings) or facts.study.externals(settings["name"])
        ):
            words.append("An answer in which no label can be read is wrong and counted as unreadable.")
        lines.append(" ".join(words))
    return lines


def metrics(facts: RunFacts) -> list[str]:
    """A line per task: headline metric, number of test items, and method of the intervals."""
    lines = []
    for task, settings in facts.study.tasks.items():
        definition = METRICS[settings["metric"]]
        of_task = facts.rows("metrics", task=task, metric=definition.name)
        methods = ", ".join(dict.fromkeys(row["ci_method"] for row in of_task if row["ci_method"]))
        words = f"{settings['title']}: {definition.title}, on {facts.manifests[task]['counts']['test']:,} test items"
        lines.append(words + (f"; 95% intervals by the method {methods}." if methods else "."))
    return lines


def tests(facts: RunFacts) -> list[str]:
    """A line for each task that has comparisons: the paired test and its significance levels.

    One level is for the whole family of tests, and one level is for each test (Bonferroni correction). The line also
    has the number of tests in the family.
    """
    lines = []
    for title, row in facts.first_rows("stats"):
        compared = f", of {COMPARED[row['effect_measure']].partition(' (')[0]}" if row["effect_measure"] else ""
        lines.append(
            f"{title}: {TESTS.get(row['test'], row['test'])}{compared}, two-sided; level {float(row['alpha']):.3g} for "
            f"the family, {float(row['threshold']):.3g} for each test (Bonferroni; tests in the family: "
            f"{row['family_size']})."
        )
    return lines


def margins(facts: RunFacts) -> list[str]:
    """A line for each task that has decisions: the margin (the smallest difference that matters) and its source."""
    return [
        f"{title}: {margin_text(row['metric'], float(row['margin']))} ({row['margin_source']})."
        for title, row in facts.first_rows("decisions")
    ]


def raters(facts: RunFacts) -> list[str]:
    """A line per rating sheet: the number of raters. If only a sample is rated, the number of items too."""
    lines = []
    for settings in facts.study.tasks.values():
        for sheet, people in rated_sheets(settings).items():
            words = f"{settings['title']}, {sheet}: blinded raters: {len(people)}"
            if sample := settings.get("rater_sample"):
                words += f"; test items, drawn at random: {sample:,}"
            lines.append(f"{words}.")
    return lines


def agreement(facts: RunFacts) -> list[str]:
    """A line per estimate of agreement.csv: agreement of raters, or of a judge with raters. No rater is named."""
    lines = []
    for row in facts.rows("agreement"):
        if row["estimate"]:
            low, high = row["ci_low"], row["ci_high"]
            interval = f" (95% interval {float(low):.2f} to {float(high):.2f})" if low and high else ""
            lines.append(
                f"{facts.task_title(row['task'])}, {facts.study.titles[row['model']]}, {row['sheet']}: {row['metric']} "
                f"{float(row['estimate']):.2f}{interval}, {row['n']} items."
            )
    return lines


def judges(facts: RunFacts) -> list[str]:
    """A line per task, model and kind of verdict (such as correctness or preference).

    The line names the judge, the models that its server reported and the prompt version. It has the number of judged
    items and the number of pending items.
    """
    return [
        f"{facts.task_title(task)}, {facts.study.titles[model]}, {kind}: judge {record['judge']} "
        f"({', '.join(record['models']) or 'model not reported'}), prompt version {record['prompt_version']}, "
        f"{record['items']:,} items, {record['pending']:,} pending."
        for (task, model, kind), record in facts.judges.items()
    ]


def externals(facts: RunFacts) -> list[str]:
    """A line per task and external model: the task's title and the model's title.

    An external model is a model that answered outside of this run.
    """
    return [
        f"{facts.task_title(task)}: answers of {facts.study.titles[name]}, made outside of this run."
        for task in facts.study.tasks
        for name in facts.study.externals(task)
    ]
