"""Draw the forest plot of a task's subgroups, and write the drawn numbers."""

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.report.figures.subgroups import plot_subgroups
from clinical_dpo.variants import TITLES

with job(snakemake) as params:
    rows, output = read_csv(snakemake.input[0]), snakemake.output
    plot_subgroups(
        rows,
        title=params.title,
        model_names=params.models,
        watermark=params.watermark,
        paths=[output.svg, output.pdf, output.png],
    )
    write_csv(output.csv, [row for row in rows if row["compared"] not in TITLES], tuple(rows[0]))
