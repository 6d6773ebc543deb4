"""Draw the panels of figure 2, and write the drawn numbers of each panel."""

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.report.figures.figure2 import plot_comparison
from clinical_dpo.report.figures.figure2_rows import comparison_rows

with job(snakemake) as params:
    inputs, output = snakemake.input, snakemake.output
    trivial = [row for table in inputs.trivial for row in read_csv(table)]
    all_seeds = [row for table in inputs.seeds for row in read_csv(table)]
    files = zip(inputs.metrics, inputs.stats, output.svg, output.pdf, output.png, output.csv, strict=True)
    for panel, (metrics_file, stats_file, *images, table) in zip(params.panels, files, strict=True):
        metrics, stats = read_csv(metrics_file), read_csv(stats_file)
        seeds = [row for row in all_seeds if row["task"] == panel["task"]]
        plot_comparison(
            metrics,
            stats,
            metric=panel["metric"],
            title=panel["title"],
            panel=panel["panel"],
            model_names=params.models,
            watermark=panel["watermark"],
            paths=images,
            seed_rows=seeds,
            trivial_rows=[row for row in trivial if row["task"] == panel["task"]],
        )
        drawn = comparison_rows(metrics, stats, panel["metric"], seeds)
        write_csv(table, drawn, list(drawn[0]))
