"""Compare each pair of variants of every model on a task's test items."""

from clinical_dpo.script import job
from clinical_dpo.io import write_csv
from clinical_dpo.statistics.comparisons import COLUMNS, compare_variants
from clinical_dpo.statistics.grouped_grades import read_grouped_grades

with job(snakemake) as params:
    rows = compare_variants(
        read_grouped_grades(snakemake.input.grades, snakemake.input.groups),
        params.task,
        alpha=params.alpha,
        family=params.family,
        external_families=params.external_families,
        arm_family=params.arm_family,
    )
    write_csv(snakemake.output[0], rows, COLUMNS)
