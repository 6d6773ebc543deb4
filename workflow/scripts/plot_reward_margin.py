"""Draw the reward margins of all tasks, and write the drawn numbers."""

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.report.figures.reward_margin import plot_reward_margin
from clinical_dpo.statistics.reward_margin import COLUMNS

with job(snakemake) as params:
    rows = [row for table in snakemake.input for row in read_csv(table)]
    plot_reward_margin(
        rows,
        task_names=params.tasks,
        model_names=params.models,
        watermarks=params.watermarks,
        paths=[snakemake.output.svg, snakemake.output.pdf, snakemake.output.png],
    )
    write_csv(snakemake.output.csv, rows, COLUMNS)
