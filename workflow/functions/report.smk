captions = [code_file(f"workflow/report/{kind}.rst") for kind in dict.fromkeys(kind for kind, _ in drawings.values())]
page_template = package_files("report/page/template")
pending_tables = study_files.tables_named(study, "pending_ratings")
compute_records = study_files.compute_records(study)
awaited_by_task = {name: awaited_sheets(task) for name, task in study.tasks.items()}
report_tables = ["metrics", "stats", "decisions"]
stand_ins = {name: model["stands_for"] for name, model in study.models.items() if "stands_for" in model}


def report_table(name, suffix="csv"):
    """Path of a table over the whole study."""
    return at("report_table", table=name, suffix=suffix)


trivial_report_table = report_table("trivial") if study_files.tables_named(study, "trivial") else []
subgroup_report_table = report_table("subgroups") if study_files.tables_named(study, "subgroups") else []
report_tables += ["subgroups"] if subgroup_report_table else []
seed_table = report_table("seeds") if study_files.tables_named(study, "seeds") else []
output_locations = [
    f"Figures: {at.folder('reports', 'figures')}",
    f"Tables: {at.folder('reports', 'tables')}",
    f"Statistics: {at('table', task='<task>', table='stats')}",
]


def collected_tables(wildcards):
    """Files of one table of every task that has it, in the order of the tasks.

    The rule also has these files as a param, because Snakemake sorts a job's inputs before it compares the inputs.
    """
    return study_files.tables_named(study, wildcards.table)
