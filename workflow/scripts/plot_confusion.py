"""Draw a task's confusion figure, and write down what it draws."""

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.report.figures.confusion import plot_confusion
from clinical_dpo.statistics.label_tables import CONFUSION_COLUMNS

with job(snakemake) as params:
    rows, output = read_csv(snakemake.input[0]), snakemake.output
    plot_confusion(
        rows,
        title=params.title,
        model_names=params.models,
        watermark=params.watermark,
        paths=[output.svg, output.pdf, output.png],
    )
    write_csv(output.csv, rows, CONFUSION_COLUMNS)
