"""Tokens of a task's rows: counted by the model's tokenizer where rows and tokenizer are there, else stated or assumed.

The counts are those of `gate_rows`, which measures the rows of every split before a model trains on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from clinical_dpo.config.study import Study
from clinical_dpo.io import read_json, read_jsonl

COUNTED, STATED, ASSUMED = "counted", "task file", "assumed"
ASSUMED_PROMPT, ASSUMED_LABEL = 300, 4  # tokens, for a task file without `tokens`
LONGEST_IN_BATCH = 2  # tokens of a batch's longest answer / mean tokens, where answers are not counted


@dataclass(frozen=True)
class Row:
    """Tokens of a row, and the number of rows that it represents."""

    prompt: float
    answer: float
    rejected: float
    weight: float = 1.0


@dataclass(frozen=True, eq=False)  # compared by identity, so that sums over its rows are computed once
class SplitTokens:
    """Tokens of the rows of a split."""

    rows: Sequence[Row]
    source: str  # COUNTED, STATED or ASSUMED

    @property
    def count(self) -> float:
        """Number of rows."""
        return sum(row.weight for row in self.rows)


@lru_cache(maxsize=256)
def mean_lengths(split: SplitTokens) -> tuple[float, float]:
    """Mean tokens of a prompt, and of an answer."""
    prompts = sum(row.prompt * row.weight for row in split.rows)
    return prompts / split.count, sum(row.answer * row.weight for row in split.rows) / split.count


@lru_cache(maxsize=256)
def with_examples(split: SplitTokens, train: SplitTokens, count: int) -> SplitTokens:
    """Rows of a split with `count` training rows of mean length in each prompt, each with its answer."""
    longer = count * sum(mean_lengths(train))
    return SplitTokens([replace(row, prompt=row.prompt + longer) for row in split.rows], split.source)


@lru_cache(maxsize=256)
def longest_answers(split: SplitTokens, batch_size: int) -> list[tuple[float, float]]:
    """(tokens of the longest answer, number of batches) of batches of rows with similar prompts.

    Generation sorts prompts by length. A batch ends with its longest answer.
    """
    if split.source != COUNTED:
        return [(LONGEST_IN_BATCH * split.rows[0].answer, -(-split.count // batch_size))]
    ordered = sorted(split.rows, key=lambda row: row.prompt)
    batches = [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]
    return [(max(row.answer for row in batch), sum(row.weight for row in batch) / len(batch)) for batch in batches]


def split_tokens(study: Study, task: str, model: str, split: str) -> SplitTokens:
    """Tokens of the rows of a split as a model reads them. A row beyond max_length is not cut here.

    The tokens of a rejected answer follow from its characters if the pairs exist. Otherwise they are those in the task
    file, or those of the answer.
    """
    gate = Path(study.paths("gate", task=task, model=model))
    pairs = Path(study.paths("pairs", task=task, model=model, split=split))
    settings = study.tasks[task]
    stated = settings.get("tokens")
    ratio = _rejected_ratio(str(pairs), _version(pairs)) if pairs.exists() else None
    if ratio is None:
        ratio = stated["rejected"] / stated["answer"] if stated else 1.0
    counted = _counted_split(str(gate), _version(gate), split, ratio) if gate.exists() else None
    return counted or _stated(settings, split)


def _stated(settings: Any, split: str) -> SplitTokens:
    """The mean lengths that a task file states, or assumed ones, for all rows of a split."""
    count = settings["splits"].get(split, 0)
    if "tokens" in settings:
        prompt, answer, rejected = (settings["tokens"][key] for key in ("prompt", "answer", "rejected"))
        return SplitTokens([Row(prompt, answer, rejected, count)], STATED)
    answer = ASSUMED_LABEL if settings["answer_type"] == "label" else settings["max_new_tokens"] / 2
    return SplitTokens([Row(ASSUMED_PROMPT, answer, answer, count)], ASSUMED)


def _version(path: Path) -> tuple[int, int]:
    """Time and size of a file; a change of the file changes one of them. (0, 0) for no file."""
    if not path.exists():
        return 0, 0
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=256)
def _counted_split(gate: str, version: tuple[int, int], split: str, ratio: float) -> SplitTokens | None:
    """Counted rows of a split, with `ratio` tokens of a rejected answer for each of an answer; None without rows."""
    rows = _counted(gate, version).get(split, ())
    counted = [Row(prompt, answer, answer * ratio, weight) for prompt, answer, weight in rows]
    return SplitTokens(counted, COUNTED) if counted else None


@lru_cache(maxsize=64)
def _counted(gate: str, version: tuple[int, int]) -> dict[str, list[tuple[float, float, float]]]:
    """Split -> (tokens of the prompt, tokens of the answer, weight) of each measured row of a gate's file."""
    rows: dict[str, list[tuple[float, float, float]]] = {}
    for row in read_json(gate)["lengths"]:
        rows.setdefault(row["split"], []).append((row["prompt"], row["answer"], row["weight"]))
    return rows


@lru_cache(maxsize=64)
def _rejected_ratio(pairs: str, version: tuple[int, int]) -> float:
    """Characters of all rejected answers / characters of all chosen answers of a file of pairs."""
    sums = {key: sum(len(pair[key][0]["content"]) for pair in read_jsonl(pairs)) for key in ("chosen", "rejected")}
    return sums["rejected"] / sums["chosen"] if sums["chosen"] else 1.0
