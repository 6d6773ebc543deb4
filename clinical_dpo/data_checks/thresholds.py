"""Gates before training: the checks there are, the verdict on what each measured, and the refusal of data that fail."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clinical_dpo.errors import UserError

COLUMNS = ("task", "model", "check", "measured", "rows", "of", "warn", "stop", "verdict", "examples")
# Check -> which rows it counts, and what to do about them. Every key of `checks` in the config is one of these.
CHECKS: Mapping[str, tuple[str, str]] = {
    "exact_duplicates": ("prompts with the same words as an earlier one", "Remove the repeats from the source."),
    "near_duplicates": ("prompts with a near-duplicate in their own split", "Keep one of each from the source."),
    "test_in_training": (
        "test prompts with an equal or a near-duplicate one in train, eval or dev",
        "Remove one of each pair.",
    ),
    "dev_in_training": (
        "eval and dev prompts with an equal or a near-duplicate one in train",
        "Remove one of each pair.",
    ),
    "label_balance": (
        "the share of the commonest label in the split where it is largest",
        "Add rows of the other label.",
    ),
    "degenerate_answers": (
        "reference answers of one character or none, that stand for nothing (N/A), or that are mostly one word",
        "Fill the answers in, or remove the rows.",
    ),
    "preferred_equals_rejected": (
        "rows whose rejected answer has the words of the right one",
        "Give other rejected answers, or remove the rows.",
    ),
    "answer_in_prompt": (
        "prompts that hold the answer",
        "Take it out of the fields that `prompt` uses, unless the task is to find it there.",
    ),
    "prompts_too_long": (
        "train and eval rows whose prompt alone fills max_length",
        "Raise max_length, or shorten or remove the rows.",
    ),
    "answers_cut": ("train and eval rows whose answer is cut at max_length", "Raise max_length, or shorten the rows."),
    "context_exceeded": (
        "dev and test rows whose prompt and max_new_tokens are more than the model's positions",
        "Shorten or remove the rows, or take a model with a longer context.",
    ),
    "references_too_long": (
        "dev and test rows whose reference answer has more tokens than max_new_tokens, so that no answer can be as "
        "long",
        "Raise max_new_tokens.",
    ),
    "begin_and_end": (
        "first rows that do not begin with the begin-of-text token once, or whose answer does not end once",
        "Correct `chat_template` in the model file (a tokenizer may add <s> to a template that writes it too).",
    ),
    "special_tokens": (
        "rows whose own text spells one of the model's special tokens, which it would read as such",
        "Take it out of the text.",
    ),
}


@dataclass(frozen=True)
class Finding:
    """What one check measured."""

    check: str
    measured: float  # share of the rows looked at that are concerned
    rows: int  # concerned
    of: int  # looked at
    examples: Sequence[str]
    model: str = ""  # where it depends on one


def apply_thresholds(
    findings: Iterable[Finding], thresholds: Mapping[str, Mapping[str, Any]], task: str
) -> list[dict[str, Any]]:
    """Rows of COLUMNS: a measure above `stop` stops, above `warn` warns; null never does."""
    table = []
    for found in findings:
        limits = thresholds[found.check]
        verdict = next((word for word in ("stop", "warn") if _above(found.measured, limits[word])), "ok")
        table.append(
            {
                "task": task,
                "model": found.model,
                "check": found.check,
                "measured": round(found.measured, 6),
                "rows": found.rows,
                "of": found.of,
                "warn": limits["warn"],
                "stop": limits["stop"],
                "verdict": verdict,
                "examples": "; ".join(found.examples),
            }
        )
    return table


def refuse_stopped(table: Sequence[Mapping[str, str]], where: str) -> None:
    """Let nothing train on data that a gate stops.

    Args:
        table: rows of checks.csv.
        where: that file, for the message.

    Raises:
        UserError: each check that stops, with its measure, rows and what to do.
    """
    stopped = [row for row in table if row["verdict"] == "stop"]
    if not stopped:
        return
    raise UserError(_refusal(stopped, where, examples=True), public=_refusal(stopped, where, examples=False))


def _refusal(stopped: Sequence[Mapping[str, str]], where: str, examples: bool) -> str:
    lines = [f"{where}: nothing of task '{stopped[0]['task']}' trains before its data pass."]
    for row in stopped:
        counted, mend = CHECKS[row["check"]]
        named = f" ({row['examples']})" if row["examples"] and examples else ""
        model = f" with {row['model']}" if row["model"] else ""
        lines.append(
            f"{row['check']}{model}: {float(row['measured']):.3g}, above {float(row['stop']):.3g}: {row['rows']} of "
            f"{row['of']} are {counted}{named}. {mend} Where it is meant so, raise `checks: {{{row['check']}: {{stop: "
            "...}}` in the task file; null never stops."
        )
    return "\n".join(lines)


def _above(measured: float, limit: float | None) -> bool:
    return limit is not None and measured > limit
