"""The gate before a model trains on a task's rows or answers them: what is measured once, and held against limits."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clinical_dpo.data_checks.prompt_preview import shown_rows
from clinical_dpo.data_checks.row_checks import (
    Place,
    frame_findings,
    places,
    row_findings,
    spelling_findings,
    token_findings,
)
from clinical_dpo.data_checks.thresholds import Finding, apply_thresholds
from clinical_dpo.io import read_json, read_jsonl
from clinical_dpo.tokenization.lengths import Measured, measure
from clinical_dpo.tokenization.tokenizer import load_tokenizer, special_tokens


def measured_files(files: Mapping[str, str], base: Path, labels: Sequence[str], code: str) -> dict[str, Any]:
    """What `gate_measures` measures of a task's files with one model, and the code that measured.

    Args:
        files: split -> JSON Lines of its rows.
        base: folder of the base model.
        labels: the task's labels, where it has them.
        code: digest of the code of the checks.
    """
    # Rows are called by their place, since ids may tell who they are.
    rows = places({split: read_jsonl(path) for split, path in files.items()}, True)
    context = read_json(base / "config.json").get("max_position_embeddings")
    return gate_measures(rows, load_tokenizer(base), labels, context) | {"code": code}


def gate_measures(rows: Sequence[Place], tokenizer: Any, labels: Sequence[str], context: int | None) -> dict[str, Any]:
    """What the checks of a task's rows measure with one model, before any limit is known.

    Args:
        rows: of all splits, named by their place.
        tokenizer: the model's.
        labels: the task's labels, where it has them.
        context: the longest sequence that the model reads, in tokens, where it has a limit.

    Returns:
        `context`; `findings`, as dicts of `thresholds.Finding`, of checks that no length limit touches; `lengths`, the
        tokens of the measured rows.
    """
    shown = shown_rows(rows, tokenizer, sys.maxsize, private=True)
    findings = [
        *row_findings(rows, labels),
        *spelling_findings(rows, special_tokens(tokenizer).values(), ""),
        *frame_findings(shown, ""),
    ]
    lengths = [
        {"split": rows[row.row].split, "name": rows[row.row].name}
        | {"prompt": row.prompt, "answer": row.answer, "weight": row.weight}
        for row in measure([place.row for place in rows], tokenizer)
    ]
    return {"context": context, "findings": [asdict(finding) for finding in findings], "lengths": lengths}


def gate_verdicts(
    measures: Mapping[str, Any], limits: Mapping[str, int], thresholds: Mapping[str, Mapping[str, Any]], task: str
) -> list[dict[str, Any]]:
    """Rows of `thresholds.COLUMNS`: the verdict of today's limits on what `gate_measures` found.

    Args:
        measures: from `gate_measures`, as made or as read from its file.
        limits: `max_length`, `max_new_tokens` and `written`, in tokens.
        thresholds: check -> its `warn` and `stop`.
        task: the task's name.
    """
    rows = [Place(row["split"], 0, {}, row["name"]) for row in measures["lengths"]]
    lengths = [
        Measured(place, row["prompt"], row["answer"], row["weight"]) for place, row in enumerate(measures["lengths"])
    ]
    context = {"context": measures["context"]} if measures["context"] else {}
    findings = [Finding(**finding) for finding in measures["findings"]]
    return apply_thresholds([*findings, *token_findings(rows, lengths, {**limits, **context}, "")], thresholds, task)
