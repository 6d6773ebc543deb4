"""Plan a run's requests to LLM judges before the first request: their number (`calls`), tokens and cost.

A call is one request to a judge. A verdict on one answer needs one call. A verdict on a pair of answers needs two
calls, one in each order. The judge gives verdicts on the variants' answers, and on controls, which test the judge. A
control is an item that the judge sees a second time, or an item with the answer to another question.
"""

from collections.abc import Sequence
from pathlib import Path

from clinical_dpo.cluster.row_tokens import mean_lengths, split_tokens
from clinical_dpo.cluster.text_table import text_table
from clinical_dpo.config.judges import VERDICT_KINDS, graded_by_judge, judge_endpoint, judged_sheets
from clinical_dpo.config.raters import rated_sheets, sheet_variants
from clinical_dpo.config.study import Study
from clinical_dpo.endpoints.call_estimate import CHARACTERS_PER_TOKEN, CallEstimate, estimate_calls
from clinical_dpo.grading.judge.controls import most_control_calls
from clinical_dpo.grading.judge.judge import calls_per_item
from clinical_dpo.grading.judge.prompts import task_prompt
from clinical_dpo.io import Row, read_json
from clinical_dpo.variants import EXTERNAL, UNTRAINED

COLUMNS = ("task", "model", "judge", "judged", "purpose", "calls", "tokens_sent", "tokens_received", "usd", "made")
VERDICTS, CONTROLS = "verdicts", "controls"
RECORDS = {VERDICTS: "verdicts_record", CONTROLS: "judge_controls_record"}  # purpose -> key of `paths.PATHS`
BASIS = """\
The numbers of calls are upper limits: an answer that several variants share is judged once. The log has the exact
number before the first call. Four characters count as a token, as in the log. Each reply is assumed to be as long as
the endpoint allows, and each answer of an untrained model as long as the task allows. An unreadable reply costs up to
two more calls. Dollars follow from an endpoint's price."""


def judge_rows(study: Study) -> list[Row]:
    """Return one row for each combination of task, model, kind of verdict and purpose. The row's columns are COLUMNS.

    `judged` is the kind of verdict. `purpose` is `verdicts` or `controls`. If the judge is the task's grader, external
    predictions have a row too. Its `model` is the name of the external predictions, and its purpose is `verdicts`.

    `calls`, `tokens_sent`, `tokens_received` and `usd` are estimates. `usd` is None if the endpoint has no price.
    `made` is the number of calls that have been recorded so far.
    """
    rows = []
    for task, settings in study.tasks.items():
        for kind in judged_sheets(settings, rated_sheets(settings)):
            for model in study.task_models(task):
                variants = sheet_variants(kind, study.variants(task))
                rows += [_row(study, task, model, kind, purpose, variants) for purpose in RECORDS]
            if graded_by_judge(settings) and kind == VERDICT_KINDS[settings["metric"]]:
                rows += [_row(study, task, name, kind, VERDICTS, [EXTERNAL]) for name in study.externals(task)]
    return rows


def _row(study: Study, task: str, model: str, kind: str, purpose: str, variants: Sequence[str]) -> Row:
    settings = study.tasks[task]
    endpoint = judge_endpoint(settings, study.config)
    estimate = _estimate(study, task, model, kind, purpose, variants)
    record = Path(study.paths(RECORDS[purpose], task=task, model=model, judged=kind))
    made = read_json(record).get("calls", 0) if record.exists() else 0
    values = (task, model, endpoint.name, kind, purpose, *estimate, made)
    return dict(zip(COLUMNS, values, strict=True))


def _estimate(study: Study, task: str, model: str, kind: str, purpose: str, variants: Sequence[str]) -> CallEstimate:
    """Estimate the calls to the judge for one model of a task: their number, tokens and cost.

    Args:
        study: the run.
        task: name of the task.
        model: name of the model, or of external predictions.
        kind: kind of verdict: likert, correctness, rubric or preference.
        purpose: `verdicts` for calls that judge the model's answers; `controls` for calls that test the judge itself.
        variants: the variants whose answers the judge sees.
    """
    settings = study.tasks[task]
    rows = split_tokens(study, task, model, "test")
    prompt, answer = mean_lengths(rows)
    shown = [study.answer_limit(task) if variant in UNTRAINED else answer for variant in variants]
    answers = sum(shown) if kind == "preference" else sum(shown) / len(shown)
    tokens = prompt + answers + (answer if kind == "correctness" else 0)
    template = task_prompt(kind, settings.get("anchors"), settings.get("rubric")).template
    items = round(rows.count) * (1 if kind == "preference" else len(variants))
    calls = most_control_calls(kind, round(rows.count)) if purpose == CONTROLS else items * calls_per_item(kind)
    characters = calls * (tokens * CHARACTERS_PER_TOKEN + len(template))
    return estimate_calls(judge_endpoint(settings, study.config), calls, characters)


def judge_text(rows: Sequence[Row]) -> str:
    """The plan of judges' calls as text: a line per task, judge and kind of verdict, summed over models.

    Without rows the text is empty.

    Args:
        rows: from `judge_rows`.
    """
    if not rows:
        return ""
    head = ("judged", "judge", "kind", "verdicts", "controls", "sent", "received", "US dollars", "made")
    table: list[Sequence[object]] = [head]
    for names in dict.fromkeys((row["task"], row["judge"], row["judged"]) for row in rows):
        of_names = [row for row in rows if (row["task"], row["judge"], row["judged"]) == names]
        calls = [sum(row["calls"] for row in of_names if row["purpose"] == purpose) for purpose in RECORDS]
        sums = [sum(row[column] for row in of_names) for column in ("tokens_sent", "tokens_received")]
        dollars = "no price" if of_names[0]["usd"] is None else f"{sum(row['usd'] for row in of_names):,.2f}"
        table.append((*names, *calls, *sums, dollars, sum(row["made"] for row in of_names)))
    return "\n".join([*text_table(table, (0, 1, 2)), BASIS])
