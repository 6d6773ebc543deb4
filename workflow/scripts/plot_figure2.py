"""Draw one panel of figure 2 and write down exactly what it draws."""

from clinical_dpo.figure2 import COLUMNS, comparison_rows, plot_comparison
from clinical_dpo.jobs import job
from clinical_dpo.records import read_csv, write_csv

with job(snakemake.log[0]):
    metrics, stats, metric = read_csv(snakemake.input.metrics), read_csv(snakemake.input.stats), snakemake.params.metric
    plot_comparison(
        metrics,
        stats,
        metric=metric,
        title=snakemake.params.title,
        panel=snakemake.wildcards.panel,
        model_names=snakemake.params.models,
        watermark=snakemake.params.watermark,
        paths=[snakemake.output.svg, snakemake.output.pdf, snakemake.output.png],
    )
    write_csv(snakemake.output.csv, comparison_rows(metrics, stats, metric), COLUMNS)
