"""The choice among a sweep's trials: an automatic score on dev, never a person's or a paid judge's."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo import scores
from clinical_dpo.parsing import answer_texts, exact_match, parse_label
from clinical_dpo.plateau import eval_curve
from clinical_dpo.records import Row, read_csv, read_jsonl, replacing, write_csv
from clinical_dpo.rouge import rouge_l

COLUMNS = ("trial", "metric", "score", "n", "invalid_rate", "final_eval_loss", "chosen")


def select(
    base: str,
    folders: Sequence[str],
    dev: str,
    model: Mapping[str, Any],
    task: Mapping[str, Any],
    threads: int,
    batch_size: int,
    table: str,
    best: str,
) -> None:
    """Score every trial on dev, write `table`, and put the winner's files in `best`.

    A single trial is its own best and needs no dev set; its score stays empty.

    Args:
        base: folder of the base model.
        folders: {trial}/adapter of every trial, in the sweep's order.
        dev: JSON Lines of the dev split.
        model: the model file's settings.
        task: `selection`, `max_new_tokens` and what grading needs.
        threads: CPU threads to compute with.
        batch_size: answers generated at once.
        table: CSV of COLUMNS.
        best: folder that gets the winner's files.
    """
    trials = {Path(folder).parent.name: folder for folder in folders}
    rows = read_jsonl(dev)
    found: dict[str, Row] = {
        name: dict.fromkeys(COLUMNS, "")
        | {"trial": name, "n": 0, "final_eval_loss": eval_curve(read_csv(Path(folder) / "log.csv"))[-1][1]}
        for name, folder in trials.items()
    }
    if len(trials) > 1:
        # Imported late: a single trial is chosen without a model.
        from clinical_dpo.generation import answers_of_trials
        from clinical_dpo.models import prepare_process

        prepare_process(threads)
        for name, answers in answers_of_trials(base, trials, model, rows, task["max_new_tokens"], batch_size):
            score, invalid_rate = dev_score(rows, answers, task)
            found[name] |= {"metric": task["selection"], "score": score, "n": len(rows), "invalid_rate": invalid_rate}
    winner = choose(list(found.values())) if len(trials) > 1 else next(iter(trials))
    for name, row in found.items():
        row["chosen"] = "true" if name == winner else "false"
    write_csv(table, list(found.values()), COLUMNS)
    with replacing(best) as part:
        # Not the hidden time stamp that Snakemake keeps in a folder: linked, it would make the trial look new.
        shutil.copytree(trials[winner], part, ignore=shutil.ignore_patterns(".*"), copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    """A hard link where the file system has them: all weights of an 8B model are 16 GB."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def dev_score(rows: Sequence[Row], answers: Sequence[Row], task: Mapping[str, Any]) -> tuple[float, float]:
    """Score of one trial on dev by the task's `selection`, and the share of invalid answers.

    `f1` is that of the positive class, `exact` the share of normalised exact matches, `rouge_l` the mean ROUGE-L F1.
    """
    texts = answer_texts(rows, answers)
    references = [row["completion"][0]["content"] for row in rows]
    if task["selection"] == "f1":
        parsed = [parse_label(text, task["labels"], task.get("label_synonyms")) for text in texts]
        return scores.f1(references, parsed, task["labels"][0]) or 0.0, parsed.count(None) / len(parsed)
    if task["selection"] == "exact":
        accepted = [[reference, *(row.get("accepted") or [])] for reference, row in zip(references, rows, strict=True)]
        values: Sequence[float] = [exact_match(text, right) for text, right in zip(texts, accepted, strict=True)]
    else:
        values = rouge_l(texts, references)
    return sum(values) / len(values), texts.count("") / len(texts)


def choose(trials: Sequence[Row]) -> str:
    """The trial with the highest score; equal scores go to the lower final eval loss, then to the sweep's order."""
    return min(trials, key=lambda trial: (-trial["score"], trial["final_eval_loss"]))["trial"]
