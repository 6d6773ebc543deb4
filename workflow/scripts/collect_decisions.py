"""Collect the decisions about all comparisons of all tasks in one table, with the papers' own conclusions."""

from clinical_dpo.script import job
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.papers.conclusions import conclusion
from clinical_dpo.papers.published import load_published
from clinical_dpo.statistics.decisions import COLUMNS

with job(snakemake) as params:
    studies, stands_for = load_published(snakemake.input.published), params.stands_for
    rows = [row for path in snakemake.input.decisions for row in read_csv(path)]
    for row in rows:
        model = stands_for.get(row["model"], row["model"])
        of_sft = row["comparison"] == "dpo_vs_sft"
        row["published"] = conclusion(studies, row["task"], model, row["metric"]) if of_sft else ""
    write_csv(snakemake.output[0], rows, [*COLUMNS, "published"])
