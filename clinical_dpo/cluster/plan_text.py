"""The plan of a run as text."""

from collections.abc import Iterable, Sequence

from clinical_dpo.cluster.plan import COLUMNS, ratio
from clinical_dpo.io import Row

BASIS = """\
GPU hours: of one A100, from the published minutes per 1,000 steps (Savage et al. 2025: classification 20 in SFT and 50
in DPO, summarization 50 and 160; all but labels counts as summarization), scaled by the weights of a model and the rows
of a step; without reading weights, a few minutes a job. At most: a second run ends at its plateau, an answer with its
last word. "asked for": what Slurm is asked for at the first attempt, twice that and half an hour a job. "took": of the
finished ones, training without loading; "took/plan": over what is planned for just them and the steps they ran.
Disk: base models in their own type (in HF_HOME; a second time where a revision has no safetensors), trained weights
in float32 (a LoRA by its rank, in DPO with the ranks of SFT); the best trials are hard links. A training job that runs
holds up to {checkpoints} GB of checkpoints beside that."""
WIDTHS = (-18, -36, 6, 9, 10, 10, 9, 9, 10)


def plan_text(costs: Sequence[Row], disk: Sequence[Row]) -> str:
    """What is told: hours by task and rule, disk by task, and what the numbers stand on.

    Args:
        costs: from `cost_rows`.
        disk: from `disk_rows`.
    """
    head = ("task", "rule", "jobs", "on a GPU", "GPU hours", "asked for", "finished", "took (h)", "took/plan")
    lines = [_aligned(head)]
    lines += [
        _aligned((task, f"{rule} {stage}".rstrip(), *_sums(rows)))
        for (task, rule, stage), rows in _grouped(costs, "task", "rule", "stage").items()
    ]
    lines += [_aligned(("all", "", *_sums(costs))), ""]
    kept = [row for row in disk if row["what"] != "checkpoints"]
    lines.append(_aligned(("disk", "", "folders", "", "GB", "", "there", "GB", "")))
    for (what, task), rows in [*_grouped(kept, "what", "task").items(), (("all", ""), kept)]:
        count, gb, found, found_gb = (sum(row[key] for row in rows) for key in ("count", "gb", "found", "found_gb"))
        lines.append(
            _aligned((task or what, what if task else "", count, "", _short(gb), "", found, _short(found_gb), ""))
        )
    running = max(row["gb_each"] for row in disk if row["what"] == "checkpoints")
    return "\n".join([*lines, "", BASIS.format(checkpoints=_short(running))])


def _grouped(rows: Iterable[Row], *keys: str) -> dict[tuple[str, ...], list[Row]]:
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def _sums(rows: Sequence[Row]) -> tuple[object, ...]:
    """A line's numbers, from its jobs to the ratio."""
    total = {key: sum(row[key] or 0 for row in rows) for key in COLUMNS[4:-1]}
    known = ratio(sum(row["took_hours"] for row in rows if row["ratio"]), total["finished_hours"])
    hours = (_short(total[key]) for key in ("hours", "asked_hours"))
    last = "" if known is None else f"{known:.2f}"
    return (total["jobs"], total["gpu_jobs"], *hours, total["finished"], _short(total["took_hours"]), last)


def _short(number: float) -> str:
    """Two digits, or one after the point; nothing for nothing."""
    return "" if not number else f"{number:,.1f}" if number >= 1 else f"{number:.2g}"


def _aligned(cells: Sequence[object]) -> str:
    """One line of the table."""
    pairs = zip(cells, WIDTHS, strict=True)
    return "".join(f"{cell!s:{'<' if width < 0 else '>'}{abs(width)}}" for cell, width in pairs).rstrip()
