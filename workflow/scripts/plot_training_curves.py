"""Draw every task's training curves, and write the drawn numbers."""

from clinical_dpo.script import job
from clinical_dpo.io import write_csv
from clinical_dpo.report.figures.training_curves import COLUMNS, curve_rows, plot_training_curves

with job(snakemake) as params:
    output = snakemake.output
    rows = curve_rows(snakemake.input.logs, snakemake.input.selections)
    files = zip(output.svg, output.pdf, output.png, output.csv, strict=True)
    for figure, (*images, table) in zip(params.figures, files, strict=True):
        drawn = [row for row in rows if row["task"] == figure["task"]]
        plot_training_curves(
            drawn,
            title=figure["title"],
            model_names=params.models,
            watermark=figure["watermark"],
            paths=images,
        )
        write_csv(table, drawn, COLUMNS)
