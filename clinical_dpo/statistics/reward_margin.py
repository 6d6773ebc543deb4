"""The table of a task's reward margins (Murphy 2024)."""

from collections.abc import Mapping, Sequence

from clinical_dpo.io import Row

COLUMNS = (
    *("task", "model", "trial", "split", "step", "epoch", "chosen", "rejected", "margin", "accuracy", "ties"),
    *("beta", "log_ratio_gap", "final", "data"),
)
_LOGGED = {  # column of a reward margin -> column of a trainer's log
    **{"step": "step", "epoch": "epoch", "chosen": "rewards/chosen", "rejected": "rewards/rejected"},
    **{"margin": "rewards/margins", "accuracy": "rewards/accuracies", "ties": "rewards/ties"},
}


def margin_rows(log: Sequence[Mapping[str, str]], beta: float, names: Mapping[str, str]) -> list[Row]:
    """Rows of COLUMNS: the rewards of one DPO run, step by step.

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
