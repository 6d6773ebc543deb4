"""The plan of a run as text."""

from collections.abc import Iterable, Mapping, Sequence

from clinical_dpo.cluster.plan import COLUMNS, ratio
from clinical_dpo.io import Row

BASIS = """\
GPU hours are hours of one A100. They scale the published minutes per 1,000 steps (Savage et al. 2025: classification 20
in SFT and 50 in DPO, summarization 50 and 160; all tasks without labels count as summarization) by the weights of a
model and the rows of a step. GPU hours do not include the reading of weights, which takes a few minutes per job. They
are upper bounds: a second run ends at its plateau, and an answer may be short. "requested" is the request to Slurm at
the first attempt: twice the estimate, plus half an hour per job. "took" is the time of the finished jobs. For training,
it does not include loading. "took/plan" is this time divided by the estimate for the same jobs and steps.
Disk: base models have their own type. They are in HF_HOME, and twice if a revision has no safetensors. Trained weights
are float32. The size of a LoRA follows from its rank, and in DPO also from the ranks of SFT. The best trials are hard
links. Each running training job has up to {checkpoints} GB of checkpoints in addition."""
WIDTHS = (-18, -36, 6, 9, 10, 10, 9, 9, 10)


def plan_text(costs: Sequence[Row], disk: Sequence[Row], generated: Mapping[str, str]) -> str:
    """The plan as text: hours by task and rule, disk space by task, and the basis of the estimates.

    Args:
        costs: from `cost_rows`.
        disk: from `disk_rows`.
        generated: task -> reason why it runs on generated text; these tasks are marked with *.
    """
    head = ("task", "rule", "jobs", "on a GPU", "GPU hours", "requested", "finished", "took (h)", "took/plan")
    lines = [_aligned(head)]
    lines += [
        _aligned((f"{task}{'*' * (task in generated)}", f"{rule} {stage}".rstrip(), *_sums(rows)))
        for (task, rule, stage), rows in _grouped(costs, "task", "rule", "stage").items()
    ]
    lines += [_aligned(("all", "", *_sums(costs))), ""]
    lines += [_on_generated_text(costs, generated), ""] if generated else []
    stored = [row for row in disk if row["what"] != "checkpoints"]
    lines.append(_aligned(("disk", "", "folders", "", "GB", "", "there", "GB", "")))
    for (kind, task), rows in [*_grouped(stored, "what", "task").items(), (("all", ""), stored)]:
        count, gb, existing, existing_gb = (
            sum(row[key] for row in rows) for key in ("count", "gb", "found", "found_gb")
        )
        lines.append(
            _aligned((task or kind, kind if task else "", count, "", _short(gb), "", existing, _short(existing_gb), ""))
        )
    running = max(row["gb_each"] for row in disk if row["what"] == "checkpoints")
    return "\n".join([*lines, "", BASIS.format(checkpoints=_short(running))])


def _on_generated_text(costs: Sequence[Row], generated: Mapping[str, str]) -> str:
    """The tasks with generated text, with the reason of each, and the hours of all."""
    hours = sum(row["hours"] or 0 for row in costs if row["task"] in generated)
    spent = f", {_short(hours)} of the GPU hours" if hours else ""
    return "\n".join([f"* on generated text{spent}:", *(f"  {task}: {reason}" for task, reason in generated.items())])


def _grouped(rows: Iterable[Row], *keys: str) -> dict[tuple[str, ...], list[Row]]:
    """Values of some columns -> rows with these values."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def _sums(rows: Sequence[Row]) -> tuple[object, ...]:
    """The numbers in a line of the table, from the number of jobs to the ratio."""
    total = {key: sum(row[key] or 0 for row in rows) for key in COLUMNS[4:-1]}
    share = ratio(sum(row["took_hours"] for row in rows if row["ratio"]), total["finished_hours"])
    hours = (_short(total[key]) for key in ("hours", "asked_hours"))
    ratio_cell = "" if share is None else f"{share:.2f}"
    return (total["jobs"], total["gpu_jobs"], *hours, total["finished"], _short(total["took_hours"]), ratio_cell)


def _short(number: float) -> str:
    """A number with one decimal, or below 1 with two digits; empty for 0."""
    return "" if not number else f"{number:,.1f}" if number >= 1 else f"{number:.2g}"


def _aligned(cells: Sequence[object]) -> str:
    """One line of the table."""
    pairs = zip(cells, WIDTHS, strict=True)
    return "".join(f"{cell!s:{'<' if width < 0 else '>'}{abs(width)}}" for cell, width in pairs).rstrip()
