"""Build preference pairs from task rows.

The chosen answer of a pair is the reference answer. The task file's key `rejected_source` sets the source of the
rejected answer.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.data.other_label import other_label
from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.records import Pair, TaskRow


def preference_pairs(
    rows: Sequence[TaskRow],
    policy: str,
    seed: int,
    labels: Sequence[str] = (),
    answers: Mapping[str, str] | None = None,
    weights: str = "uniform",
    where: str = "train.jsonl",
) -> tuple[list[Pair], dict[str, Any]]:
    """Return preference pairs, and a report that counts the dropped rows.

    Each pair states the source of its rejected answer as `rejected_from`. This source is `policy`, with one
    exception. If `policy` is `field` and the row's `written_by` names the writer of the rejected answer, then
    `rejected_from` is the name of this writer.

    A row is of no use if its two answers are equal or its rejected answer is empty. If `policy` is `sft_prediction`,
    such a row is dropped and counted. With any other policy, such a row is an error in the data.

    Args:
        rows: task rows, with the fields that the policy needs.
        policy: source of the rejected answer. `other_label` draws one of the labels that are not the reference answer.
            `random_distractor` draws one of the row's `options`. `field` takes the row's `rejected`. `sft_prediction`
            takes the SFT model's answer.
        seed: seed of the draw. The draw for a row depends on the seed and the row's id, not on other rows.
        labels: all labels, for policy `other_label`.
        answers: id -> answer of the SFT model, for policy `sft_prediction`.
        weights: `uniform` or `near`, for policy `other_label` (see `other_label.other_label`).
        where: file of the rows, for messages.

    Returns:
        The pairs; and a report with `rows` (number of rows), `pairs` (number of pairs), `policy` and `drops` (reason ->
        number of dropped rows).

    Raises:
        UserError: a row lacks what the policy needs; no pair is left; or, with a policy other than `sft_prediction`, a
            row has two equal answers or an empty rejected answer.
    """
    pairs: list[Pair] = []
    drops: Counter[str] = Counter()
    for row in rows:
        chosen = row["completion"][0]["content"]
        try:
            rejected = _rejected(row, chosen, policy, seed, labels, answers or {}, weights)
        except UserError as error:
            raise error.within(f"{where}, row '{row['id']}': ") from None
        if not rejected.strip() or rejected.strip() == chosen.strip():
            reason = "rejected answer is empty" if not rejected.strip() else "both answers are equal"
            if policy != "sft_prediction":
                raise UserError(
                    f"{where}, row '{row['id']}': {reason}. The chosen answer is '{chosen}', and the rejected answer "
                    f"comes from `rejected_source: {policy}`. Correct or remove the row."
                )
            drops[reason] += 1
            continue
        pairs.append(
            {
                "id": row["id"],
                "prompt": row["prompt"],
                "chosen": row["completion"],
                "rejected": [{"role": "assistant", "content": rejected}],
                "rejected_from": row.get("written_by", {}).get("rejected", policy) if policy == "field" else policy,
            }
        )
    if not pairs:
        raise PublicError(
            f"{where}: none of the {len(rows)} rows gives a preference pair with `rejected_source: {policy}`. Number "
            f"of dropped rows by reason: {dict(drops)}. Set another `rejected_source` in the task file."
        )
    return pairs, {"rows": len(rows), "pairs": len(pairs), "policy": policy, "drops": dict(drops)}


def _rejected(
    row: TaskRow,
    chosen: str,
    policy: str,
    seed: int,
    labels: Sequence[str],
    answers: Mapping[str, str],
    weights: str,
) -> str:
    if policy == "other_label":
        return other_label(chosen, labels, random.Random(f"{seed}:{row['id']}"), weights)
    needed = {"random_distractor": "options", "field": "rejected"}.get(policy)
    if needed and not row.get(needed):
        raise UserError(
            f"field '{needed}' is missing or empty, but `rejected_source: {policy}` needs this "
            "field. Fill in the field, or remove the row."
        )
    if policy == "random_distractor":
        return random.Random(f"{seed}:{row['id']}").choice(row["options"])
    if policy == "field":
        return row["rejected"]
    if row["id"] not in answers:
        raise UserError(
            "the file of the SFT model's answers (train.answers.jsonl or eval.answers.jsonl in preferences/) has no "
            "answer for this row. Delete the file and run again."
        )
    return answers[row["id"]]
