"""The summary of a run: numbers, marks, and awaited grades last."""

from clinical_dpo.report.rating_rounds import with_sheet_files
from clinical_dpo.report.summary import summary
from clinical_dpo.statistics import comparisons as significance
from clinical_dpo.statistics import metrics
from tests.helpers.corrected_rows import corrected_row, pending_row
from tests.helpers.decision_rows import decision_row
from tests.helpers.trivial_rows import YES_TO_ALL, trivial_rows

COMPARISONS = {"sft_vs_base": "0.0004", "dpo_vs_sft": "0.048", "dpo_vs_base": "0.0119"}


def rows_of(task, metric, **fields):
    """Metrics and comparisons of one task and model, as read from CSV."""
    estimates = {"base": ("0.5012", "0.4", "0.6"), "sft": ("0.75", "0.7", "0.8"), "dpo": ("0.9", "", "")}
    shared = {"task": task, "model": "llama", "grader": "label", "proxy": "false", "data": "real", "status": "complete"}
    bars = [
        dict.fromkeys(metrics.COLUMNS, "")
        | shared
        | {"variant": variant, "metric": metric, "estimate": estimate, "ci_low": low, "ci_high": high, "n": "200"}
        | fields
        for variant, (estimate, low, high) in estimates.items()
    ]
    tests = [
        dict.fromkeys(significance.COLUMNS, "")
        | shared
        | {"comparison": comparison, "p_value": p, "significant": "true" if float(p) < 0.0125 else "false", "n": "200"}
        | {"threshold": "0.0125", "alpha": "0.05"}
        | fields
        for comparison, p in COMPARISONS.items()
    ]
    return bars, tests


def test_tasks_with_several_seeds_are_named_once():
    repeated = [{"task": "uti", "seeds": "42 43"}] * 3
    text = text_of(rows_of("uti", "f1"), seeds=repeated)
    assert "Results over several training seeds: reports/demo/tables/seeds.csv   uti (seeds 42 43)\n" in text
    assert "seeds" not in text_of(rows_of("uti", "f1"))


def test_raters_and_judge_are_shown_side_by_side():
    rows = [corrected_row(), corrected_row(compared="sft_vs_base"), pending_row(compared="dpo")]
    text = text_of(rows_of("uti", "f1"), corrected=rows)
    assert (
        "Raters and judge:\n  uti, llama, SFT: raters' sample 0.69, judge 0.88, the estimate that counts 0.71 "
        "(0.62-0.79) (judge corrected by the sample, 100 of 400 items rated, 24 corrections)\n"
    ) in text
    assert "DPO: raters' sample" not in text and "Raters and judge" not in text_of(rows_of("uti", "f1"))


def test_shares_of_cut_answers_and_of_thoughts_are_shown():
    bars, tests = rows_of("uti", "f1")
    bars[1] |= {"cut_rate": "0.25", "thought_rate": "0.0", "cut_in_thought_rate": "0.0"}
    bars[2] |= {"cut_rate": "0.5", "thought_rate": "1.0", "cut_in_thought_rate": "0.125"}
    line = line_of(text_of((bars, tests)), "uti")
    assert "SFT: 25% cut at max_new_tokens" in line and "Base:" not in line
    assert "DPO: 50% cut at max_new_tokens, 100% with a thought, 12% cut inside the thought" in line


def text_of(*tasks, left_out=None, pending_ratings=(), seeds=(), **more):
    bars = [row for metric_rows, _ in tasks for row in metric_rows]
    tests = [row for _, stats_rows in tasks for row in stats_rows]
    return summary(
        bars,
        tests,
        **more,
        headlines={"uti": "f1", "summarization": "mean_likert"},
        folders=["Figures: reports/demo/figures", "Statistics: results/demo/*/stats.csv"],
        seeds=seeds,
        seeds_file="reports/demo/tables/seeds.csv",
        left_out=left_out or {},
        pending_ratings=pending_ratings,
    )


def test_training_that_ended_in_its_warm_up_is_named():
    run = "uti, llama, SFT (10 steps of training, 30 of warm-up)"
    text = text_of(rows_of("uti", "f1"), ended_in_warmup=[run])
    assert f"Hardly trained, since training ended in its warm-up: {run}\n" in text
    assert "warm-up" not in text_of(rows_of("uti", "f1"))


def test_the_answer_for_each_model_and_the_margins_are_shown():
    answer = decision_row(sentence="SFT is enough: so.")
    text = text_of(rows_of("uti", "f1"), decisions=[answer, decision_row(comparison="sft_vs_base", sentence="")])
    assert "Is SFT enough?\n  uti, llama: SFT is enough: so.\n" in text
    assert "Margins: uti 5 points (default, not set by you).\n" in text
    assert "enough" not in text_of(rows_of("uti", "f1"))


def test_trivial_answers_base_models_no_better_ties_and_unreadable_answers_are_named():
    bars, tests = rows_of("uti", "f1")
    bars[2] |= {"invalid_rate": "0.51"}
    text = text_of((bars, tests), trivial=trivial_rows(base=YES_TO_ALL), ties=["uti, llama, sft (2 trials)"])
    assert (
        "Scores of answers that need no model: uti, majority label (No UTI): f1 0.00; uti, always UTI: f1 0.67.\n"
        in text
    )
    assert (
        "  uti, llama: Base is not shown to be better than the answer UTI to every item (+23.0, 99% interval -5.0 to "
        "30.0, 100 items). Base answers UTI to 98%" in text
    )
    assert "Equal scores on dev, so the lower eval loss decided: uti, llama, sft (2 trials).\n" in text
    assert "Nothing was measured, since most answers cannot be read: uti, llama, DPO (51%).\n" in text
    bars[2] |= {"invalid_rate": "0.5"}
    plain = text_of((bars, tests))
    assert not any(words in plain for words in ("need no model", "Equal scores", "Nothing was measured"))


def line_of(text, task):
    return next(line for line in text.splitlines() if line.startswith(task))


def test_a_line_has_estimates_intervals_and_p_values():
    line = line_of(text_of(rows_of("uti", "f1")), "uti").split()
    assert line[:8] == ["uti", "llama", "f1", "0.50", "(0.40-0.60)", "0.75", "(0.70-0.80)", "0.90"]
    assert line[8:] == ["<.001*", ".048", ".01*", "[n=200]"]


def test_only_the_headline_metric_is_shown():
    bars, tests = rows_of("uti", "f1")
    accuracies = [row | {"metric": "accuracy", "estimate": "0.1111"} for row in bars]
    text = text_of((accuracies + bars, tests))
    assert line_of(text, "uti").split()[2:4] == ["f1", "0.50"] and "0.11" not in text


def test_the_summary_names_folders_and_only_marks_that_apply():
    text = text_of(rows_of("uti", "f1"))
    assert "awaited" not in text and "synthetic" not in text
    assert "reports/demo/figures" in text and "results/demo/*/stats.csv" in text
    assert text.endswith("\n")


def test_p_stands_on_its_side_of_the_threshold_and_names_what_it_compares():
    bars, tests = rows_of("uti", "f1", effect_measure="accuracy_difference")
    tests[0] |= {"p_value": "0.0126", "significant": "false", "p_f1_permutation": "0.0124"}
    text = text_of((bars, tests))
    assert ".013/.01*" in line_of(text, "uti")
    assert "What P compares: right answers (McNemar). P after a slash: F1 (permutation)." in text
    likert = rows_of("summarization", "mean_likert", effect_measure="mean_difference")
    assert "right answers (McNemar); mean grades (paired t). P after a slash: F1" in text_of((bars, tests), likert)


def test_f1_and_right_answers_that_point_different_ways_are_told():
    bars, tests = rows_of("uti", "f1", effect_measure="accuracy_difference", secondary_measure="f1_difference")
    for row, effects in zip(tests, (("-0.175", "0.05"), ("0.1", "0.2"), ("0.0", "0.1")), strict=True):
        row |= dict(zip(("effect", "secondary_effect"), effects, strict=True))
    text = text_of((bars, tests))
    line = "F1 and right answers point different ways: uti, llama, sft_vs_base: F1 +0.05, right answers -17.5 points"
    assert line in text and text.count("different ways") == 1


def test_how_many_comparisons_hold_over_the_whole_study():
    bars, tests = rows_of("uti", "f1")
    for row, p in zip(tests, ("0.0012", "0.096", "0.05"), strict=True):
        row["p_holm_study"] = p
    assert "After Holm's correction, P is below .05 in 1 of all 3 comparisons of the study " in text_of((bars, tests))
    assert "Holm" not in text_of(rows_of("uti", "f1"))


def test_columns_are_aligned_with_their_heads():
    text = text_of(rows_of("uti", "f1"))
    head, line = text.splitlines()[0], line_of(text, "uti")
    starts = {"model": "llama", "metric": "f1", "base": "0.50", "SFT": "0.75", "DPO": "0.90"}
    assert all(head.index(name) == line.index(value) for name, value in starts.items())
    ends = {"SFT-base": "<.001*", "DPO-SFT": ".048", "DPO-base": ".01*"}
    assert all(
        head.index(name) + len(name) == line.index(value, line.index("0.90")) + len(value)
        for name, value in ends.items()
    )


def test_synthetic_data_and_proxies_are_marked():
    text = text_of(
        rows_of("uti", "f1", data="synthetic"),
        rows_of("summarization", "mean_likert", proxy="true", grader="rouge_likert"),
    )
    assert line_of(text, "uti").endswith("[n=200, synthetic data]")
    assert line_of(text, "summarization").endswith("[n=200, proxy grades (rouge_likert)]")


def test_awaited_grades_come_last_with_their_counts():
    empty = {"estimate": "", "ci_low": "", "ci_high": "", "p_value": "", "significant": ""}
    awaited = rows_of("summarization", "mean_likert", status="pending", grader="judge", n="300", **empty)
    text = text_of(awaited, rows_of("uti", "f1"), left_out={"reasoning": "no data"})
    assert line_of(text, "summarization").count("pending") == 6
    assert text.splitlines()[-5:] == [
        "",
        "Still awaited:",
        *(f"  judge: 300 answers of summarization/llama/{variant}" for variant in ("base", "sft", "dpo")),
    ]
    assert text.index("Left out: reasoning (no data)") < text.index("Still awaited:")


def test_an_awaited_sheet_says_whom_to_send_it_and_where_it_comes_back():
    row = {"task": "uti", "model": "llama", "sheet": "correctness", "rater": "anna", "n": "22", "pending": "5"}
    rows = [row, row | {"rater": "ben", "pending": "0"}]
    text = text_of(
        rows_of("uti", "f1"), pending_ratings=with_sheet_files(rows, "r/{task}/{rater}.html", "back/{model}")
    )
    assert text.splitlines()[-1] == (
        "  anna: 5 of 22 items of sheet correctness, uti/llama; send r/uti/anna.html (or the sheet beside it as .csv, "
        ".xlsx or .json) to anna; save the returned file as back/llama/correctness.anna.csv"
    )


def test_an_undefined_estimate_is_named_as_such():
    undefined = {"estimate": "", "ci_low": "", "ci_high": "", "p_value": "", "significant": ""}
    line = line_of(text_of(rows_of("uti", "f1", **undefined)), "uti")
    assert line.count("not defined") == 3 and line.count("n/a") == 3
