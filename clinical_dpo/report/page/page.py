"""The report page: comparisons, verdicts and their certainty, graders, figures and costs."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from clinical_dpo.config.metrics import HEADLINES
from clinical_dpo.escaping import printable
from clinical_dpo.report.judge_words import bias_lines
from clinical_dpo.report.page import comparisons, tables
from clinical_dpo.report.page.comparisons import Rows, Tasks
from clinical_dpo.report.page.corrected import corrected_rows
from clinical_dpo.report.page.decisions import decision_rows
from clinical_dpo.report.page.label_rows import DETAILS, SENSITIVITIES, label_rows
from clinical_dpo.report.page.subgroups import subgroup_heads, subgroup_rows
from clinical_dpo.report.page.trivial import trivial_rows
from clinical_dpo.report.page.unreadable import changed_decisions
from clinical_dpo.report.rating_rounds import agreement_rows, what_to_send
from clinical_dpo.report.trivial_words import no_better
from clinical_dpo.variants import EXTERNAL, TITLES, arms_of, sorted_variants

TEMPLATE = Path(__file__).parent / "template"
ARMS_IN_WORDS = {
    "few_shot": "the base model with training rows as examples in its prompt",
    "sft_longer": "the SFT model after further training with the SFT loss, for as many steps as DPO",
    "dpo_sft": "DPO with a second loss, the SFT loss on the preferred answer",
}
KINDS = {  # kind of figure -> its heading on the page
    "figure2": "Figure 2",
    "confusion": "Confusion matrices",
    "reliability": "Reliability of probabilities",
    "subgroups": "Differences in subgroups",
    "reward_margin": "Reward margin",
    "training_curves": "Training curves",
    "sweep": "Sweeps",
    "cost": "Cost of training",
}


@dataclass(frozen=True)
class Drawing:
    """A figure on the page."""

    title: str
    caption: str  # how to read a figure of this kind
    svg: str  # text of the SVG file
    kind: str = "figure2"  # key of KINDS, and stem of the file with the caption
    task: str = ""  # the task that a figure 2 shows


Figure = tuple[Drawing, Markup]  # a drawing and its <svg> element


def report_page(
    *,
    metrics: Rows,
    stats: Rows,
    cost: Rows,
    decisions: Rows = (),
    trivial: Rows = (),
    corrected: Rows = (),
    judge_bias: Rows = (),
    unreadable: Rows = (),
    subgroups: Rows = (),
    tasks: Tasks,
    models: Mapping[str, str],
    drawings: Sequence[Drawing] = (),
    watermark: str | None = None,
    left_out: Mapping[str, str] | None = None,
    pending_ratings: Rows = (),
    agreement: Rows = (),
    seeds: Rows = (),
    published: Rows = (),
    contradictions: Rows = (),
    mixed_versions: Sequence[str] = (),
    ended_in_warmup: Sequence[str] = (),
    matched_runs: Sequence[str] = (),
) -> str:
    """Render the report page of a run as HTML. The page loads no other file and runs no script.

    The page contains neither patients' texts nor answers.

    Args:
        metrics: rows of all tasks with the columns `statistics.metrics.COLUMNS`, as computed or as read from CSV.
        stats: rows of all tasks with the columns `statistics.comparisons.COLUMNS`.
        cost: rows with the columns COLUMNS of the module `report.cost_table`.
        decisions: rows of reports/tables/decisions.csv.
        trivial: rows of reports/tables/trivial.csv (scores of answers that need no model).
        corrected: rows of reports/tables/corrected.csv (a judge's estimates, corrected by raters' grades).
        judge_bias: rows of reports/tables/judge_bias.csv (checks of judges).
        unreadable: rows of reports/tables/unreadable.csv (decisions under other rules for unreadable answers).
        subgroups: rows of reports/tables/subgroups.csv; empty without subgroups.
        tasks: task -> `title`, `description` and `metric` from its file.
        models: model, or name of external answers (made outside of the run) -> name shown.
        drawings: figures, in the order in which they are shown.
        watermark: the warning that the config puts on all numbers of the run, or None.
        left_out: name of what the run leaves out (a task, or external answers) -> reason.
        pending_ratings: rows about raters' sheets from `rating_rounds.with_sheet_files`, with `pending` (number of
            ratings still to come).
        agreement: rows of agreement.csv of all tasks.
        seeds: rows with the columns `statistics.training_seeds.COLUMNS`, for the tasks trained with several seeds.
        published: rows with the columns `papers.published.COLUMNS`; empty if the run is not compared with the papers.
        contradictions: rows from `tables.contradiction_rows`.
        mixed_versions: lines about libraries that differ between compared runs, from
            `training.run_record.mixed_versions`.
        ended_in_warmup: lines about training runs that ended in their warm-up, from
            `training.run_record.ended_in_warmup`.
        matched_runs: lines that compare how long the arm sft_longer and DPO were trained (steps and tokens), from
            `training.run_record.matched_runs`.
    """
    shown = [row for row in metrics if row["metric"] == HEADLINES[tasks[row["task"]]["metric"]]]
    variants = sorted_variants(row["variant"] for row in shown)
    answers = decision_rows(decisions, models, seeds)
    figures = [
        (drawing, inline_svg(drawing.svg, f"figure{number}-", drawing.title)) for number, drawing in enumerate(drawings)
    ]
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        style=Markup((TEMPLATE / "page.css").read_text(encoding="utf-8")),
        tasks=tasks,
        models=models,
        variants={name: TITLES[name] for name in variants},
        arms={TITLES[arm]: ARMS_IN_WORDS[arm] for arm in arms_of(variants)},
        shown_tasks=list(dict.fromkeys(row["task"] for row in shown)),
        shown_models=list(dict.fromkeys(row["model"] for row in shown if row["variant"] != EXTERNAL)),
        elsewhere=list(dict.fromkeys(row["model"] for row in shown if row["variant"] == EXTERNAL)),
        caveats=tables.caveats(shown, tasks, models, watermark, mixed_versions, ended_in_warmup),
        changed=changed_decisions(unreadable, tasks, models),
        trivial=trivial_rows(trivial, tasks, models),
        judges=bias_lines(judge_bias),
        corrected=corrected_rows(corrected, tasks, models),
        subgroups=subgroup_rows(subgroups, tasks, models),
        subgroup_heads=subgroup_heads(subgroups),
        answers=answers,
        sensitivities=label_rows(metrics, tasks, models, SENSITIVITIES),
        beside={task: [each for each in figures if _is_beside(each[0], [task])] for task in answers},
        how_to_read=list(dict.fromkeys(each.caption for each in drawings if _is_beside(each, answers))),
        tallies=comparisons.tallies(stats, no_better(trivial)),
        results=tables.result_rows(shown, stats, tasks, models, no_better(trivial)),
        comparisons=comparisons.comparison_rows(stats, tasks, models),
        label_rows=label_rows(metrics, tasks, models, DETAILS),
        seeds=comparisons.seed_table(seeds, tasks, models),
        grouped=comparisons.grouped(stats, tasks),
        trained_once=comparisons.trained_once(shown, seeds, tasks),
        thresholds=sorted({f"{float(row['threshold']):.3g}" for row in stats}),
        grading=tables.grading_rows(shown, tasks),
        pending=[row for row in shown if row["status"] == "pending"],
        pending_ratings=[{**row, "send": what_to_send(row)} for row in pending_ratings if int(row["pending"])],
        agreement=agreement_rows(agreement, {task: settings["title"] for task, settings in tasks.items()}),
        left_out=left_out or {},
        costs=tables.cost_table(cost, tasks, models),
        matched_runs=matched_runs,
        devices=sorted({row["device"] for row in cost}),
        published=tables.published_rows(published),
        not_comparable=sum(row["agrees"].startswith("not comparable") and row["task"] in tasks for row in published),
        contradictions=contradictions,
        drawings=_by_kind([each for each in figures if not _is_beside(each[0], answers)]),
    )


def _is_beside(drawing: Drawing, tasks: Collection[str]) -> bool:
    """Whether a drawing is shown beside a decision: its kind must be `figure2`, and its task must be in `tasks`."""
    return drawing.kind == "figure2" and drawing.task in tasks


def _by_kind(figures: Sequence[Figure]) -> list[tuple[str, str, list[Figure]]]:
    """Group figures by kind, and return (heading, caption, figures) for each kind, in the page's order."""
    kinds: dict[tuple[str, str], list[Figure]] = {}
    for drawing, svg in figures:
        kinds.setdefault((drawing.kind, drawing.caption), []).append((drawing, svg))
    return [(KINDS[kind], caption, of_kind) for (kind, caption), of_kind in kinds.items()]


def _printable(value: Any) -> Any:
    """Escape control characters of a text, and characters that change the writing direction.

    A value that is no text, or that is marked as HTML, stays unchanged.
    """
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def inline_svg(text: str, prefix: str, title: str) -> Markup:
    """Turn the text of an SVG file into an element of a page: no prolog, unique ids, and a title for screen readers.

    The element sets the CSS variable `--width` to the width of the drawing. page.css reads this variable.

    Args:
        text: content of the file, as matplotlib writes it.
        prefix: prefix of every id, so that no two figures of a page share an id.
        title: title of the figure.
    """
    svg = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)  # page.css has this rule
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}", svg)
    width = re.match(r'<svg [^>]*?\bwidth="([0-9.]+pt)"', svg)
    style = Markup('style="--width: {}" ').format(width[1]) if width else ""
    start = Markup('<svg role="img" aria-label="{}" {}').format(_printable(title), style)
    return Markup(svg.replace("<svg ", start, 1))
