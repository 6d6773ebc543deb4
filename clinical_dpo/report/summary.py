"""Summary of a run for the terminal: headline numbers, folders of the results, what was left out, pending grades."""

from collections.abc import Mapping, Sequence

from clinical_dpo.escaping import printable
from clinical_dpo.io import optional_number
from clinical_dpo.paths import comparison_name, parse_comparison
from clinical_dpo.report.amounts import margin_text
from clinical_dpo.report.decision_sentences import over_seeds
from clinical_dpo.report.judge_words import bias_lines
from clinical_dpo.report.p_values import F1_COMPARED, f1_significant, format_p, opposed, quantity_compared
from clinical_dpo.report.rating_rounds import what_to_send
from clinical_dpo.report.trivial_remarks import remarks
from clinical_dpo.report.trivial_words import trivial_name
from clinical_dpo.statistics.metrics import graded_items, mostly_unreadable
from clinical_dpo.variants import ARM_RIVALS, EXTERNAL, PAIRS, STAGES, TITLES, VARIANTS, arms_of

AWAITED = "Still awaited:"  # the line before the grades that are missing
Rows = Sequence[Mapping[str, str]]


def summary(
    metrics: Rows,
    stats: Rows,
    *,
    decisions: Rows = (),
    trivial: Rows = (),
    corrected: Rows = (),
    judge_bias: Rows = (),
    ties: Sequence[str] = (),
    headlines: Mapping[str, str],
    folders: Sequence[str],
    seeds: Rows,
    seeds_file: str,
    left_out: Mapping[str, str],
    pending_ratings: Rows,
    judges: Sequence[str] = (),
    mixed_versions: Sequence[str] = (),
    ended_in_warmup: Sequence[str] = (),
    matched_runs: Sequence[str] = (),
) -> str:
    """Return the text of the summary: headline metrics, then notes on the results, and last the pending grades.

    For each task, the headline metric has one line for every model, one line for every arm of a model (a further
    variant), and one line for every set of external answers (made outside of the run). The values of all rows are
    strings, as `io.read_csv` returns them.

    Args:
        metrics: rows of all tasks with the columns `statistics.metrics.COLUMNS`.
        stats: rows of all tasks with the columns `statistics.comparisons.COLUMNS`.
        decisions: rows of reports/tables/decisions.csv.
        trivial: rows of reports/tables/trivial.csv (scores of answers that need no model).
        corrected: rows of reports/tables/corrected.csv (a judge's estimates, corrected by raters' grades).
        judge_bias: rows of reports/tables/judge_bias.csv (checks of judges).
        ties: texts about the sweeps in which several trials have the best score, from `sweep.selection.ties`.
        headlines: task -> name of its headline metric.
        folders: texts that say where the results are, such as "Figures: reports/demo/figures".
        seeds: rows of all tasks with the columns `statistics.training_seeds.COLUMNS`; empty with one training seed.
        seeds_file: path of the table with the rows of `seeds`.
        left_out: name of what the run leaves out (a task, or external answers) -> reason.
        pending_ratings: rows from `rating_rounds.with_sheet_files`, one per task, model, sheet and rater. Only sheets
            that a result table needs have rows. `pending` is the number of ratings still to come.
        judges: texts about the pending grades of judges.
        mixed_versions: from `training.run_record`: lines about libraries that differ between compared runs.
        ended_in_warmup: from `training.run_record`: lines about training runs that ended in their warm-up.
        matched_runs: from `training.run_record`: lines with steps and tokens of the arm sft_longer and of DPO.
    """
    comparisons = [comparison_name(*pair) for pair in PAIRS]
    width = max([len("P: SFT-base"), *(len(_p(row)) for row in stats if row["comparison"] in comparisons)])
    heads = "  ".join(f"{name:>{width}}" for name in ("P: SFT-base", "DPO-SFT", "DPO-base"))
    shown = [row for row in metrics if row["metric"] == headlines[row["task"]]]
    names = [(row["task"], row["model"], row["metric"]) for row in shown]
    # Two blanks follow the longest name of each column.
    widths = [max([least, *(len(name[i]) for name in names)]) + 2 for i, least in enumerate((15, 19, 11))]

    def named(task: str, model: str, metric: str) -> str:
        return "".join(f"{name:<{size}}" for name, size in zip((task, model, metric), widths, strict=True))

    lines = [f"{named('task', 'model', 'metric')}{'base':<19}{'SFT':<19}{'DPO':<19}{heads}"]
    tested = {(row["task"], row["model"], row["comparison"]): row for row in stats}
    for task, model in dict.fromkeys((row["task"], row["model"]) for row in shown):
        bars = {row["variant"]: row for row in shown if (row["task"], row["model"]) == (task, model)}
        if EXTERNAL in bars:
            comparison = comparison_name("dpo", model)
            against = [row for row in stats if (row["task"], row["comparison"]) == (task, comparison)]
            p_values = "  ".join(f"DPO of {row['model']} {_p(row)}" for row in against)
            cell = f"elsewhere {_estimate(bars[EXTERNAL])}"
            lines.append(f"{named(task, model, headlines[task])}{cell:<38}P: {p_values}{_marks(bars[EXTERNAL])}")
            continue
        cells = "".join(f"{_estimate(bars[variant]):<19}" for variant in VARIANTS)
        p_values = "  ".join(f"{_p(tested[task, model, comparison]):>{width}}" for comparison in comparisons)
        lines.append(f"{named(task, model, headlines[task])}{cells}{p_values}{_marks(*bars.values())}")
        for arm in arms_of(bars):
            p_values = "  ".join(
                f"vs {TITLES[rival]} {_p(tested[task, model, comparison_name(arm, rival)])}" for rival in ARM_RIVALS
            )
            cell = f"{TITLES[arm]} {_estimate(bars[arm])}"
            lines.append(f"{named(task, model, headlines[task])}{cell:<38}P: {p_values}")
    lines += [
        "",
        "Estimates have 95% intervals. P is two-sided and uncorrected. * marks P below the Bonferroni threshold.",
    ]
    lines += _compared(stats) + _opposed_lines(stats) + _study_wide(stats)
    lines += [
        *_decisions(decisions, seeds),
        *_corrected(corrected),
        *_judges(judge_bias),
        *_trivial(trivial, headlines),
        *_unreadable(shown),
    ]
    lines += [f"Equal scores on dev, so the lower eval loss decided: {'; '.join(ties)}."] if ties else []
    lines += ["   ".join(folders)]
    repeated = dict.fromkeys("{task} (seeds {seeds})".format(**row) for row in seeds)
    lines += [f"Results over several training seeds: {seeds_file}   {', '.join(repeated)}"] if repeated else []
    lines += [f"Left out: {name} ({reason})" for name, reason in left_out.items()]
    lines += [
        f"Compared numbers come from different versions of a library: {difference}" for difference in mixed_versions
    ]
    lines += [f"Hardly trained, since training ended in its warm-up: {run}" for run in ended_in_warmup]
    lines += [f"Matched by steps: {run}" for run in matched_runs]
    pending = [
        "  {grader}: {n} answers of {task}/{model}/{variant}".format(**row)
        for row in shown
        if row["status"] == "pending" and row["grader"] == "judge"
    ]
    pending += [
        "  {rater}: {pending} of {n} items of sheet {sheet}, {task}/{model}; ".format(**row) + what_to_send(row)
        for row in pending_ratings
        if row["pending"] != "0"
    ]
    pending += [f"  {text}" for text in judges]
    if pending:
        lines += ["", AWAITED, *pending]
    return printable("\n".join(lines)) + "\n"


def _estimate(row: Mapping[str, str]) -> str:
    if row["status"] == "pending":
        return "pending"
    if not row["estimate"]:
        return "not defined"
    interval = f" ({float(row['ci_low']):.2f}-{float(row['ci_high']):.2f})" if row["ci_low"] else ""
    return f"{float(row['estimate']):.2f}{interval}"


def _p(row: Mapping[str, str]) -> str:
    """Return a comparison's P value as text, with an asterisk if it is significant; "pending" for a pending comparison.

    If the comparison also has a P value for F1, it follows after a slash, with an asterisk if it is significant.
    """
    if row["status"] == "pending":
        return "pending"
    levels = [float(row["threshold"])] if row["threshold"] else []
    shown = format_p(optional_number(row["p_value"]), *levels)
    shown += "*" if row["significant"] == "true" else ""
    if row["p_f1_permutation"]:
        f1 = format_p(float(row["p_f1_permutation"]), *levels)
        shown += f"/{f1}{'*' if f1_significant(row) else ''}"
    return shown


def _compared(stats: Rows) -> list[str]:
    """Return one line with the quantities that the P values compare, such as the right answers of two variants.

    The list is empty if `effect_measure` and the P of F1 are empty in all rows.
    """
    quantities = dict.fromkeys(quantity_compared(row) for row in stats if row["effect_measure"])
    words = ["; ".join(quantities)] if quantities else []
    words += [f"P after a slash: {F1_COMPARED}"] if any(row["p_f1_permutation"] for row in stats) else []
    return [f"What P compares: {'. '.join(words)}."] if words else []


def _opposed_lines(stats: Rows) -> list[str]:
    """Make a line for each comparison in which F1 and the share of right answers favour different variants."""
    return [
        f"F1 and right answers point different ways: {row['task']}, {row['model']}, {row['comparison']}: F1 "
        f"{float(row['secondary_effect']):+.2f}, right answers {100 * float(row['effect']):+.1f} points"
        for row in stats
        if opposed(row)
    ]


def _study_wide(stats: Rows) -> list[str]:
    """Make lines with the number of comparisons that are significant after Holm's correction over the whole study.

    The first line is about the comparisons without arms. The second line is about the comparisons of arms (variants
    that a task file adds). A line is left out if none of its comparisons has an adjusted P value (`p_holm_study`).
    """
    lines = []
    of_arms = [bool(arms_of(parse_comparison(row["comparison"]))) for row in stats]
    for arms, words in ((False, "all {} comparisons of the study"), (True, "all {} comparisons of arms")):
        rows = [row for row, of_arm in zip(stats, of_arms, strict=True) if of_arm is arms]
        adjusted = [(float(row["p_holm_study"]), float(row["alpha"])) for row in rows if row["p_holm_study"]]
        if adjusted:
            below, alpha = sum(p < level for p, level in adjusted), f"{adjusted[0][1]:g}".removeprefix("0")
            lines.append(
                f"After Holm's correction, P is below {alpha} in {below} of {words.format(len(rows))} (p_holm_study of "
                "stats.csv)."
            )
    return lines


def _decisions(decisions: Rows, seeds: Rows) -> list[str]:
    """Lines that say for each task and model whether SFT is enough, and one line with the margins of all tasks."""
    answers = [row for row in decisions if row["sentence"]]
    if not answers:
        return []
    margins = {
        row["task"]: f"{row['task']} {margin_text(row['metric'], float(row['margin']))} ({row['margin_source']})"
        for row in answers
    }
    lines = [f"  {row['task']}, {row['model']}: {row['sentence']}{over_seeds(row, seeds)}" for row in answers]
    return ["", "Is SFT enough?", *lines, f"Margins: {'; '.join(margins.values())}.", ""]


def _corrected(corrected: Rows) -> list[str]:
    """Make a heading, and a line for each variant whose grades are complete. Without such variants the list is empty.

    A line has the raters' estimate on a sample, the judge's estimate, and the estimate that counts. The estimate that
    counts is the judge's estimate, corrected by the sample. If the corrected estimate has no reliable interval, the
    raters' estimate counts.
    """
    lines = [
        f"  {row['task']}, {row['model']}, {TITLES[row['compared']]}: raters' sample "
        f"{float(row['sample_estimate']):.2f}, judge {float(row['judge_estimate']):.2f}, the estimate that counts "
        f"{_estimate(row)} ({row['basis']}, {row['rated']} of {row['items']} items rated, {row['corrections']} "
        "corrections)"
        for row in corrected
        if row["compared"] in TITLES and row["status"] == "complete"
    ]
    return ["Raters and judge:", *lines] if lines else []


def _judges(judge_bias: Rows) -> list[str]:
    """Make a heading, and a line for each warning from the checks of judges. Without warnings the list is empty."""
    lines = [f"  {line}" for line in bias_lines(judge_bias, only_suspicious=True)]
    return ["Warnings about judges:", *lines] if lines else []


def _trivial(trivial: Rows, headlines: Mapping[str, str]) -> list[str]:
    """Make lines with the scores of trivial answers, and with remarks on the base model and the arms.

    A trivial answer gives every item the same label. A remark says that a variant is not shown to beat a trivial
    answer, or that it nearly always gives one label. The remarks on SFT and DPO are in the sentences of the decisions.
    """
    scored = [
        f"{row['task']}, {trivial_name(row)}: {headlines[row['task']]} "
        + (f"{float(row[headlines[row['task']]]):.2f}" if row[headlines[row["task"]]] else "not defined")
        for row in trivial
        if not row["model"]
    ]
    lines = [f"Scores of answers that need no model: {'; '.join(scored)}."] if scored else []
    for row in trivial:
        variant = row["variant"] if row["model"] and row["variant"] not in STAGES else None
        if variant and (words := remarks(trivial, row["task"], row["model"], variant)):
            lines.append(f"  {row['task']}, {row['model']}: {' '.join(words)}")
    return lines


def _unreadable(shown: Rows) -> list[str]:
    """Make a line that names the variants with mostly unreadable answers. Without such variants there is no line."""
    named = [
        f"{row['task']}, {row['model']}, {TITLES.get(row['variant'], 'external')} ({float(row['invalid_rate']):.0%})"
        for row in mostly_unreadable(shown)
    ]
    return [f"Nothing was measured, since most answers cannot be read: {'; '.join(named)}."] if named else []


def _cut(row: Mapping[str, str]) -> str:
    """Text with shares of a variant's answers, such as "3% cut at max_new_tokens, 90% with a thought".

    There are three shares: answers cut off at `max_new_tokens`, answers with a thought, and answers cut off inside the
    thought. A thought is what a reasoning model writes before its answer. Shares that are 0 or unknown are left out, so
    the text may be "".
    """
    shares = (
        (row["cut_rate"], "cut at max_new_tokens"),
        (row["thought_rate"], "with a thought"),
        (row["cut_in_thought_rate"], "cut inside the thought"),
    )
    return ", ".join(f"{float(share):.0%} {words}" for share, words in shares if share and float(share) > 0)


def _marks(*rows: Mapping[str, str]) -> str:
    """Return the text in brackets at the end of a line of the table; "" if there is nothing to say.

    Example: "  [n=638, SFT: 3% cut at max_new_tokens, synthetic data, proxy grades (rouge_likert)]". n is the number of
    graded items. A variant's name is followed by the text that `_cut` returns for this variant. Parts that do not apply
    are left out.

    Args:
        rows: the variants of the line, as rows of the metrics table. The parts about data and grader come from the
            first row.
    """
    row, n = rows[0], graded_items(rows)
    marks = [f"n={n}"] if n else []
    marks += [f"{TITLES.get(row['variant'], row['variant'])}: {words}" for row in rows if (words := _cut(row))]
    marks += ["synthetic data"] if row["data"] == "synthetic" else []
    marks += [f"proxy grades ({row['grader']})"] if row["proxy"] == "true" else []
    return f"  [{', '.join(marks)}]" if marks else ""
