"""List the data checks, give a verdict on each finding, and refuse data that fail a check."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clinical_dpo.errors import UserError

COLUMNS = ("task", "model", "check", "measured", "rows", "of", "warn", "stop", "verdict", "examples")
# Check -> (the rows that it counts, what the user should do). The keys are the keys of `checks` in the config.
CHECKS: Mapping[str, tuple[str, str]] = {
    "exact_duplicates": ("prompts with the same words as an earlier prompt", "Remove the repeats from the source."),
    "near_duplicates": ("prompts with a near-duplicate in the same split", "Keep one row of each pair in the source."),
    "test_in_training": (
        "test prompts with an equal or similar prompt in train, eval or dev",
        "Remove one row of each pair.",
    ),
    "dev_in_training": (
        "eval and dev prompts with an equal or similar prompt in train",
        "Remove one row of each pair.",
    ),
    "patients_in_training": (
        "test rows whose value in a column that looks like patients' ids also occurs in train, eval or dev",
        "Name the column in `group` of the task file. A patient's rows then stay in one split.",
    ),
    "label_balance": (
        "rows with the commonest label, in the split where its share is largest",
        "Add rows with other labels.",
    ),
    "degenerate_answers": (
        "reference answers of at most one character, placeholders (N/A), or answers that are mostly one word",
        "Fill in the answers, or remove the rows.",
    ),
    "preferred_equals_rejected": (
        "rows whose rejected answer has the same words as the reference answer",
        "Write other rejected answers, or remove the rows.",
    ),
    "answer_in_prompt": (
        "prompts that contain the answer",
        "Remove the answer from the fields that `prompt` uses, unless the task is to find it there.",
    ),
    "prompts_too_long": (
        "train and eval rows whose prompt alone fills max_length",
        "Raise max_length, or shorten or remove the rows.",
    ),
    "answers_cut": ("train and eval rows whose answer is cut at max_length", "Raise max_length, or shorten the rows."),
    "context_exceeded": (
        "dev and test rows whose prompt and max_new_tokens exceed the model's context",
        "Shorten or remove the rows, or choose a model with a longer context.",
    ),
    "references_too_long": (
        "dev and test rows whose reference answer has more tokens than max_new_tokens (a model's answer of the same "
        "length would be cut)",
        "Raise max_new_tokens.",
    ),
    "begin_and_end": (
        "previewed rows with a missing, repeated or misplaced begin-of-text token or end token (the page of prompts in "
        "results/ names the fault)",
        "Correct `chat_template` in the model file.",
    ),
    "special_tokens": (
        "rows with a text that spells a special token of the model (the model reads the spelling as text)",
        "If the special token is a trace of another tool, remove it from the text.",
    ),
}


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    check: str
    measured: float  # share of the checked rows that are counted
    rows: int  # number of counted rows
    of: int  # number of checked rows
    examples: Sequence[str]
    model: str = ""  # empty if the check needs no model


def apply_thresholds(
    findings: Iterable[Finding], thresholds: Mapping[str, Mapping[str, Any]], task: str
) -> list[dict[str, Any]]:
    """Return a row with the columns COLUMNS for each finding. The row has a verdict.

    A check has two limits for the measured share of rows, named `stop` and `warn`. If the share is above the limit
    `stop`, the verdict is `stop`. If it is above only the limit `warn`, the verdict is `warn`. Otherwise the verdict is
    `ok`. A limit of None is never exceeded.

    Args:
        findings: results of the checks.
        thresholds: check -> its limits `stop` and `warn`. A share equal to a limit is allowed.
        task: the task's name.
    """
    table = []
    for finding in findings:
        limits = thresholds[finding.check]
        verdict = next((word for word in ("stop", "warn") if _above(finding.measured, limits[word])), "ok")
        table.append(
            {
                "task": task,
                "model": finding.model,
                "check": finding.check,
                "measured": round(finding.measured, 6),
                "rows": finding.rows,
                "of": finding.of,
                "warn": limits["warn"],
                "stop": limits["stop"],
                "verdict": verdict,
                "examples": "; ".join(finding.examples),
            }
        )
    return table


def refuse_stopped(table: Sequence[Mapping[str, str]], where: str) -> None:
    """Raise an error if a check has the verdict `stop`.

    Args:
        table: rows of checks.csv.
        where: name of checks.csv, for the message.

    Raises:
        UserError: at least one check has the verdict `stop`. The message gives the share, rows and correction for each
            such check.
    """
    stopped = [row for row in table if row["verdict"] == "stop"]
    if not stopped:
        return
    raise UserError(_refusal(stopped, where, examples=True), public=_refusal(stopped, where, examples=False))


def _refusal(stopped: Sequence[Mapping[str, str]], where: str, examples: bool) -> str:
    lines = [f"{where}: the data of task '{stopped[0]['task']}' fail these checks, so no model trains on them yet."]
    for row in stopped:
        counted, mend = CHECKS[row["check"]]
        examples_shown = f" ({row['examples']})" if row["examples"] and examples else ""
        model = f" with model '{row['model']}'" if row["model"] else ""
        lines.append(
            f"{row['check']}{model}: the measured share is {float(row['measured']):.3g}, but at most "
            f"{float(row['stop']):.3g} is allowed. The check counts {counted}: {row['rows']} of {row['of']}"
            f"{examples_shown}. {mend} If this is intended, raise `checks: {{{row['check']}: {{stop: ...}}}}` in the "
            "task file. The value null sets no limit."
        )
    return "\n".join(lines)


def _above(measured: float, limit: float | None) -> bool:
    return limit is not None and measured > limit
