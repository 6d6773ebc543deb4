from clinical_dpo.papers.published import STUDY_TASKS
from clinical_dpo.papers.tables import MURPHY_TABLES

captions = [code_file(f"workflow/report/{kind}.rst") for kind in dict.fromkeys(kind for kind, *_ in drawings.values())]
page_template = package_files("report/page/template")
pending_tables = study_files.tables_named(study, "pending_ratings")
agreement_tables = study_files.tables_named(study, "agreement")
sheet_files = {"sheet": at("sheet", suffix="html"), "ratings": at("ratings")}  # patterns of paths
compute_records = study_files.compute_records(study)
awaited_by_task = {name: awaited_sheets(task) for name, task in study.tasks.items()}
report_tables = ["metrics", "stats", "decisions"]
# If no task of a run is a task of a published study, the run has no table about the papers, and its page does not name
# the papers.
studies_in_run = [name for name, tasks in STUDY_TASKS.items() if any(task in study.tasks for task in tasks)]
reproduced_studies = [name for name in studies_in_run if name in study.families]
published_tables = ["published_vs_reproduced", "published_consistency"] if studies_in_run else []
murphy_tables = [name for name, (task, _) in MURPHY_TABLES.items() if task in study.tasks]
stand_ins = {name: model["stands_for"] for name, model in study.models.items() if "stands_for" in model}


def report_table(name, suffix="csv"):
    """Path of a table in reports/, which covers all tasks."""
    return at("report_table", table=name, suffix=suffix)


def report_table_if_any(name):
    """Path of a table in reports/, which covers all tasks; an empty list if no task has this table."""
    return report_table(name) if study_files.tables_named(study, name) else []


report_tables += [name for name in ("subgroups", "agreement") if report_table_if_any(name)]
seed_table = report_table_if_any("seeds")
murphy_files = {
    f"{name}{ending}": report_table(f"murphy2024_{name}", suffix)
    for name in murphy_tables
    for ending, suffix in (("", "csv"), ("_tex", "tex"))
}
paper_files = [report_table(name) for name in published_tables] + list(murphy_files.values())
output_locations = [
    f"Figures: {at.folder('reports', 'figures')}",
    f"Tables: {at.folder('reports', 'tables')}",
    f"Statistics: {at('table', task='<task>', table='stats')}",
]


def collected_tables(wildcards):
    """The files of one table, from every task that has this table, in the order of the tasks.

    The rule also has these files as a param, so that a new order reruns it. Snakemake does not see a new order of
    inputs, because it sorts them before it compares them.
    """
    return study_files.tables_named(study, wildcards.table)
