from clinical_dpo.report.package.code_version import code_version

table_names = [
    *report_tables,
    *[name for name in ("trivial", "unreadable", "corrected", "judge_bias") if report_table_if_any(name)],
    *(["seeds"] if seed_table else []),
    *published_tables,
    *[f"murphy2024_{name}" for name in murphy_tables],
]
typeset_names = [*report_tables, *[f"murphy2024_{name}" for name in murphy_tables]]
package_code = [
    code_file(name)
    for name in (
        *("Snakefile", "CITATION.cff", "LICENSE"),
        *("requirements.lock", "requirements-cuda.lock", "requirements-cpu.lock"),
    )
]
compared_models = [model for model in study.models if any(model in study.task_models(task) for task in study.tasks)]
study_config_files = [
    path
    for kind, names in (("tasks", study.config["tasks"]), ("models", study.models))
    for path in [str(STUDY_ROOT / f"config/{kind}/{name}.yaml") for name in names]
]
