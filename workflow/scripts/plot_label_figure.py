"""Draw the confusion matrix or the reliability figure of a task, and write the drawn numbers."""

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.report.figures.confusion import plot_confusion
from clinical_dpo.report.figures.reliability import plot_reliability

PLOTS = {"confusion": plot_confusion, "reliability": plot_reliability}

with job(snakemake) as params:
    rows, output = read_csv(snakemake.input[0]), snakemake.output
    PLOTS[params.figure](
        rows,
        title=params.title,
        model_names=params.models,
        watermark=params.watermark,
        paths=[output.svg, output.pdf, output.png],
    )
    write_csv(output.csv, rows, list(rows[0]))
