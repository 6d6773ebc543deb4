"""Compare supervised fine-tuning with direct preference optimization on clinical tasks, from data to figures."""

import time

from snakemake.utils import min_version

min_version("9.0")
started = time.time()


include: "workflow/functions/config_files.smk"


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


# Functions that the rules use.
include: "workflow/functions/common.smk"
include: "workflow/functions/terminal.smk"
include: "workflow/functions/rerun_settings.smk"
include: "workflow/functions/resources.smk"
include: "workflow/functions/generated_fields.smk"
include: "workflow/functions/models.smk"
include: "workflow/functions/data.smk"
include: "workflow/functions/data_checks.smk"
include: "workflow/functions/train.smk"
include: "workflow/functions/sweep.smk"
include: "workflow/functions/preferences.smk"
include: "workflow/functions/predict.smk"
include: "workflow/functions/external.smk"
include: "workflow/functions/raters.smk"
include: "workflow/functions/judge.smk"
include: "workflow/functions/statistics.smk"
include: "workflow/functions/decisions.smk"
include: "workflow/functions/figures.smk"
include: "workflow/functions/report.smk"
include: "workflow/functions/release.smk"
include: "workflow/functions/package.smk"
# The rules, in the order of the study.
include: "workflow/rules/models.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/generated_fields.smk"
include: "workflow/rules/data_checks.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/sweep.smk"
include: "workflow/rules/preferences.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/external.smk"
include: "workflow/rules/grade.smk"
include: "workflow/rules/raters.smk"
include: "workflow/rules/judge.smk"
include: "workflow/rules/statistics.smk"
include: "workflow/rules/trivial.smk"
include: "workflow/rules/decisions.smk"
include: "workflow/rules/unreadable.smk"
include: "workflow/rules/subgroups.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/release.smk"
include: "workflow/rules/package.smk"
include: "workflow/rules/plan.smk"
# This file compares finished results with the rules, so it comes after the rules.
include: "workflow/functions/unrecorded_results.smk"


localrules:
    all,
    stats,
    figures,


table_files = study_files.tables_named(study)


rule all:
    default_target: True
    input:
        rules.summarize_run.output,
        check_files,
        table_files,
        seed_table,
        paper_files,
        rules.typeset_tables.output,
        rules.write_report_page.output,
        figure_files,
        study_files.sheets(study),


rule stats:
    input:
        table_files,


rule figures:
    input:
        figure_files,


onstart:
    close_slurm_logs()
    stop_if_text_would_be_generated()
    stop_if_jobs_are_queued()
    stop_if_slurm_cannot_run_jobs()
    stop_if_no_gpu_runs_jobs()
    stop_if_rows_fail_checks()
    record_margins()
    show_progress()


onerror:
    hide_progress()
    show_failures()


onsuccess:
    hide_progress()
    show_result()
