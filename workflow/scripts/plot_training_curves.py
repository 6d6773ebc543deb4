"""Draw every task's training curves and write down exactly what is drawn."""

from clinical_dpo.io import write_csv
from clinical_dpo.report.figures.training_curves import COLUMNS, curve_rows, plot_training_curves
from clinical_dpo.script import job

with job(snakemake) as params:
    output = snakemake.output
    rows = curve_rows(snakemake.input.logs, snakemake.input.selections)
    for task, *images, table in zip(params.tasks, output.svg, output.pdf, output.png, output.csv, strict=True):
        drawn = [row for row in rows if row["task"] == task]
        plot_training_curves(
            drawn,
            title=params.tasks[task],
            model_names=params.models,
            watermark=params.watermarks[task],
            paths=images,
        )
        write_csv(table, drawn, COLUMNS)
