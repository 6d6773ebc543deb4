"""Write the run's summary, which people read first: headline numbers, locations of files, and pending ratings."""

from clinical_dpo.script import job
from clinical_dpo.config.metrics import HEADLINES
from clinical_dpo.grading.raters.ratings import pending_for_tables
from clinical_dpo.io import read_csv, read_json, replacing
from clinical_dpo.paths import parse
from clinical_dpo.report.rating_rounds import with_sheet_files
from clinical_dpo.report.summary import summary
from clinical_dpo.sweep.selection import ties
from clinical_dpo.training.run_record import ended_in_warmup, matched_runs, mixed_versions

with job(snakemake) as params:
    waiting = {  # a dict, so that the models of a task share one line
        f"{parse('verdicts_record', path)['task']}: {reason}": None
        for path in snakemake.input.judges
        if (reason := read_json(path)["waiting_for"])
    }
    text = summary(
        read_csv(snakemake.input.metrics),
        read_csv(snakemake.input.stats),
        decisions=read_csv(snakemake.input.decisions),
        trivial=read_csv(snakemake.input.trivial) if snakemake.input.trivial else [],
        corrected=read_csv(snakemake.input.corrected) if snakemake.input.corrected else [],
        judge_bias=read_csv(snakemake.input.judge_bias) if snakemake.input.judge_bias else [],
        ties=ties(snakemake.input.selections),
        headlines={task: HEADLINES[metric] for task, metric in params.metrics.items()},
        folders=params.folders,
        seeds=read_csv(snakemake.input.seeds) if snakemake.input.seeds else [],
        seeds_file=str(snakemake.input.seeds),
        left_out=params.left_out,
        pending_ratings=with_sheet_files(
            pending_for_tables(
                [row for path in snakemake.input.pending_ratings for row in read_csv(path)], params.awaited_sheets
            ),
            **params.sheet_files,
        ),
        judges=[*params.unnamed_judges, *waiting],
        mixed_versions=mixed_versions(snakemake.input.records),
        ended_in_warmup=ended_in_warmup(snakemake.input.records),
        matched_runs=matched_runs(snakemake.input.records),
    )
    with replacing(snakemake.output.text) as part:
        part.write_text(text, encoding="utf-8")
