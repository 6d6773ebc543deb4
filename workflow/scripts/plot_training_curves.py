"""Draw every task's training curves and write down exactly what is drawn."""

from clinical_dpo.jobs import job
from clinical_dpo.records import write_csv
from clinical_dpo.training_figures import CURVE_COLUMNS, curve_rows, plot_training_curves

with job(snakemake.log[0]):
    output = snakemake.output
    rows = curve_rows(snakemake.input.trials, snakemake.input.selections)
    files = zip(snakemake.params.tasks.items(), output.svg, output.pdf, output.png, output.csv, strict=True)
    for (task, title), *images, table in files:
        drawn = [row for row in rows if row["task"] == task]
        plot_training_curves(
            drawn,
            title=title,
            model_names=snakemake.params.models,
            watermark=snakemake.params.watermarks[task],
            paths=images,
        )
        write_csv(table, drawn, CURVE_COLUMNS)
