"""A change reruns the jobs that depend on it and no others: dry runs after an edit of a finished run."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import real_data
from tests.helpers.public_sets import FILES
from tests.helpers.workflow import MODEL, READ, SMALL, TASKS, VARIANTS, Project, per_model

STATS = {
    (rule, "")
    for rule in ("compare_published", "collect_decisions", "typeset_tables", "write_report_page", "summarize_run")
}
COMPARED = STATS | {("collect_table", "table=stats")}
UNREADABLE = {("collect_table", "table=unreadable")}
STATS = COMPARED | {("collect_table", "table=metrics")} | UNREADABLE
FIGURE2 = {("plot_figure2", "")}
LABELLED = ("uti", "pubmedqa_labels")  # the tasks whose labels are graded automatically
TRIVIAL = {("collect_table", "table=trivial"), *(("compare_trivial", f"task={task}") for task in LABELLED)}
SEEDS = FIGURE2 | {("compare_seeds", "task=uti")}
SEEDS |= {("collect_table", "table=seeds"), ("summarize_run", ""), ("write_report_page", "")}
LABELS = "task=pubmedqa_labels"
LABEL_FIGURES = {("plot_confusion", LABELS), ("plot_reliability", LABELS)}
LABEL_TABLES = {("compute_label_tables", LABELS), ("compute_reliability", LABELS)} | LABEL_FIGURES
TRAINING_FIGURES = {("plot_training_curves", ""), ("plot_sweep", ""), ("plot_cost", "")}


def decisions(*tasks):
    unreadable = {("vary_unreadable", f"task={task}") for task in tasks if task in READ}
    return unreadable | {("decide", f"task={task}") for task in tasks}


def tables(*tasks):
    jobs = {(rule, f"task={task}") for rule in ("compute_metrics", "compare_variants") for task in tasks}
    trivial = {("compare_trivial", f"task={task}") for task in tasks if task in LABELLED}
    return jobs | decisions(*tasks) | trivial | ({("collect_table", "table=trivial")} if trivial else set())


def answers(task, *variants):
    rules = ("predict", "grade_answers")
    return {job for rule in rules for variant in variants for job in per_model(rule, task, variant=variant)}


def choice(task, stage, trials):
    """Jobs of the choice among trials: their answers on dev, the scores, and the folder of the best trial."""
    names = f"task={task}, model={MODEL}, stage={stage}"
    answers_on_dev = {("answer_dev", f"{names}, trial={trial}") for trial in trials}
    return answers_on_dev | {("score_trials", names), ("select_trial", names)}


def repeats(stage, seed):
    """Jobs of one stage of task uti with an extra seed, up to the table over seeds."""
    trained = (
        per_model("train_extra_seed", "uti", stage=stage, seed=seed) | answers("uti", f"{stage}_seed{seed}") | SEEDS
    )
    return trained | (per_model("compute_extra_seed_reference_logps", "uti", seed=seed) if stage == "sft" else set())


def training(task, stage, trial):
    """Jobs of one trial, up to its weights."""
    rules = ("probe", "find_plateau", "train")
    return {job for rule in rules for job in per_model(rule, task, stage=stage, trial=trial)}


def after_dpo(task, trials):
    """Jobs from the choice of the DPO trial to the figures, with the answers of `trials` on dev."""
    chosen = choice(task, "dpo", trials) | answers(task, "dpo")
    chosen |= repeats("dpo", "43") if task == "uti" else set()
    return chosen | tables(task) | STATS | TRAINING_FIGURES | FIGURE2


def after_sft(task, trials):
    """Jobs from the choice of the SFT trial to the figures, with the training of the DPO `trials`."""
    jobs = choice(task, "sft", UTI_SFT) | per_model("compute_reference_logps", task) | answers(task, "sft")
    for trial in trials:
        jobs |= training(task, "dpo", trial)
    jobs |= repeats("sft", "43") if task == "uti" else set()
    return jobs | after_dpo(task, trials)


UTI_SFT = ("lr1e-03", "lr1e-04")
UTI_DPO = ("lr5e-04_beta0.1", "lr5e-04_beta0.3")


def test_a_comment_a_docstring_or_a_newer_file_changes_nothing(project):
    project.edit("clinical_dpo/training/run.py", '"""\n', '"""\n# A comment.\n')
    project.edit("clinical_dpo/grading/grade.py", '"""', '"""Another docstring. ')
    project.edit("workflow/scripts/train.py", '"""', '"""Another docstring. ')
    for path in project.folder.rglob("*"):
        if path.is_file() and "results" not in path.parts and ".snakemake" not in path.parts:
            os.utime(path)
    assert project.planned() == set()


def test_a_plot_colour_redraws_only_the_figures(project):
    project.edit("clinical_dpo/report/figures/style.py", '"#0077BB"', '"#0077CC"')
    drawn = FIGURE2 | TRAINING_FIGURES | LABEL_FIGURES | {("plot_reward_margin", "")}
    assert project.planned() == drawn | {("write_report_page", ""), ("summarize_run", "")}


def test_the_alpha_of_a_task_retrains_that_task_from_sft_on(project):
    project.edit(SMALL, "sft: {learning_rate", "sft: {lora: {alpha: 32}, learning_rate")
    trained = [training("uti", "sft", rate) for rate in UTI_SFT]
    assert project.planned() == set().union(*trained, after_sft("uti", UTI_DPO))


def test_a_new_beta_trains_its_trial_and_repeats_the_jobs_after_the_choice(project):
    project.edit(SMALL, "beta: [0.1, 0.3]", "beta: [0.1, 0.5]")
    trial = "lr5e-04_beta0.5"
    assert project.planned() == training("uti", "dpo", trial) | after_dpo("uti", [trial])


def test_an_extra_seed_trains_only_that_seed(project):
    project.edit(SMALL, "seeds: [42, 43]", "seeds: [42, 43, 44]")
    assert project.planned() == repeats("sft", "44") | repeats("dpo", "44")


def test_a_plateau_tolerance_trains_no_probe_again(project):
    project.edit(SMALL, "plateau: true}\n        dpo", "plateau: true, plateau_tolerance: 0.5}\n        dpo")
    jobs = project.planned()
    assert {"find_plateau", "train"} <= {rule for rule, _ in jobs}
    assert not {wildcards for rule, wildcards in jobs if rule == "probe" and "stage=sft" in wildcards}


def test_freed_weights_start_no_job_until_a_change_needs_them(finished, tmp_path):
    project, _ = finished
    shutil.copytree(project.folder, tmp_path / "freed", symlinks=True)
    freed = Project(tmp_path / "freed", project.config, project.environment, project.python)
    assert "GB freed: weights of 2 trials that were not chosen" in freed.run("free")
    assert not list(freed.folder.glob("results/small/*/*/*/*/probe.weights"))
    assert freed.planned() == set()
    freed.edit(SMALL, "max_new_tokens: 4", "max_new_tokens: 5")
    trained = {wildcards for rule, wildcards in freed.planned() if rule == "train"}
    assert all("task=uti" in wildcards for wildcards in trained)
    assert sum("stage=sft" in wildcards for wildcards in trained) == 1  # DPO follows SFT's choice, as after any change


def test_a_changed_label_parser_grades_again_and_trains_nothing(project):
    """The task's grades and the scores on dev are computed again. The choice of trials stays, so no job follows it."""
    project.edit("clinical_dpo/grading/label_parsing.py", "if top == 1 and _CUT_OFF", "if _CUT_OFF")
    graded = [per_model("grade_answers", "uti", variant=variant) for variant in (*VARIANTS, "sft_seed43", "dpo_seed43")]
    graded += [per_model("grade_answers", "pubmedqa_labels", variant=variant) for variant in VARIANTS]
    scored = {
        ("score_trials", f"task={task}, model={MODEL}, stage={stage}")
        for task in ("uti", "triage_urgency", "pubmedqa_labels")
        for stage in ("sft", "dpo")
    }
    drawn = {("plot_training_curves", ""), ("plot_sweep", "")} | SEEDS | STATS | LABEL_TABLES
    assert project.planned() == set().union(*graded, scored, tables("uti", "pubmedqa_labels"), drawn)


def test_another_chosen_trial_trains_the_later_stages(project):
    """The edit chooses the worse of two trials."""
    project.edit("clinical_dpo/sweep/selection.py", "return min(trials, key", "return max(trials, key")
    jobs = project.planned()
    assert all(("select_trial", f"task=uti, model={MODEL}, stage={stage}") in jobs for stage in ("sft", "dpo"))
    trained = {wildcards for rule, wildcards in jobs if rule == "train"}
    assert after_dpo("uti", UTI_DPO) <= jobs and all("stage=dpo" in wildcards for wildcards in trained)
    assert {wildcards.split(",")[0] for rule, wildcards in jobs if rule in ("train", "predict")} == {"task=uti"}


def test_other_rejected_answers_do_not_repeat_sft(project):
    project.edit(SMALL, "      rejected_source: sft_prediction\n", "      rejected_source: field\n")
    jobs = project.planned()
    assert per_model("build_preferences", "summarization") <= jobs
    assert "split_dataset" not in {rule for rule, _ in jobs}
    assert not {wildcards for rule, wildcards in jobs if rule in ("probe", "train") and "stage=sft" in wildcards}
    assert {wildcards for _, wildcards in jobs if "task=" in wildcards and "summarization" not in wildcards} == set()


def test_external_predictions_without_a_file_change_only_summary_and_page(project):
    entry = "gpt4: {title: GPT-4, path: absent.csv, columns: {id: id, answer: text}, when_missing: leave_out}"
    project.edit(
        SMALL, "      grader: rouge_likert\n", f"      grader: rouge_likert\n      external_predictions: {{{entry}}}\n"
    )
    assert project.planned() == {("summarize_run", ""), ("write_report_page", "")}


def test_other_splits_do_not_read_a_file_again(project):
    real_data(*FILES["meqsum"])  # generated rows are as many as the splits take
    project.edit(SMALL, "splits: {train: 400, eval: 22, dev: 0, test: 80}", "splits: {train: 300, eval: 22, test: 80}")
    jobs = project.planned()
    assert ("split_dataset", "task=meqsum") in jobs
    assert "retrieve_source" not in {rule for rule, _ in jobs}


def test_lora_targets_change_training_but_not_the_base_models_answers(project):
    project.edit(SMALL, "pretraining: {documents: 1600", "lora_targets: [q_proj]\n      pretraining: {documents: 1600")
    jobs = project.planned()
    assert per_model("train", "meqsum", stage="sft", trial="lr1e-04") <= jobs
    assert not answers("meqsum", "base") & jobs


def test_the_prompt_of_a_task_repeats_only_that_task(project):
    project.edit(SMALL, "{{ message }} Is this", "{{ message }}\\nIs this")
    jobs = project.planned()
    assert ("split_dataset", "task=triage_urgency") in jobs
    assert {("build_base_model", ""), ("retrieve_source", "task=triage_urgency")}.isdisjoint(jobs)
    assert {wildcards for _, wildcards in jobs if "task=" in wildcards and "triage_urgency" not in wildcards} == set()


def test_settings_of_speed_repeat_nothing(project):
    project.edit(SMALL, "micro_batch_size: 4", "micro_batch_size: 2")
    project.edit(SMALL, "save_steps: 4", "save_steps: 3\n      gradient_checkpointing: true")
    project.edit(SMALL, "generation_batch_size: 50", "generation_batch_size: 25")
    assert project.planned() == set()


def test_another_significance_level_repeats_the_comparisons(project):
    project.edit("config/config.yaml", "alpha: 0.05", "alpha: 0.01")
    compared = {("compare_variants", f"task={task}") for task in TASKS} | decisions(*TASKS)
    assert project.planned() == compared | FIGURE2 | COMPARED | TRIVIAL | UNREADABLE | {
        ("compute_helpfulness", "task=pubmedqa")
    }


@pytest.fixture
def unrecorded(project):
    """The finished run without Snakemake's records, which return after the test."""
    records = project.folder / ".snakemake"
    moved = records.rename(project.folder / ".snakemake-moved")
    yield project
    shutil.rmtree(records)
    moved.rename(records)


@pytest.mark.parametrize(
    ("old", "new", "pattern"),
    [
        ("max_new_tokens: 4", "max_new_tokens: 5", r"max_new_tokens: .*\b4\b.*\b5\b"),
        ("lora: {rank: 8, alpha: 16}", "lora: {rank: 8, alpha: 32}", r"settings\.lora\.alpha: .*\b16\b.*\b32\b"),
        ("Answer UTI or No UTI.", "UTI?", r"task\.prompt: .*Answer UTI or No UTI\..*UTI\?"),
        ("documents: 600", "documents: 601", r"model\.pretraining\.documents: .*\b600\b.*\b601\b"),
    ],
)
def test_unrecorded_results_of_other_settings_are_refused(unrecorded, old, new, pattern):
    unrecorded.edit(SMALL, old, new)
    done = unrecorded.snakemake("--dry-run")
    printed = done.stdout + done.stderr
    assert done.returncode and re.search(rf"^results/small/.*: {pattern}", printed, re.MULTILINE), printed[-2000:]
    assert "Restore the config" in printed and "Traceback" not in printed


def test_unrecorded_tables_and_figures_are_made_again_and_models_and_answers_kept(unrecorded):
    rules = {rule for rule, _ in unrecorded.planned()}
    assert {"compute_metrics", "score_trials", "plot_sweep", "grade_answers", "check_dataset"} <= rules
    costly = ("train", "probe", "predict", "build", "select", "split", "compute_ref")
    assert not {rule for rule in rules if rule.startswith(costly)}


def test_a_change_after_the_first_start_without_records_is_seen(unrecorded):
    unrecorded.planned()
    unrecorded.edit("clinical_dpo/training/sft_ranks.py", "a=5**0.5", "a=2.0")
    trained = {wildcards for rule, wildcards in unrecorded.planned() if rule == "train"}
    assert trained and all("stage=dpo" in wildcards for wildcards in trained)


def test_another_order_of_tasks_reorders_tables_and_figures(project):
    """Rows and panels follow the order of a job's inputs, which Snakemake sorts before it compares them."""
    ordered = "uti, reasoning, summarization, triage_urgency, pubmedqa, meqsum"
    reordered = "meqsum, pubmedqa, triage_urgency, summarization, reasoning, uti"
    project.edit(SMALL, f"tasks: [{ordered},", f"tasks: [{reordered},")
    jobs = project.planned()
    collected = {("collect_table", f"table={table}") for table in ("metrics", "stats")}
    assert collected | TRAINING_FIGURES | {("write_report_page", ""), ("summarize_run", "")} <= jobs
    assert {rule for rule, wildcards in jobs if "task=" in wildcards} <= {
        "compare_variants",
        "decide",
        "compute_helpfulness",
    }


def test_an_edit_of_dpo_does_not_repeat_sft(project):
    project.edit("clinical_dpo/training/sft_ranks.py", "a=5**0.5", "a=2.0")
    jobs = project.planned()
    assert training("uti", "dpo", UTI_DPO[0]) <= jobs
    assert not {wildcards for _, wildcards in jobs if "stage=sft" in wildcards or "variant=sft" in wildcards}


def test_an_edit_of_sft_does_not_change_the_code_digest_of_dpo(project):
    """DPO is trained again only because its SFT model is."""
    before = digests(project, "train")
    project.edit("clinical_dpo/training/sft.py", 'manual_seed(run.settings["seed"])', "manual_seed(1)")
    after = digests(project, "train")
    assert before["sft"] != after["sft"] and before["dpo"] == after["dpo"]


def test_an_edit_of_the_evasiveness_grader_repeats_only_its_task(project):
    """Figure 2 has no panel of its task, and the figures of training show no grades."""
    project.edit("clinical_dpo/grading/evasive_wording.py", 'ADDITION = r",|', 'ADDITION = r";|,|')
    jobs = project.planned()
    assert per_model("grade_answers", "pubmedqa", variant="base") <= jobs
    assert {wildcards for _, wildcards in jobs if "task=" in wildcards and "pubmedqa" not in wildcards} == set()
    assert not jobs & (FIGURE2 | TRAINING_FIGURES | {("plot_reward_margin", "")})


def digests(project, script):
    """Stage -> code digest of a script with the stage's module."""
    program = (
        "import sys; from pathlib import Path; from clinical_dpo.code_digest import code_digest;"
        "from clinical_dpo.training.stages import stage_module;"
        "[print(code_digest(Path(sys.argv[1]), [stage_module(stage)])) for stage in ('sft', 'dpo')]"
    )
    command = [sys.executable, "-c", program, f"workflow/scripts/{script}.py"]
    printed = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=True).stdout
    return dict(zip(("sft", "dpo"), printed.split(), strict=True))
