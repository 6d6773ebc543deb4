"""Measure a task's rows before a model trains on them or answers them, and apply limits to the measures."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from clinical_dpo.data_checks.prompt_preview import preview_rows
from clinical_dpo.data_checks.row_checks import (
    NamedRow,
    RowName,
    frame_findings,
    named_rows,
    patient_findings,
    row_findings,
    spelling_findings,
    token_findings,
)
from clinical_dpo.data_checks.thresholds import Finding, apply_thresholds
from clinical_dpo.io import read_json, read_jsonl
from clinical_dpo.records import TaskRow
from clinical_dpo.tokenization.lengths import RowLength, measure_lengths
from clinical_dpo.tokenization.tokenizer import load_tokenizer, special_tokens


def measure_files(
    files: Mapping[str, str], manifest: str, base: Path, labels: Sequence[str], code: str
) -> dict[str, Any]:
    """Measure the rows in a task's files for one model.

    Args:
        files: split -> path of the JSON Lines file of the split's rows.
        manifest: path of the splits' manifest.json.
        base: folder of the base model.
        labels: the task's labels, if it has any.
        code: digest of the code of the checks. Measures that were made with another digest are out of date.

    Returns:
        The dict of `measure_rows`, with the argument `code` under the key `code`. If test rows have patients' ids that
        also occur in other splits, `findings` also has the result of `patient_findings`.
    """
    splits = cast(dict[str, list[TaskRow]], {split: read_jsonl(path) for split, path in files.items()})
    context = read_json(base / "config.json").get("max_position_embeddings")
    # Rows are named by split and number, because ids may identify patients.
    measures = measure_rows(named_rows(splits, True), load_tokenizer(base), labels, context)
    measures["findings"] += map(asdict, patient_findings(read_json(Path(manifest)).get("patient_columns", [])))
    return measures | {"code": code}


def measure_rows(
    rows: Sequence[NamedRow], tokenizer: Any, labels: Sequence[str], context: int | None
) -> dict[str, Any]:
    """Measure a task's rows for one model.

    The measures do not depend on length limits or thresholds. `gate_verdicts` applies those later.

    Args:
        rows: rows of all splits, named by split and number.
        tokenizer: the model's tokenizer.
        labels: the task's labels, if it has any.
        context: the longest sequence that the model reads, in tokens; None if the model has no limit.

    Returns:
        A dict with these keys:

        - `context`: the argument `context`.
        - `findings`: the results of the checks that need no length limit, each a `thresholds.Finding` as a dict.
        - `lengths`: a dict for each row whose length is measured. `split` and `name` name the row. `prompt` and
          `answer` are numbers of tokens. `weight` is 1 if all rows are measured. If there are too many rows, only a
          sample is measured; `weight` is then the number of rows that the sampled row represents.
    """
    shown = preview_rows(rows, tokenizer, sys.maxsize, private=True)
    findings = [
        *row_findings(rows, labels),
        *spelling_findings(rows, special_tokens(tokenizer).values(), ""),
        *frame_findings(shown, ""),
    ]
    lengths = [
        {"split": rows[length.row].split, "name": rows[length.row].name}
        | {"prompt": length.prompt, "answer": length.answer, "weight": length.weight}
        for length in measure_lengths([named.row for named in rows], tokenizer)
    ]
    return {"context": context, "findings": [asdict(finding) for finding in findings], "lengths": lengths}


def gate_verdicts(
    measures: Mapping[str, Any], limits: Mapping[str, int], thresholds: Mapping[str, Mapping[str, Any]], task: str
) -> list[dict[str, Any]]:
    """Compare the measures of a task's rows with limits and thresholds. Return a verdict for each check.

    The verdicts are rows with the columns `thresholds.COLUMNS`.

    Args:
        measures: the result of `measure_rows`, or this result read from a file.
        limits: in tokens, `max_length` (prompt and answer in training), `max_new_tokens` (a generated answer) and
            `written` (all that a model may write: `max_new_tokens`, plus the limit of a reasoning model's thought).
        thresholds: check -> `warn` and `stop`, the shares of rows above which the check warns or stops.
        task: the task's name.
    """
    names = [RowName(row["split"], row["name"]) for row in measures["lengths"]]
    lengths = [RowLength(i, row["prompt"], row["answer"], row["weight"]) for i, row in enumerate(measures["lengths"])]
    context = {"context": measures["context"]} if measures["context"] else {}
    findings = [Finding(**finding) for finding in measures["findings"]]
    return apply_thresholds([*findings, *token_findings(names, lengths, {**limits, **context}, "")], thresholds, task)
