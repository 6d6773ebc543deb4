"""Write every table of the report as a LaTeX table."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, replacing
from clinical_dpo.report.latex import latex_table, table_columns

with job(snakemake):
    for source, target in zip(snakemake.input, snakemake.output, strict=True):
        rows, name = read_csv(source), Path(source).stem
        rows = [row | {"n": ""} if row.get("status") == "pending" else row for row in rows]  # n counts pending items
        caption, columns = table_columns(name, rows)
        with replacing(target) as part:
            part.write_text(latex_table(rows, columns, caption=caption, label=f"tab:{name}"), encoding="utf-8")
