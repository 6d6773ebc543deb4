captions = expand("workflow/report/{kind}.rst", kind=dict.fromkeys(kind for kind, _ in drawings.values()))
page_template = package_files("report/page/template")
pending_tables = study_files.tables_named(study, "pending_ratings")
compute_records = study_files.compute_records(study)
awaited = {name: awaited_sheets(task) for name, task in study.tasks.items()}
report_tables = ["metrics", "stats"]


def report_table(name, suffix="csv"):
    """A table of the whole study."""
    return at("report_table", table=name, suffix=suffix)


seed_table = report_table("seeds") if study_files.tables_named(study, "seeds") else []
shown_folders = [
    f"Figures: {at.folder('reports', 'figures')}",
    f"Tables: {at.folder('reports', 'tables')}",
    f"Statistics: {at('table', task='<task>', table='stats')}",
]


def tables_of_all(wildcards):
    """A table of every task that has it, in the order of the tasks; Snakemake compares a job's inputs sorted."""
    return study_files.tables_named(study, wildcards.table)
