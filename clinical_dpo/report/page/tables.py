"""Rows of the tables on the report page, as text for a clinician."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from clinical_dpo.config.graders import EXTERNAL_GRADER
from clinical_dpo.config.metrics import METRICS
from clinical_dpo.io import Row, optional_number
from clinical_dpo.paths import comparison_name
from clinical_dpo.report.page.comparisons import Rows, Tasks, arm_comparisons, verdict
from clinical_dpo.report.trivial_words import Bar
from clinical_dpo.statistics.metrics import graded_items, mostly_unreadable
from clinical_dpo.variants import EXTERNAL, TITLES, sorted_variants

SCALES = {  # metric of a headline row -> its title and scale
    metric.name: f"{metric.title}, {metric.low:g} to {metric.high:g}" for metric in METRICS.values()
}
GRADERS = {
    "label": "the label read from each answer, compared with the label in the data",
    "exact": "each answer compared with the reference, automatically",
    "physicians": "physicians, who did not know which model had answered",
    "judge": "a language model as judge",
    "rouge_likert": "PROXY: overlap of words with the reference, on a scale from 1 to 5; nobody rated the answers",
    "rouge_l": "overlap of words with the reference (ROUGE-L)",
    "evasiveness": "rules that find evasive answers",
    EXTERNAL_GRADER: "the grades that came with the external answers; this run did not grade them",
}
LIKELIHOOD = "the label that follows from the model's probabilities, compared with the label in the data"
READ_ELSEWHERE = "; for external answers, the label read from each answer"


def caveats(
    shown: Rows,
    tasks: Tasks,
    models: Mapping[str, str],
    watermark: str | None,
    mixed_versions: Sequence[str] = (),
    ended_in_warmup: Sequence[str] = (),
) -> list[tuple[str, str]]:
    """Return a warning, as (title, explanation), for each reason to distrust the page's numbers.

    The possible reasons, the strongest first, are: the watermark, synthetic data, proxy grades, pending grades, mixed
    versions of libraries, training that ended in its warm-up, and variants whose answers are mostly unreadable.

    Args:
        shown: rows of metrics.csv about the tasks' headline metrics.
        tasks: task -> settings with `title`.
        models: maps the name of a model or of external answers (made outside of the run) to the name shown.
        watermark: the warning that the config puts on all numbers of the run, or None.
        mixed_versions: lines about libraries that differ between compared runs, from
            `training.run_record.mixed_versions`.
        ended_in_warmup: lines about training runs that ended in their warm-up, from
            `training.run_record.ended_in_warmup`.
    """
    synthetic = _titles([row for row in shown if row["data"] == "synthetic"], tasks)
    proxies = _titles([row for row in shown if row["proxy"] == "true"], tasks)
    pending = _titles([row for row in shown if row["status"] == "pending"], tasks)
    reasons = []
    if watermark:
        reasons.append((watermark, "The configuration puts this mark on every number of this run."))
    if synthetic:
        reasons.append(
            (
                "Synthetic data",
                f"Generated text, not patients' or exam text: {synthetic}. It says nothing about medicine.",
            )
        )
    if proxies:
        reasons.append(
            ("Proxy grades", f"An automatic score takes the place of a person's or a judge's grades: {proxies}.")
        )
    if pending:
        reasons.append(("Grades awaited", f"Not all answers are graded yet: {pending}."))
    if mixed_versions:
        differences = "; ".join(mixed_versions)
        reasons.append(
            ("Mixed versions", f"Compared numbers come from different versions of a library: {differences}.")
        )
    if ended_in_warmup:
        runs = "; ".join(ended_in_warmup)
        reasons.append(("Hardly trained", f"Training ended in its warm-up: {runs}. More steps can give other results."))
    if unreadable := mostly_unreadable(shown):
        named = "; ".join(
            f"{tasks[row['task']]['title']}, {models[row['model']]}, {TITLES.get(row['variant'], 'external answers')} "
            f"({float(row['invalid_rate']):.0%})"
            for row in unreadable
        )
        reasons.append(
            (
                "Nothing was measured",
                f"Most answers of these variants cannot be read, and such answers count as wrong: {named}.",
            )
        )
    return reasons


def _titles(rows: Rows, tasks: Tasks) -> str:
    return ", ".join(dict.fromkeys(tasks[row["task"]]["title"] for row in rows))


def result_rows(
    shown: Rows, stats: Rows, tasks: Tasks, models: Mapping[str, str], below: Collection[Bar] = ()
) -> list[Row]:
    """Make a row per task and model: the variants' estimates with intervals, n, and the verdicts on comparisons.

    The comparisons of a model are SFT with base, DPO with SFT, and the comparisons of arms (further variants).

    External answers are made outside of the run. Each set of them has a row per task, like a model. This row has one
    estimate, and one verdict for each model whose DPO variant is compared with this set.

    Args:
        shown: rows of metrics.csv about the tasks' headline metrics.
        stats: rows of stats.csv.
        tasks: task -> settings with `title`.
        models: maps the name of a model or of external answers to the name shown.
        below: (task, model, variant) of each variant that is not shown to beat a trivial answer (one label for every
            item), from `trivial_words.no_better`.
    """
    tested = {(row["task"], row["model"], row["comparison"]): row for row in stats}
    table = []
    columns = sorted_variants(row["variant"] for row in shown)
    for task, model in dict.fromkeys((row["task"], row["model"]) for row in shown):
        by_variant = {row["variant"]: row for row in shown if (row["task"], row["model"]) == (task, model)}
        any_row = by_variant.get("base") or by_variant[EXTERNAL]
        if EXTERNAL in by_variant:
            comparison = comparison_name("dpo", model)
            against = [row for row in stats if (row["task"], row["comparison"]) == (task, comparison)]
            verdicts = [(verdict(row, models, below)[0], _model_verdict(row, models, below)) for row in against]
        else:
            of_task = [row for row in stats if row["task"] == task]
            names = ("sft_vs_base", "dpo_vs_sft", *arm_comparisons(of_task))
            verdicts = [verdict(tested[task, model, name], below=below) for name in names]
        table.append(
            {
                "task": tasks[task]["title"],
                "model": models[model],
                "metric": SCALES[any_row["metric"]],
                "n": graded_items(by_variant.values()) or "–",
                "estimates": estimates(by_variant, columns),
                "verdicts": verdicts,
            }
        )
    return table


def estimates(by_variant: Mapping[str, Mapping[str, Any]], columns: Sequence[str]) -> dict[str, Row]:
    """Return the estimates in one row of a table: variant -> cell.

    A cell is a dictionary with the texts `value` and `interval`. If `by_variant` has the variant `external` (answers
    made outside of the run), only `external` has a cell. Otherwise, each variant in `columns` has a cell. Both texts
    are empty for a variant that is not in `by_variant`.

    Args:
        by_variant: variant -> its row of metrics.csv.
        columns: the variants of the table.
    """
    names = [EXTERNAL] if EXTERNAL in by_variant else columns
    blank = {"value": "", "interval": ""}
    return {name: estimate_text(by_variant[name]) if name in by_variant else blank for name in names}


def _model_verdict(row: Mapping[str, Any], models: Mapping[str, str], below: Collection[Bar]) -> str:
    """The model's name and the verdict on a comparison in words: "Llama3: DPO better than GPT-4".

    Args:
        row: row of stats.csv.
        models: maps the name of a model or of external answers (made outside of the run) to its name on the page.
        below: (task, model, variant) of each variant that is not shown to beat a trivial answer (one label for every
            item).
    """
    return f"{models[row['model']]}: {verdict(row, models, below)[1]}"


def cost_table(cost: Rows, tasks: Tasks, models: Mapping[str, str]) -> list[Row]:
    """Make a row per task and model: minutes per 1,000 steps, ratios of DPO to SFT, time of all runs, published values.

    Args:
        cost: rows with the columns COLUMNS of the module `report.cost_table`.
        tasks: task -> settings with `title`.
        models: model -> name shown.
    """
    stages = {(row["task"], row["model"], row["stage"]): row for row in cost}
    table = []
    for task, model in dict.fromkeys((row["task"], row["model"]) for row in cost):
        sft, dpo = (stages[task, model, stage] for stage in ("sft", "dpo"))
        table.append(
            {
                "task": tasks[task]["title"],
                "model": models[model],
                "pace": [_minutes(row["minutes_per_1000_steps"]) for row in (sft, dpo)],
                "ratio": f"{float(dpo['row_ratio']):.1f}",
                "run_ratio": f"{float(dpo['run_ratio']):.1f}",
                "total": [_duration(float(row["seconds"])) for row in (sft, dpo)],
                "published": [_minutes(row["published_minutes"]) for row in (sft, dpo)],
                "printed": any(row[key] for row in (sft, dpo) for key in ("published_minutes", "published_ratio")),
                "published_ratio": f"{float(dpo['published_ratio']):.1f}" if dpo["published_ratio"] else "",
            }
        )
    return table


def grading_rows(shown: Rows, tasks: Tasks) -> list[Row]:
    """Make a row for each task and grader.

    The columns are `task` (title of the task), `grader` (a phrase that says how the answers were graded), `proxy`
    (whether the grades are proxy grades) and `invalid`. Each model and variant has a share of unreadable answers.
    `invalid` is the largest of these shares, such as "3.0%"; "–" if no share is known.

    Args:
        shown: rows of metrics.csv about the tasks' headline metrics.
        tasks: task -> settings with `title` and, if set, `answer_by`.
    """
    table = []
    for task, grader in dict.fromkeys((row["task"], row["grader"]) for row in shown):
        rows = [row for row in shown if (row["task"], row["grader"]) == (task, grader)]
        rates = [rate for row in rows if (rate := optional_number(row["invalid_rate"])) is not None]
        words = GRADERS[rows[0]["grader"]]
        if tasks[task].get("answer_by") == "likelihood":
            words = LIKELIHOOD + (READ_ELSEWHERE if any(row["variant"] == EXTERNAL for row in rows) else "")
        table.append(
            {
                "task": tasks[task]["title"],
                "grader": words,
                "proxy": rows[0]["proxy"] == "true",
                "invalid": f"{max(rates):.1%}" if rates else "–",
            }
        )
    return table


def published_rows(published: Rows) -> list[Row]:
    """Make the table rows that compare a number printed in a paper with a result of this run.

    Printed numbers that are not comparable with this run are left out. The result and its interval are rounded to two
    decimals.

    Args:
        published: rows with the columns `papers.published.COLUMNS`.
    """
    return [
        {
            **{key: row[key] for key in ("study", "task", "model", "variant", "metric", "published", "agrees", "note")},
            "reproduced": f"{float(row['reproduced']):.2f}",
            "interval": f"{float(row['ci_low']):.2f} to {float(row['ci_high']):.2f}",
        }
        for row in published
        if row["agrees"] in ("yes", "no")
    ]


def contradiction_rows(studies: Mapping[str, Any]) -> list[Row]:
    """Make a row for each contradiction in a paper.

    The columns are `study`, `what` (what the contradiction is about), `printed` (each value, and where in the paper it
    is printed), `kept` (the value that is used) and `why`.

    Args:
        studies: name of a study -> its printed results, from `papers.published.load_published`.
    """
    return [
        {
            "study": study["citation"],
            **{key: contradiction[key] for key in ("what", "kept", "why")},
            "printed": "; ".join(
                f"{version['value']} ({', '.join(version['where'])})" for version in contradiction["printed"]
            ),
        }
        for study in studies.values()
        for contradiction in study["contradictions"]
    ]


def _minutes(value: Any) -> str:
    number = optional_number(value)
    return "" if number is None else f"{number:.0f}" if number >= 10 else f"{number:.1f}"


def _duration(seconds: float) -> str:
    """A duration in seconds, minutes or hours, whichever is easiest to read."""
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )


def estimate_text(row: Mapping[str, Any]) -> Row:
    """The text of an estimate (`value`) and the text of its interval (`interval`)."""
    if row["status"] == "pending":
        return {"value": "awaited", "interval": ""}
    estimate, low, high = (optional_number(row[column]) for column in ("estimate", "ci_low", "ci_high"))
    interval = f"{low:.2f} to {high:.2f}" if low is not None and high is not None else ""
    return {"value": "not defined" if estimate is None else f"{estimate:.2f}", "interval": interval}
