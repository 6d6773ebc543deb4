"""The table of a task's DPO reward margins (Murphy 2024)."""

from collections.abc import Mapping, Sequence

from clinical_dpo.io import Row

COLUMNS = (
    *("task", "model", "trial", "split", "step", "epoch", "chosen", "rejected", "margin", "accuracy", "ties"),
    *("beta", "log_ratio_gap", "final", "data"),
)
_LOGGED = {  # column of COLUMNS -> column of the trainer's log
    **{"step": "step", "epoch": "epoch", "chosen": "rewards/chosen", "rejected": "rewards/rejected"},
    **{"margin": "rewards/margins", "accuracy": "rewards/accuracies", "ties": "rewards/ties"},
}


def margin_rows(log: Sequence[Mapping[str, str]], beta: float, names: Mapping[str, str]) -> list[Row]:
    """Rows with the columns COLUMNS: the rewards during one DPO run.

    The reward of an answer is beta x (log-probability under the policy - log-probability under the reference model),
    summed over the answer's tokens (Rafailov et al. 2023, eq. 5). Some of the columns are:

    - `margin`: the reward of the chosen answer minus the reward of the rejected answer.
    - `log_ratio_gap`: margin / beta, in nats. Its values can be compared between runs with different beta.
    - `accuracy` and `ties`: the share of pairs with a positive margin, and with a margin of zero.
    - `final`: true in the last row of each split, otherwise false.

    The numbers of a train row are means over the steps since the previous row. Those of an eval row are means over all
    pairs.

    Args:
        log: rows of the run's log.csv.
        beta: beta of the run.
        names: `task`, `model`, `trial` and `data` (real or synthetic), which are copied into the rows.
    """
    table = []
    for split in ("train", "eval"):
        rows = [row for row in log if row["split"] == split]
        for row in rows:
            values = {column: row[name] for column, name in _LOGGED.items()}
            gap = float(values["margin"]) / beta
            derived: Row = {"split": split, "beta": beta, "log_ratio_gap": gap, "final": str(row is rows[-1]).lower()}
            table.append(dict(names) | values | derived)
    return table
