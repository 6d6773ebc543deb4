"""Write tables that compare the papers' printed numbers with the run's numbers.

One table compares the numbers of all papers. Two further tables show the run's numbers beside those of Murphy 2024: one
for PubMedQA and one for MeQSum. Each of these two is written as CSV and as LaTeX if its task is in the run.
"""

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, replacing, write_csv
from clinical_dpo.papers.published import COLUMNS, compare, load_published
from clinical_dpo.papers.tables import MURPHY_TABLES, PRINTED, beside_published, columns, measured, printed
from clinical_dpo.report.latex import latex_table

with job(snakemake) as params:
    inputs, stands_for = snakemake.input, params.stands_for
    tables = {
        name: [row for path in inputs[name] for row in read_csv(path)]
        for name in ("metrics", "stats", "rouge", "win_rate", "reward_margin")
    }
    published = load_published(inputs.published)
    rows = measured(tables["metrics"], tables["rouge"], tables["win_rate"], tables["reward_margin"])
    write_csv(snakemake.output.numbers, compare(published, rows, tables["stats"], stands_for), COLUMNS)
    entries = published["murphy2024"]["entries"]
    for name in params.murphy_tables:
        task, metrics = MURPHY_TABLES[name]
        table = beside_published(rows, entries, task, metrics, stands_for)
        write_csv(snakemake.output[name], table, columns(metrics))
        caption = f"Murphy 2024, {task}: this run beside the paper."
        tex = latex_table(printed(table, metrics), PRINTED, caption=caption, label=f"tab:murphy2024-{name}")
        with replacing(snakemake.output[f"{name}_tex"]) as part:
            part.write_text(tex, encoding="utf-8")
