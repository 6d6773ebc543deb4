"""Draw what training cost beside what the paper prints, and write down exactly what is drawn."""

from clinical_dpo.cost import COLUMNS, cost_rows, plot_cost, published_minutes
from clinical_dpo.jobs import job
from clinical_dpo.papers.published import load_published
from clinical_dpo.records import write_csv

with job(snakemake.log[0]):
    published = published_minutes(load_published(snakemake.input.published))
    rows = cost_rows([*snakemake.input.trials, *snakemake.input.probes], published)
    plot_cost(
        rows,
        task_names=snakemake.params.tasks,
        model_names=snakemake.params.models,
        watermark=snakemake.params.watermark,
        paths=[snakemake.output.svg, snakemake.output.pdf, snakemake.output.png],
    )
    write_csv(snakemake.output.csv, rows, COLUMNS)
