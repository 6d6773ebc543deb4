"""The ROUGE table of a task (Murphy 2024)."""

from collections.abc import Mapping, Sequence

import numpy as np

from clinical_dpo.grading.answers import answer_texts
from clinical_dpo.grading.rouge import KINDS, LATIN, SCORES, rouge, tokenizer_name
from clinical_dpo.io import Row
from clinical_dpo.records import Answer, TaskRow
from clinical_dpo.statistics.intervals import mean_interval, t_interval
from clinical_dpo.statistics.paired_tests import paired_t
from clinical_dpo.variants import COMPARISONS

COLUMNS = (
    *("task", "model", "variant", "kind", "score", "estimate", "ci_low", "ci_high", "n", "tokenizer", "stemmer"),
    *("against", "difference", "difference_ci_low", "difference_ci_high", "p_value", "data"),
)


def rouge_rows(
    rows: Sequence[TaskRow],
    answers: Mapping[str, Sequence[Answer]],
    names: Mapping[str, str],
    *,
    stemmer: bool,
    seed: int,
) -> list[Row]:
    """Rows of COLUMNS of one model: mean of each kind and score, with a 95% bootstrap interval (BCa).

    The variant before it (`against`: SFT against base, DPO against SFT) is compared item by item: mean difference with
    its t interval, two-tailed paired t test (uncorrected; empty where all differences are the same).

    Args:
        rows: test rows; the reference stands in `completion`.
        answers: variant -> one answer per row.
        names: task, model, data (real or synthetic).
        stemmer: see `rouge.rouge`.
        seed: of the resampling.

    Raises:
        UserError: answers to other items than `rows`.
    """
    references = [row["completion"][0]["content"] for row in rows]
    tokenizer = tokenizer_name(references)
    scored = {
        variant: rouge(answer_texts(rows, given, variant), references, stemmer=stemmer)
        for variant, given in answers.items()
    }
    before = {first: second for first, second in COMPARISONS.values() if second != "base" or first == "sft"}
    table = []
    for variant, found in scored.items():
        for column in ((kind, score) for kind in KINDS for score in SCORES):
            values = [item[column] for item in found]
            low, high = mean_interval(values, seed)
            row = dict.fromkeys(COLUMNS) | dict(names) | {"variant": variant, "n": len(values)}
            row |= {"kind": column[0], "score": column[1], "tokenizer": tokenizer}
            row["stemmer"] = str(stemmer and tokenizer == LATIN).lower()
            row |= {"estimate": float(np.mean(values)), "ci_low": low, "ci_high": high}
            if other := before.get(variant):
                against = [item[column] for item in scored[other]]
                differences = np.subtract(values, against)
                row |= {"against": other, "difference": float(differences.mean())}
                row["difference_ci_low"], row["difference_ci_high"] = t_interval(differences)
                row["p_value"] = paired_t(values, against)[1]
            table.append(row)
    return table
