"""Write the page that sums up the run."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.grading.raters.ratings import pending_for_tables
from clinical_dpo.io import read_csv, read_text, replacing
from clinical_dpo.papers.published import load_published
from clinical_dpo.report.page.page import Drawing, report_page
from clinical_dpo.report.page.tables import contradiction_rows
from clinical_dpo.training.run_record import mixed_versions

with job(snakemake) as params:
    given = snakemake.input
    studies = load_published(given.published)
    captions = {Path(path).stem: read_text(path).strip() for path in given.captions}
    page = report_page(
        metrics=read_csv(given.metrics),
        stats=read_csv(given.stats),
        cost=read_csv(given.cost),
        tasks=params.tasks,
        models=params.models,
        drawings=[
            Drawing(title, captions[kind], read_text(path))
            for path, (kind, title) in zip(given.figures, params.figures, strict=True)
        ],
        watermark=params.watermark,
        left_out=params.left_out,
        pending_ratings=pending_for_tables(
            [row for path in given.pending_ratings for row in read_csv(path)], params.waited_for
        ),
        seeds=read_csv(given.seeds) if given.seeds else [],
        published=read_csv(given.numbers),
        mixed_versions=mixed_versions(given.records),
        contradictions=contradiction_rows({name: studies[name] for name in params.studies if name in studies}),
    )
    with replacing(snakemake.output[0]) as part:
        part.write_text(page, encoding="utf-8")
