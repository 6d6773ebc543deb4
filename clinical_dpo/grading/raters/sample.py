"""Draw the random sample of test items that raters grade."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence

from clinical_dpo.records import TaskRow


def sampled_rows(rows: Sequence[TaskRow], size: int | None, seed: int) -> list[TaskRow]:
    """Return a random sample of the test rows, in the order of the rows.

    The sample depends on ids, labels and seed alone, so that all variants and models have the same items. A larger
    sample contains every smaller sample, so that ratings stay valid when the sample grows. If the rows have labels,
    each label has its share of the sample, up to rounding.

    Args:
        rows: test rows.
        size: number of rows; None for all rows. A number above the number of rows takes all rows.
        seed: seed of the draw.
    """
    if size is None or size >= len(rows):
        return list(rows)
    strata: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        strata[row.get("label", "")].append(row["id"])
    ranked = []
    for label, ids in strata.items():
        ids.sort(key=lambda row_id: _draw(seed, row_id))
        # The item of rank k among n items has the key (k + 1/2) / n, so that all strata fill up at the same rate.
        ranked += [((rank + 0.5) / len(ids), label, row_id) for rank, row_id in enumerate(ids)]
    drawn = {row_id for _, _, row_id in sorted(ranked)[:size]}
    return [row for row in rows if row["id"] in drawn]


def _draw(seed: int, row_id: str) -> str:
    """Return a pseudo-random text that depends on the seed and the id of a row.

    The rows are in random order when they are sorted by this text.
    """
    return hashlib.sha256(json.dumps(["rated sample", seed, row_id]).encode()).hexdigest()
