"""Draw the sweeps' scores on dev and write down exactly what is drawn."""

from clinical_dpo.jobs import job
from clinical_dpo.records import write_csv
from clinical_dpo.sweep_figure import COLUMNS, plot_sweep, sweep_rows

with job(snakemake.log[0]):
    rows = sweep_rows(snakemake.input)
    plot_sweep(
        rows,
        task_names=snakemake.params.tasks,
        model_names=snakemake.params.models,
        watermarks=snakemake.params.watermarks,
        paths=[snakemake.output.svg, snakemake.output.pdf, snakemake.output.png],
    )
    write_csv(snakemake.output.csv, rows, COLUMNS)
