"""Draw the scores on dev of all trials in the sweeps, and write the drawn numbers."""

from clinical_dpo.script import job
from clinical_dpo.io import write_csv
from clinical_dpo.report.figures.sweep import COLUMNS, plot_sweep, sweep_rows

with job(snakemake) as params:
    rows = sweep_rows(snakemake.input)
    plot_sweep(
        rows,
        task_names=params.tasks,
        model_names=params.models,
        watermarks=params.watermarks,
        paths=[snakemake.output.svg, snakemake.output.pdf, snakemake.output.png],
    )
    write_csv(snakemake.output.csv, rows, COLUMNS)
