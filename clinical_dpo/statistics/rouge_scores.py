"""The ROUGE table of a task (Murphy 2024)."""

from collections.abc import Mapping, Sequence

import numpy as np

from clinical_dpo.grading.answers import answer_texts
from clinical_dpo.grading.rouge import KINDS, LATIN, SCORES, rouge, tokenizer_name
from clinical_dpo.io import Row
from clinical_dpo.records import Answer, TaskRow
from clinical_dpo.statistics.clustered import clustered_mean
from clinical_dpo.statistics.groups import indices
from clinical_dpo.statistics.intervals import mean_interval, t_interval
from clinical_dpo.statistics.paired_tests import paired_t
from clinical_dpo.variants import ARMS, PAIRS

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
    """Rows with the columns COLUMNS: the mean ROUGE of each variant of one model, with a 95% bootstrap interval.

    A variant has one row for each kind of ROUGE (KINDS) and score (SCORES). The row of a variant other than base also
    has a comparison with a second variant, which the column `against` names. SFT is compared with base. DPO and every
    arm (further variant) are compared with SFT. The comparison is paired by item. Its columns are the mean difference
    with its t interval, and P of the two-tailed paired t test. P is not corrected for several tests. P is None for a
    single item, and if all differences have the same nonzero value. If the items are in groups, every interval and P is
    that of `clustered.clustered_mean`.

    Args:
        rows: test rows. `completion` is the reference answer. A task with groups also has `group`.
        answers: maps a variant to its answers, one per row.
        names: `task`, `model` and `data` (real or synthetic), which are copied into the rows.
        stemmer: whether words are stemmed before they are compared, as in `rouge.rouge`.
        seed: seed of the bootstrap, which is BCa.

    Raises:
        UserError: the answers do not belong to the items of `rows`.
    """
    references = [row["completion"][0]["content"] for row in rows]
    tokenizer, groups = tokenizer_name(references), indices([row.get("group") for row in rows])
    scored = {
        variant: rouge(answer_texts(rows, variant_answers, variant), references, stemmer=stemmer)
        for variant, variant_answers in answers.items()
    }
    previous = {first: second for first, second in PAIRS if second != "base" or first == "sft"}
    previous |= dict.fromkeys(ARMS, "sft")
    table = []
    for variant, scores in scored.items():
        for column in ((kind, score) for kind in KINDS for score in SCORES):
            values = [item[column] for item in scores]
            if groups is None:
                low, high = mean_interval(values, seed)
            else:
                low, high = clustered_mean(np.array(values), groups).interval
            row = dict.fromkeys(COLUMNS) | dict(names) | {"variant": variant, "n": len(values)}
            row |= {"kind": column[0], "score": column[1], "tokenizer": tokenizer}
            row["stemmer"] = str(stemmer and tokenizer == LATIN).lower()
            row |= {"estimate": float(np.mean(values)), "ci_low": low, "ci_high": high}
            if second := previous.get(variant):
                second_values = [item[column] for item in scored[second]]
                differences = np.subtract(values, second_values)
                row |= {"against": second, "difference": float(differences.mean())}
                if groups is None:
                    interval, row["p_value"] = t_interval(differences), paired_t(values, second_values)[1]
                else:
                    _, _, row["p_value"], interval = clustered_mean(differences, groups)
                row["difference_ci_low"], row["difference_ci_high"] = interval
            table.append(row)
    return table
