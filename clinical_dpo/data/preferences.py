"""Preference pairs: the reference answer preferred, the rejected one from where the task file says."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.io import Row


def preference_pairs(
    rows: Sequence[Row],
    policy: str,
    seed: int,
    labels: Sequence[str] = (),
    answers: Mapping[str, str] | None = None,
) -> tuple[list[Row], dict[str, Any]]:
    """TRL's prompt / chosen / rejected rows with `id` and `rejected_from`, and a report of what was dropped.

    `rejected_from` is the policy, or for `field` what wrote the answer, where the row says so (`written_by`).

    Args:
        rows: task rows (prompt, completion, and what the policy needs).
        policy: `other_label` takes the label not given; `random_distractor` draws one of the row's `options`;
            `field` takes its `rejected`; `sft_prediction` takes the SFT model's own answer.
        seed: of the draw; a row's draw depends on its id alone, not on its neighbours.
        labels: both labels, for `other_label`.
        answers: id -> answer, for `sft_prediction`.

    A pair whose answers are equal teaches nothing: from `sft_prediction` it is dropped and counted, from any other
    policy it is a mistake in the data.

    Raises:
        UserError: a row without what the policy needs, or with two equal answers.
    """
    pairs = []
    drops: Counter[str] = Counter()
    for row in rows:
        chosen = row["completion"][0]["content"]
        rejected = _rejected(row, chosen, policy, seed, labels, answers or {})
        if not rejected.strip() or rejected.strip() == chosen.strip():
            reason = "rejected answer is empty" if not rejected.strip() else "both answers are equal"
            if policy != "sft_prediction":
                raise UserError(f"row '{row['id']}': {reason} ('{chosen}', policy {policy}). Mend or remove the row.")
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
        raise PublicError(f"No preference pair is left of {len(rows)} rows (policy {policy}): {dict(drops)}.")
    return pairs, {"rows": len(rows), "pairs": len(pairs), "policy": policy, "drops": dict(drops)}


def _rejected(row: Row, chosen: str, policy: str, seed: int, labels: Sequence[str], answers: Mapping[str, str]) -> str:
    if policy == "other_label":
        return next(label for label in labels if label != chosen)
    needed = {"random_distractor": "options", "field": "rejected"}.get(policy)
    if needed and not row.get(needed):
        raise UserError(f"row '{row['id']}': field '{needed}' is missing or empty, and policy {policy} needs it.")
    if policy == "random_distractor":
        return random.Random(f"{seed}:{row['id']}").choice(row["options"])
    if policy == "field":
        return row["rejected"]
    if row["id"] not in answers:
        raise UserError(f"row '{row['id']}': the SFT model's answers do not hold it. Delete them and run again.")
    return answers[row["id"]]
