"""The choice among a sweep's trials: an automatic score on dev, never a person's or a paid judge's."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo import scores
from clinical_dpo.generation import answers_of_trials
from clinical_dpo.parsing import answer_texts, exact_match, parse_label
from clinical_dpo.records import Row, read_jsonl
from clinical_dpo.rouge import rouge_l
from clinical_dpo.trials import by_name, keep, unscored


def select(
    base: str,
    folders: Sequence[str],
    dev: str,
    model: Mapping[str, Any],
    task: Mapping[str, Any],
    batch_size: int,
    table: str,
    best: str,
) -> None:
    """Score every trial on dev, write `table`, and put the winner's files in `best`.

    Args:
        base: folder of the base model.
        folders: {trial}/adapter of every trial, in the sweep's order.
        dev: JSON Lines of the dev split.
        model: the model file's settings.
        task: `selection`, `max_new_tokens` and what grading needs.
        batch_size: answers generated at once.
        table, best: as in `trials.keep`.
    """
    trials, rows = by_name(folders), read_jsonl(dev)
    found = unscored(trials)
    for name, answers in answers_of_trials(base, trials, model, rows, task["max_new_tokens"], batch_size):
        score, invalid_rate = dev_score(rows, answers, task)
        found[name] |= {"metric": task["selection"], "score": score, "n": len(rows), "invalid_rate": invalid_rate}
    keep(choose(list(found.values())), trials, found, table, best)


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
    """The trial with the highest score; equal scores go to the lower final eval loss, then to the sweep's order.

    A loss that is no finite number loses to every other.
    """
    losses = {trial["trial"]: trial["final_eval_loss"] for trial in trials}
    finite = {name: loss if math.isfinite(loss) else math.inf for name, loss in losses.items()}
    return min(trials, key=lambda trial: (-trial["score"], finite[trial["trial"]]))["trial"]
