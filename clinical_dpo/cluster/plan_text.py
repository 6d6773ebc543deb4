"""The plan of a run as text."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap
from typing import Any

from clinical_dpo.cluster.job_times import ASSUMED_RANGE, ASSUMED_SHARE
from clinical_dpo.cluster.plan import COLUMNS, ratio
from clinical_dpo.cluster.row_tokens import ASSUMED, COUNTED
from clinical_dpo.cluster.text_table import text_table
from clinical_dpo.io import Row

BASIS = """\
"hours" are hours of one {cards}. The plan counts the operations and the memory traffic of the rows' tokens. It assumes
that the card reaches a share of its peak speed, and adds the start of each job. {shares}

{tokens}. The run after a probe counts with all steps, although it ends at the plateau. "requested" is the request to
Slurm at the first attempt: twice the estimate at a share of {assumed:g}, plus half an hour per job. "took" is the time
of finished jobs. "took/plan" is this time divided by the plan at a share of {assumed:g} for the same jobs and steps.
"article" is what Savage et al. 2025 print for runs of these steps on one A100: for 1,000 steps of classification, 20
minutes of SFT and 50 of DPO; for 1,000 steps of summarization, 50 and 160. Their software differs from this one, so do
not plan with these hours.

Disk: base models are stored in their own number type. They are in HF_HOME, twice if a revision has no safetensors
file. Trained weights are stored as float32. The size of a LoRA follows from its rank; after SFT it includes the ranks
of SFT. The best trials are hard links and need no space of their own. Each running training job needs up to
{checkpoints} GB more for checkpoints. A probe stores its weights if its eval loss is lowest at its end: at most
{probes} GB for all probes. The target `free` deletes the weights of probes and of trials that were not chosen."""
SOURCES = {COUNTED: "counted by the tokenizer", ASSUMED: "assumed, because the rows and the key `tokens` are missing"}
HEAD = (
    *("task", "rule", "jobs", "on a GPU", "hours", "(range)", "requested", "article", "finished", "took (h)"),
    "took/plan",
)
MANY_PASSES = 20  # passes over the training rows; the plan mentions tasks with more


def plan_text(
    costs: Sequence[Row],
    disk: Sequence[Row],
    generated: Mapping[str, str],
    errors: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The plan as text: hours by task and rule, disk space by task, and the basis of the estimates.

    Args:
        costs: from `cost_rows`.
        disk: from `disk_rows`.
        generated: task -> reason why it runs on generated text; these tasks are marked with *.
        errors: from `plan_errors`: how much the planned times of finished jobs differ from their measured times. Empty
            before a job has finished.
    """
    jobs: list[Sequence[object]] = [HEAD]
    jobs += [
        (f"{task}{'*' * (task in generated)}", f"{rule} {stage}".rstrip(), *_sums(rows))
        for (task, rule, stage), rows in _grouped(costs, "task", "rule", "stage").items()
    ]
    lines = [*text_table([*jobs, ("all", "", *_sums(costs))], (0, 1)), "", *_pass_lines(costs), *_error_lines(errors)]
    lines += [_on_generated_text(costs, generated), ""] if generated else []
    stored = [row for row in disk if row["what"] in ("base model", "trained")]
    folders: list[Sequence[object]] = [("disk", "weights", "folders", "GB", "there", "GB there")]
    for (kind, task), rows in [*_grouped(stored, "what", "task").items(), (("all", ""), stored)]:
        count, gb, existing, existing_gb = (
            sum(row[key] for row in rows) for key in ("count", "gb", "found", "found_gb")
        )
        names = (task or kind, kind if task else "")
        folders.append((*names, count, _short(gb), existing, _short(existing_gb)))
    running = max(row["gb_each"] for row in disk if row["what"] == "checkpoints")
    basis = BASIS.format(
        cards=" or one ".join(dict.fromkeys(row["card"] for row in costs)),
        shares=_shares(costs),
        tokens=_token_sources(costs),
        assumed=ASSUMED_SHARE,
        checkpoints=_short(running),
        probes=_short(sum(row["gb"] for row in disk if row["what"] == "probe weights")) or "0",
    )
    lines += text_table(folders, (0, 1))
    return "\n".join([*lines, "", *(line for paragraph in basis.split("\n\n") for line in wrap(paragraph, 120))])


def _pass_lines(costs: Sequence[Row]) -> list[str]:
    """Return a line for each task with a run that makes more than MANY_PASSES passes over the training rows.

    A last line says how to reduce the cost. Without such a task, there are no lines.
    """
    most: dict[str, float] = {}
    for row in costs:
        most[row["task"]] = max(most.get(row["task"], 0), row["passes"] or 0)
    often = {task: passes for task, passes in most.items() if passes > MANY_PASSES}
    lines = [f"{task}: a run trains {passes:.0f} times on each training row." for task, passes in often.items()]
    return (
        [*lines, "To reduce the cost, set a lower max_steps or epochs, or another preset (docs/costs.md).", ""]
        if lines
        else []
    )


def _error_lines(errors: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return lines of text: a table that compares planned and measured times of finished jobs, and a note.

    The table has one row per kind of job. The note explains the column `error of plan`. Without finished jobs, there
    are no lines.
    """
    if not errors:
        return []
    table: list[Sequence[object]] = [("finished jobs", "jobs", "share", "(range)", "took/plan", "error of plan")]
    for row in errors:
        error = "" if row["error"] is None else f"{row['error']:.0%}"
        spread, times = f"{row['low']:.2g} to {row['high']:.2g}", f"{row['assumed_ratio']:.2f}"
        table.append((row["kind"], row["jobs"], f"{row['share']:.2g}", spread, times, error))
    note = "error of plan: the error for a typical job that is planned from the other finished jobs of its kind"
    return [*text_table(table), note, ""]


def _shares(costs: Sequence[Row]) -> str:
    """Text on the share of the card's peak speed that jobs reach: assumed, or measured on finished jobs."""
    low, high = ASSUMED_RANGE
    if all(row["share"] == ASSUMED_SHARE for row in costs):
        return f"Until jobs have finished, the share is assumed: {ASSUMED_SHARE:g}, range {low:g} to {high:g}."
    return (
        "The share and its range are those of the finished jobs of the same kind. If no job of the kind has finished, "
        "SFT, DPO and the reference model use each other's share. If none of these has finished either, the share is "
        f"assumed: {ASSUMED_SHARE:g}."
    )


def _token_sources(costs: Sequence[Row]) -> str:
    """A line that says where each task's token numbers come from: `Tokens: counted by the tokenizer (TASK, ...)`."""
    tasks: dict[str, list[str]] = {}
    for source, task in dict.fromkeys((row["tokens_from"], row["task"]) for row in costs):
        tasks.setdefault(SOURCES.get(source, "as the task file states"), []).append(task)
    return "Tokens: " + "; ".join(f"{source} ({', '.join(names)})" for source, names in tasks.items())


def _on_generated_text(costs: Sequence[Row], generated: Mapping[str, str]) -> str:
    """Lines about the tasks that run on generated text: their total hours, then the reason for each task."""
    hours = sum(row["hours"] or 0 for row in costs if row["task"] in generated)
    spent = f", {_short(hours)} of the GPU hours" if hours else ""
    return "\n".join([f"* on generated text{spent}:", *(f"  {task}: {reason}" for task, reason in generated.items())])


def _grouped(rows: Iterable[Row], *keys: str) -> dict[tuple[str, ...], list[Row]]:
    """Group rows by their values in some columns: tuple of values -> rows."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def _sums(rows: Sequence[Row]) -> tuple[object, ...]:
    """Sum rows for one line of the plan's table, and return the line's cells from "jobs" to "took/plan"."""
    total = {key: sum(row[key] or 0 for row in rows) for key in COLUMNS if key.endswith(("jobs", "hours", "finished"))}
    low, high = (sum(row[key] for row in rows) for key in ("hours_low", "hours_high"))
    share = ratio(sum(row["took_hours"] for row in rows if row["ratio"]), total["finished_hours"])
    requested, article, took = (_short(total[key]) for key in ("asked_hours", "article_hours", "took_hours"))
    spread = f"{_short(low)} - {_short(high)}"
    ratio_cell = "" if share is None else f"{share:.2f}"
    jobs = (total["jobs"], total["gpu_jobs"])
    return (*jobs, _short(total["hours"]), spread, requested, article, total["finished"], took, ratio_cell)


def _short(number: float) -> str:
    """A number as text: with one decimal, or with two significant digits if the number is below 1. Empty for 0."""
    return "" if not number else f"{number:,.1f}" if number >= 1 else f"{number:.2g}"
