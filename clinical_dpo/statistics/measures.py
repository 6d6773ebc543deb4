"""Tables that a task may ask for beside metrics and comparisons: ROUGE, helpfulness, reward margin (Murphy 2024)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clinical_dpo.grading.answers import answer_texts
from clinical_dpo.grading.rouge import KINDS, SCORES, rouge
from clinical_dpo.io import Row
from clinical_dpo.statistics.comparisons import COMPARISONS, compared
from clinical_dpo.statistics.intervals import mean_interval, t_interval
from clinical_dpo.statistics.paired_tests import paired_t

ROUGE_COLUMNS = (
    *("task", "model", "variant", "kind", "score", "estimate", "ci_low", "ci_high", "n", "stemmer"),
    *("against", "difference", "difference_ci_low", "difference_ci_high", "p_value", "data"),
)
HELPFULNESS_COLUMNS = (
    *("task", "model", "variant", "hq", "ci_low", "ci_high", "n", "n_evasive", "reasons", "p_vs_base", "p_vs_sft"),
    *("detector", "data", "status"),
)
MARGIN_COLUMNS = (
    *("task", "model", "trial", "split", "step", "epoch", "chosen", "rejected", "margin", "accuracy", "ties"),
    *("beta", "log_ratio_gap", "final", "data"),
)
_LOGGED = {  # column of a reward margin -> column of a trainer's log
    **{"step": "step", "epoch": "epoch", "chosen": "rewards/chosen", "rejected": "rewards/rejected"},
    **{"margin": "rewards/margins", "accuracy": "rewards/accuracies", "ties": "rewards/ties"},
}


def rouge_rows(
    rows: Sequence[Row], answers: Mapping[str, Sequence[Row]], names: Mapping[str, str], *, stemmer: bool, seed: int
) -> list[Row]:
    """Rows of ROUGE_COLUMNS of one model: mean of each kind and score, with a 95% bootstrap interval (BCa).

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
            row = dict.fromkeys(ROUGE_COLUMNS) | dict(names) | {"variant": variant, "n": len(values)}
            row |= {"kind": column[0], "score": column[1], "stemmer": str(stemmer).lower()}
            row |= {"estimate": float(np.mean(values)), "ci_low": low, "ci_high": high}
            if other := before.get(variant):
                against = [item[column] for item in scored[other]]
                differences = np.subtract(values, against)
                row |= {"against": other, "difference": float(differences.mean())}
                row["difference_ci_low"], row["difference_ci_high"] = t_interval(differences)
                row["p_value"] = paired_t(values, against)[1]
            table.append(row)
    return table


def helpfulness_rows(
    metrics: Sequence[Mapping[str, Any]],
    stats: Sequence[Mapping[str, Any]],
    grades: Mapping[tuple[str, str], Sequence[Mapping[str, str]]],
    detector: str,
) -> list[Row]:
    """Rows of HELPFULNESS_COLUMNS: HQ = (N_total - N_evasive) / N_total (Murphy 2024, eq. 1) of each model and variant.

    Args:
        metrics: the task's metrics table, whose headline is helpfulness (Wilson interval).
        stats: its statistics table (McNemar).
        grades: (model, variant) -> its verdicts; `parsed` says why an answer is evasive.
        detector: version of the detector.
    """
    tested = {(row["model"], *compared(row["comparison"])): row["p_value"] for row in stats}
    table = []
    for row in metrics:
        if row["metric"] != "helpfulness":
            continue
        verdicts = grades[row["model"], row["variant"]]
        evasive = [verdict["parsed"].split(":")[0] for verdict in verdicts if float(verdict["grade"]) == 0]
        reasons = "; ".join(f"{reason} {count}" for reason, count in Counter(evasive).most_common())
        table.append(
            {key: row[key] for key in ("task", "model", "variant", "ci_low", "ci_high", "n", "data", "status")}
            | {"hq": row["estimate"], "n_evasive": len(evasive), "reasons": reasons, "detector": detector}
            | {f"p_vs_{other}": tested.get((row["model"], row["variant"], other)) for other in ("base", "sft")}
        )
    return table


def margin_rows(log: Sequence[Mapping[str, str]], beta: float, names: Mapping[str, str]) -> list[Row]:
    """Rows of MARGIN_COLUMNS: the rewards of one DPO run, step by step.

    A reward is beta x (log-probability under the policy - under the reference), summed over an answer's tokens
    (Rafailov et al. 2023, eq. 5); the margin is chosen minus rejected. `log_ratio_gap` = margin / beta is the same in
    nats, and comparable between betas. `accuracy` is the share of pairs with a positive margin, `ties` that without
    any. Train rows are means over the steps since the row before, eval rows over all pairs; `final` marks the last.

    Args:
        log: rows of the run's log.csv.
        beta: the run's.
        names: task, model, trial, data (real or synthetic).
    """
    table = []
    for split in ("train", "eval"):
        rows = [row for row in log if row["split"] == split]
        for row in rows:
            values = {column: row[name] for column, name in _LOGGED.items()}
            gap = float(values["margin"]) / beta
            fixed: Row = {"split": split, "beta": beta, "log_ratio_gap": gap, "final": str(row is rows[-1]).lower()}
            table.append(dict(names) | values | fixed)
    return table
