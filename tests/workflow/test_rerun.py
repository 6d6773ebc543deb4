"""A change reruns what depends on it and nothing else: dry runs after one edit each of a finished run."""

import os
import shutil
import subprocess
import sys

from tests.helpers.workflow import MODEL, SMALL, TASKS, VARIANTS, per_model

STATS = {(rule, "") for rule in ("compare_published", "typeset_tables", "write_report_page", "summarize_run")}
COMPARED = STATS | {("collect_table", "table=stats")}
STATS = COMPARED | {("collect_table", "table=metrics")}
FIGURE2 = {("plot_figure2", "")}
SEEDS = FIGURE2 | {("compare_seeds", "task=uti")}
SEEDS |= {("collect_table", "table=seeds"), ("summarize_run", ""), ("write_report_page", "")}
TRAINING_FIGURES = {("plot_training_curves", ""), ("plot_sweep", ""), ("plot_cost", "")}


def tables(*tasks):
    return {(rule, f"task={task}") for rule in ("compute_metrics", "compare_variants") for task in tasks}


def answers(task, *variants):
    rules = ("predict", "grade_answers")
    return {job for rule in rules for variant in variants for job in per_model(rule, task, variant=variant)}


def choice(task, stage, trials):
    """The choice among trials: their answers on dev, scores, and the best one's folder."""
    names = f"task={task}, model={MODEL}, stage={stage}"
    asked = {("answer_dev", f"{names}, trial={trial}") for trial in trials}
    return asked | {("score_trials", names), ("select_trial", names)}


def repeats(stage, seed):
    """One stage of the first task trained again with another seed, up to the table over seeds."""
    trained = (
        per_model("train_extra_seed", "uti", stage=stage, seed=seed) | answers("uti", f"{stage}_seed{seed}") | SEEDS
    )
    return trained | (per_model("compute_extra_seed_reference_logps", "uti", seed=seed) if stage == "sft" else set())


def training(task, stage, trial):
    """One trial trained, up to its weights."""
    rules = ("probe", "find_plateau", "train")
    return {job for rule in rules for job in per_model(rule, task, stage=stage, trial=trial)}


def after_dpo(task, trials):
    """From the choice of the DPO trial, with the answers of these on dev, to the figures."""
    chosen = choice(task, "dpo", trials) | answers(task, "dpo")
    chosen |= repeats("dpo", "43") if task == "uti" else set()
    return chosen | tables(task) | STATS | TRAINING_FIGURES | FIGURE2


def after_sft(task, trials):
    """From the choice of the SFT trial on."""
    jobs = choice(task, "sft", UTI_SFT) | per_model("compute_reference_logps", task) | answers(task, "sft")
    for trial in trials:
        jobs |= training(task, "dpo", trial)
    jobs |= repeats("sft", "43") if task == "uti" else set()
    return jobs | after_dpo(task, trials)


UTI_SFT = ("lr1e-03", "lr1e-04")
UTI_DPO = ("lr5e-04_beta0.1", "lr5e-04_beta0.3")


def test_a_comment_a_docstring_or_a_newer_file_changes_nothing(project):
    project.edit(
        "clinical_dpo/training/run.py", "    settings = run.settings\n", "    settings = run.settings  # all\n"
    )
    project.edit("clinical_dpo/grading/grade.py", '"""Grades of answers,', '"""The grades of answers,')
    project.edit("workflow/scripts/train.py", '"""Train one', '"""Now train one')
    for path in project.folder.rglob("*"):
        if path.is_file() and "results" not in path.parts and ".snakemake" not in path.parts:
            os.utime(path)
    assert project.planned() == set()


def test_a_plot_colour_redraws_the_figures_alone(project):
    project.edit("clinical_dpo/report/figures/style.py", '"#0077BB"', '"#0077CC"')
    drawn = FIGURE2 | TRAINING_FIGURES | {("plot_reward_margin", "")}
    assert project.planned() == drawn | {("write_report_page", ""), ("summarize_run", "")}


def test_one_tasks_alpha_retrains_that_task_from_sft_on(project):
    project.edit(SMALL, "sft: {learning_rate", "sft: {lora: {alpha: 32}, learning_rate")
    trained = [training("uti", "sft", rate) for rate in UTI_SFT]
    assert project.planned() == set().union(*trained, after_sft("uti", UTI_DPO))


def test_one_beta_trains_that_trial_and_what_follows_the_choice(project):
    project.edit(SMALL, "beta: [0.1, 0.3]", "beta: [0.1, 0.5]")
    trial = "lr5e-04_beta0.5"
    assert project.planned() == training("uti", "dpo", trial) | after_dpo("uti", [trial])


def test_another_seed_trains_that_seed_alone(project):
    project.edit(SMALL, "seeds: [42, 43]", "seeds: [42, 43, 44]")
    assert project.planned() == repeats("sft", "44") | repeats("dpo", "44")


def test_a_plateau_tolerance_trains_no_probe_again(project):
    project.edit(SMALL, "plateau: true}\n        dpo", "plateau: true, plateau_tolerance: 0.5}\n        dpo")
    jobs = project.planned()
    assert {"find_plateau", "train"} <= {rule for rule, _ in jobs}
    assert not {wildcards for rule, wildcards in jobs if rule == "probe" and "stage=sft" in wildcards}


def test_a_label_parser_reads_answers_anew_and_trains_nothing(project):
    """Its task's grades and the scores on dev are read anew. The same trials win, so that nothing follows on them."""
    project.edit("clinical_dpo/grading/label_parsing.py", "if top == 1 and _CUT_OFF", "if _CUT_OFF")
    graded = [per_model("grade_answers", "uti", variant=variant) for variant in (*VARIANTS, "sft_seed43", "dpo_seed43")]
    scored = {
        ("score_trials", f"task={task}, model={MODEL}, stage={stage}")
        for task in ("uti", "triage_urgency")
        for stage in ("sft", "dpo")
    }
    drawn = {("plot_training_curves", ""), ("plot_sweep", "")} | SEEDS | STATS
    assert project.planned() == set().union(*graded, scored, tables("uti"), drawn)


def test_another_winner_on_dev_trains_what_follows(project):
    """A choice that takes the worse of two trials takes the other one."""
    project.edit("clinical_dpo/sweep/selection.py", "return min(trials, key", "return max(trials, key")
    jobs = project.planned()
    assert all(("select_trial", f"task=uti, model={MODEL}, stage={stage}") in jobs for stage in ("sft", "dpo"))
    trained = {wildcards for rule, wildcards in jobs if rule == "train"}
    assert after_dpo("uti", UTI_DPO) <= jobs and all("stage=dpo" in wildcards for wildcards in trained)
    assert {wildcards.split(",")[0] for rule, wildcards in jobs if rule in ("train", "predict")} == {"task=uti"}


def test_one_tasks_rejected_answers_leave_its_sft_as_it_is(project):
    project.edit(SMALL, "      rejected_source: sft_prediction\n", "      rejected_source: field\n")
    jobs = project.planned()
    assert per_model("build_preferences", "summarization") <= jobs
    assert "split_dataset" not in {rule for rule, _ in jobs}
    assert not {wildcards for rule, wildcards in jobs if rule in ("probe", "train") and "stage=sft" in wildcards}
    assert {wildcards for _, wildcards in jobs if "task=" in wildcards and "summarization" not in wildcards} == set()


def test_answers_from_elsewhere_that_are_not_there_are_told_in_summary_and_page(project):
    gone = "gpt4: {title: GPT-4, path: gone.csv, columns: {id: id, answer: said}, when_missing: leave_out}"
    project.edit(
        SMALL, "      grader: rouge_likert\n", f"      grader: rouge_likert\n      external_predictions: {{{gone}}}\n"
    )
    assert project.planned() == {("summarize_run", ""), ("write_report_page", "")}


def test_other_splits_do_not_read_a_file_anew(project):
    project.edit(SMALL, "splits: {train: 400, eval: 22, dev: 0, test: 80}", "splits: {train: 300, eval: 22, test: 80}")
    jobs = project.planned()
    assert ("split_dataset", "task=meqsum") in jobs
    assert "retrieve_source" not in {rule for rule, _ in jobs}


def test_the_layers_that_get_a_lora_concern_training_alone(project):
    project.edit(SMALL, "pretraining: {documents: 1600", "lora_targets: [q_proj]\n      pretraining: {documents: 1600")
    jobs = project.planned()
    assert per_model("train", "meqsum", stage="sft", trial="lr1e-04") <= jobs
    assert not answers("meqsum", "base") & jobs


def test_one_tasks_prompt_rebuilds_that_task_alone(project):
    project.edit(SMALL, "{{ message }} Is this", "{{ message }}\\nIs this")
    jobs = project.planned()
    assert ("split_dataset", "task=triage_urgency") in jobs
    assert {("build_base_model", ""), ("retrieve_source", "task=triage_urgency")}.isdisjoint(jobs)
    assert {wildcards for _, wildcards in jobs if "task=" in wildcards and "triage_urgency" not in wildcards} == set()


def test_what_changes_speed_alone_changes_nothing(project):
    project.edit(SMALL, "micro_batch_size: 4", "micro_batch_size: 2")
    project.edit(SMALL, "save_steps: 4", "save_steps: 3\n      gradient_checkpointing: true")
    project.edit(SMALL, "generation_batch_size: 50", "generation_batch_size: 25")
    assert project.planned() == set()


def test_another_level_reruns_the_comparisons(project):
    project.edit("config/config.yaml", "alpha: 0.05", "alpha: 0.01")
    compared = {("compare_variants", f"task={task}") for task in TASKS}
    assert project.planned() == compared | FIGURE2 | COMPARED | {("compute_helpfulness", "task=pubmedqa")}


def test_results_without_snakemakes_records_are_held_against_the_config(project):
    """Another setting is refused; what trained and answered is kept, tables and figures are made again."""
    known = project.folder / ".snakemake"
    kept = known.rename(project.folder / ".snakemake-kept")
    try:
        for old, new, told in (
            ("max_new_tokens: 4", "max_new_tokens: 5", "max_new_tokens: made with 4, the config says 5"),
            ("lora: {rank: 8, alpha: 16}", "lora: {rank: 8, alpha: 32}", "settings.lora.alpha: made with 16"),
            ("Answer UTI or No UTI.", "UTI?", "task.prompt: made with '{{ note }} Does this patient"),
            ("documents: 600", "documents: 601", "model.pretraining.documents: made with 600, the config says 601"),
        ):
            project.edit(SMALL, old, new)
            done = project.snakemake("--dry-run")
            printed = done.stdout + done.stderr
            assert done.returncode and told in printed and "Traceback" not in printed, printed[-2000:]
            project.edit(SMALL, new, old)
        rules = {rule for rule, _ in project.planned()}
        assert {"compute_metrics", "score_trials", "plot_sweep", "grade_answers", "check_dataset"} <= rules
        assert not {
            rule
            for rule in rules
            if rule.startswith(("train", "probe", "predict", "build", "select", "split", "compute_ref"))
        }
        project.edit("clinical_dpo/training/dpo.py", "a=5**0.5", "a=2.0")
        trained = {wildcards for rule, wildcards in project.planned() if rule == "train"}
        assert trained and all("stage=dpo" in wildcards for wildcards in trained)  # known from the first start on
    finally:
        shutil.rmtree(known)
        kept.rename(known)


def test_another_order_of_tasks_reorders_tables_and_figures(project):
    """Snakemake compares a job's inputs sorted; rows and panels follow their order."""
    ordered = "[uti, reasoning, summarization, triage_urgency, pubmedqa, meqsum]"
    project.edit(SMALL, f"tasks: {ordered}", "tasks: [meqsum, pubmedqa, triage_urgency, summarization, reasoning, uti]")
    jobs = project.planned()
    collected = {("collect_table", f"table={table}") for table in ("metrics", "stats")}
    assert collected | TRAINING_FIGURES | {("write_report_page", ""), ("summarize_run", "")} <= jobs
    assert {rule for rule, wildcards in jobs if "task=" in wildcards} <= {"compare_variants", "compute_helpfulness"}


def test_dpos_code_leaves_sft_alone(project):
    project.edit("clinical_dpo/training/dpo.py", "a=5**0.5", "a=2.0")
    jobs = project.planned()
    assert training("uti", "dpo", UTI_DPO[0]) <= jobs
    assert not {wildcards for _, wildcards in jobs if "stage=sft" in wildcards or "variant=sft" in wildcards}


def test_sfts_code_leaves_dpos_alone_where_its_sft_model_stays_the_same(project):
    """What DPO starts from is trained anew; its own code is as it was."""
    before = digests(project, "train")
    project.edit("clinical_dpo/training/sft.py", 'manual_seed(run.settings["seed"])', "manual_seed(1)")
    after = digests(project, "train")
    assert before["sft"] != after["sft"] and before["dpo"] == after["dpo"]


def test_the_rules_of_evasiveness_concern_what_they_grade(project):
    """Figure 2 has no panel of a task that they grade; cost, sweep and curves draw no grade at all."""
    project.edit("clinical_dpo/grading/evasive_wording.py", 'ADDITION = r",|', 'ADDITION = r";|,|')
    jobs = project.planned()
    assert per_model("grade_answers", "pubmedqa", variant="base") <= jobs
    assert {wildcards for _, wildcards in jobs if "task=" in wildcards and "pubmedqa" not in wildcards} == set()
    assert not jobs & (FIGURE2 | TRAINING_FIGURES | {("plot_reward_margin", "")})


def digests(project, script):
    """Stage -> digest of its code, as a rule of both stages takes it."""
    program = (
        "import sys; from pathlib import Path; from clinical_dpo.code_digest import code_digest;"
        "from clinical_dpo.training.stages import stage_module;"
        "[print(code_digest(Path(sys.argv[1]), [stage_module(stage)])) for stage in ('sft', 'dpo')]"
    )
    command = [sys.executable, "-c", program, f"workflow/scripts/{script}.py"]
    told = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=True).stdout
    return dict(zip(("sft", "dpo"), told.split(), strict=True))
