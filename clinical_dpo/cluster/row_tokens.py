"""Numbers of tokens of a task's rows.

The numbers come from the first of these sources that is available:

1. Counts by the model's tokenizer. Before a model trains, the rule `gate_rows` counts the tokens of each row of every
   split. If there are many rows, it counts only the tokens of a sample of rows.
2. The means that the task file states in `tokens`.
3. Assumed numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from clinical_dpo.config.study import Study
from clinical_dpo.io import read_json, read_jsonl

COUNTED, STATED, ASSUMED = "counted", "task file", "assumed"
ASSUMED_PROMPT, ASSUMED_LABEL = 300, 4  # tokens of a prompt and of a label, if the task file has no `tokens`
LONGEST_IN_BATCH = 2  # assumed ratio of a batch's longest answer to the mean answer, if answers are not counted


@dataclass(frozen=True)
class Row:
    """Numbers of tokens of a row's prompt, of its answer and of its rejected answer.

    If one Row stands for several rows of the data, `weight` is the number of these rows.
    """

    prompt: float
    answer: float
    rejected: float
    weight: float = 1.0


@dataclass(frozen=True, eq=False)  # hashed by identity, so that cached functions can take it as an argument
class SplitTokens:
    """Token counts of the rows of a split, and the source of these counts."""

    rows: Sequence[Row]
    source: str  # COUNTED, STATED or ASSUMED

    @property
    def count(self) -> float:
        """Number of rows."""
        return sum(row.weight for row in self.rows)


@lru_cache(maxsize=256)
def mean_lengths(split: SplitTokens) -> tuple[float, float]:
    """Mean tokens of a split's prompts, and mean tokens of its answers."""
    prompts = sum(row.prompt * row.weight for row in split.rows)
    return prompts / split.count, sum(row.answer * row.weight for row in split.rows) / split.count


@lru_cache(maxsize=256)
def with_examples(split: SplitTokens, train: SplitTokens, count: int) -> SplitTokens:
    """Return the token counts of a split for prompts that contain `count` examples each.

    An example is the prompt and the answer of a training row. The number of tokens of each example is assumed to be the
    mean over the training rows.

    Args:
        split: token counts of the split without examples.
        train: token counts of the training rows.
        count: number of examples in each prompt.
    """
    longer = count * sum(mean_lengths(train))
    return SplitTokens([replace(row, prompt=row.prompt + longer) for row in split.rows], split.source)


@lru_cache(maxsize=256)
def longest_answers(split: SplitTokens, batch_size: int) -> list[tuple[float, float]]:
    """The batches in which a model answers the rows of a split.

    Generation sorts prompts by length, so the prompts of a batch have similar lengths. A batch takes as long as its
    longest answer.

    Returns:
        Pairs (tokens of a batch's longest answer, number of batches that the pair stands for). If a tokenizer has
        counted tokens of the rows, each batch of counted rows gives one pair. Otherwise a single pair stands for all
        batches, and the tokens of its longest answer are LONGEST_IN_BATCH times the mean.
    """
    if split.source != COUNTED:
        return [(LONGEST_IN_BATCH * split.rows[0].answer, -(-split.count // batch_size))]
    ordered = sorted(split.rows, key=lambda row: row.prompt)
    batches = [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]
    return [(max(row.answer for row in batch), sum(row.weight for row in batch) / len(batch)) for batch in batches]


def split_tokens(study: Study, task: str, model: str, split: str) -> SplitTokens:
    """Numbers of tokens of a split's rows as a model reads them. Rows longer than `max_length` are not cut here.

    The rule `gate_rows` counts the tokens of prompts and answers, but not those of rejected answers. The tokens of a
    rejected answer are therefore estimated: the counted tokens of the row's own answer times a ratio. The ratio is the
    first of these numbers that is available:

    1. In the preference pairs, the characters of all rejected answers divided by those of all chosen answers.
    2. In the task file's `tokens`, the mean `rejected` divided by the mean `answer`.
    3. The number 1.

    If `gate_rows` has written no counts for the split, every row has the mean numbers of tokens of the task file's
    `tokens`. Without `tokens`, the numbers are assumed.
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
    """Estimate the tokens of a split from the task file, without token counts by a tokenizer.

    The task file states how many rows the split has. Every row gets the mean numbers of tokens that the task file
    states in `tokens`. If the task file has no `tokens`, every row gets assumed numbers.

    Args:
        settings: the task's settings.
        split: name of the split.
    """
    count = settings["splits"].get(split, 0)
    if "tokens" in settings:
        prompt, answer, rejected = (settings["tokens"][key] for key in ("prompt", "answer", "rejected"))
        return SplitTokens([Row(prompt, answer, rejected, count)], STATED)
    answer = ASSUMED_LABEL if settings["answer_type"] == "label" else settings["max_new_tokens"] / 2
    return SplitTokens([Row(ASSUMED_PROMPT, answer, answer, count)], ASSUMED)


def _version(path: Path) -> tuple[int, int]:
    """Modification time in nanoseconds and size in bytes of a file; (0, 0) if the file does not exist.

    Caches use both numbers as a key, because a changed file has other numbers.
    """
    if not path.exists():
        return 0, 0
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=256)
def _counted_split(gate: str, version: tuple[int, int], split: str, ratio: float) -> SplitTokens | None:
    """Token counts of a split's rows; None if the file has no row of the split.

    The file has the counted tokens of prompts and answers. The tokens of a row's rejected answer are estimated: the
    tokens of the row's answer times `ratio`.

    Args:
        gate: path of the file in which the rule `gate_rows` has written the token counts of rows.
        version: `_version` of the file. Results are cached. A changed file has another version, so it is read again.
        split: name of the split.
        ratio: estimated tokens of a rejected answer divided by the counted tokens of the row's answer.
    """
    rows = _counted(gate, version).get(split, ())
    counted = [Row(prompt, answer, answer * ratio, weight) for prompt, answer, weight in rows]
    return SplitTokens(counted, COUNTED) if counted else None


@lru_cache(maxsize=64)
def _counted(gate: str, version: tuple[int, int]) -> dict[str, list[tuple[float, float, float]]]:
    """Read the token counts of rows from a file that the rule `gate_rows` has written.

    Args:
        gate: path of the file.
        version: `_version` of the file.

    Returns:
        split -> a list of (tokens of the prompt, tokens of the answer, weight), one entry per measured row. If only a
        sample was measured, the weight is the number of rows of the data that the measured row represents; otherwise
        it is 1.
    """
    rows: dict[str, list[tuple[float, float, float]]] = {}
    for row in read_json(gate)["lengths"]:
        rows.setdefault(row["split"], []).append((row["prompt"], row["answer"], row["weight"]))
    return rows


@lru_cache(maxsize=64)
def _rejected_ratio(pairs: str, version: tuple[int, int]) -> float:
    """Characters of all rejected answers divided by characters of all chosen answers in a file of preference pairs.

    The result is 1 if the chosen answers have no characters.

    Args:
        pairs: path of the file.
        version: modification time and size of the file, from `_version`. Results are cached. A changed file has another
            version, so it is read again.
    """
    sums = {key: sum(len(pair[key][0]["content"]) for pair in read_jsonl(pairs)) for key in ("chosen", "rejected")}
    return sums["rejected"] / sums["chosen"] if sums["chosen"] else 1.0
