"""Draw the cost of training beside the cost that the paper prints, and write the drawn numbers."""

from clinical_dpo.script import job
from clinical_dpo.io import write_csv
from clinical_dpo.papers.published import load_published
from clinical_dpo.report.cost_table import COLUMNS, cost_rows, published_minutes
from clinical_dpo.report.figures.cost import plot_cost

with job(snakemake) as params:
    published = published_minutes(load_published(snakemake.input.published))
    rows = cost_rows(snakemake.input.runs, snakemake.input.references, published)
    plot_cost(
        rows,
        task_names=params.tasks,
        model_names=params.models,
        watermark=params.watermark,
        paths=[snakemake.output.svg, snakemake.output.pdf, snakemake.output.png],
    )
    write_csv(snakemake.output.csv, rows, COLUMNS)
