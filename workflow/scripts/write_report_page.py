"""Write the HTML page that summarizes the run."""

from pathlib import Path

from clinical_dpo.script import job
from clinical_dpo.grading.raters.ratings import pending_for_tables
from clinical_dpo.io import read_csv, read_text, replacing
from clinical_dpo.papers.published import load_published
from clinical_dpo.report.page.page import Drawing, report_page
from clinical_dpo.report.page.tables import contradiction_rows
from clinical_dpo.report.rating_rounds import with_sheet_files
from clinical_dpo.training.run_record import ended_in_warmup, matched_runs, mixed_versions

with job(snakemake) as params:
    inputs = snakemake.input
    studies = load_published(inputs.published)
    captions = {Path(path).stem: read_text(path).strip() for path in inputs.captions}
    page = report_page(
        metrics=read_csv(inputs.metrics),
        stats=read_csv(inputs.stats),
        decisions=read_csv(inputs.decisions),
        trivial=read_csv(inputs.trivial) if inputs.trivial else [],
        corrected=read_csv(inputs.corrected) if inputs.corrected else [],
        judge_bias=read_csv(inputs.judge_bias) if inputs.judge_bias else [],
        unreadable=read_csv(inputs.unreadable) if inputs.unreadable else [],
        subgroups=read_csv(inputs.subgroups) if inputs.subgroups else [],
        cost=read_csv(inputs.cost),
        tasks=params.tasks,
        models=params.models,
        drawings=[
            Drawing(title, captions[kind], read_text(path), kind, task)
            for path, (kind, title, task) in zip(inputs.figures, params.figures, strict=True)
        ],
        watermark=params.watermark,
        left_out=params.left_out,
        pending_ratings=with_sheet_files(
            pending_for_tables(
                [row for path in inputs.pending_ratings for row in read_csv(path)], params.awaited_sheets
            ),
            **params.sheet_files,
        ),
        agreement=[row for path in inputs.agreement for row in read_csv(path)],
        seeds=read_csv(inputs.seeds) if inputs.seeds else [],
        published=[row for path in inputs.numbers for row in read_csv(path)],
        mixed_versions=mixed_versions(inputs.records),
        ended_in_warmup=ended_in_warmup(inputs.records),
        matched_runs=matched_runs(inputs.records),
        contradictions=contradiction_rows({name: studies[name] for name in params.studies if name in studies}),
    )
    with replacing(snakemake.output[0]) as part:
        part.write_text(page, encoding="utf-8")
