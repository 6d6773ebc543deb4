"""Draw a task's reliability figure, and write down what it draws."""

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.report.figures.reliability import plot_reliability
from clinical_dpo.statistics.label_tables import RELIABILITY_COLUMNS

with job(snakemake) as params:
    rows, output = read_csv(snakemake.input[0]), snakemake.output
    plot_reliability(
        rows,
        title=params.title,
        model_names=params.models,
        watermark=params.watermark,
        paths=[output.svg, output.pdf, output.png],
    )
    write_csv(output.csv, rows, RELIABILITY_COLUMNS)
