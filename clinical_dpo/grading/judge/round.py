"""Read the inputs of a job that asks a judge: the items, the endpoint, and the file of replies."""

from pathlib import Path
from typing import Any, NamedTuple

from clinical_dpo.config.endpoints import Endpoint, endpoint_named
from clinical_dpo.grading.raters.rating_round import sheet_items
from clinical_dpo.grading.raters.sheets import Item


class JudgeRound(NamedTuple):
    """The inputs of one job that asks a judge.

    Attributes:
        kind: kind of verdicts.
        items: the items to judge.
        endpoint: the judge.
        replies: file of the endpoint's replies.
        private: whether the replies hold private text.
    """

    kind: str
    items: list[Item]
    endpoint: Endpoint
    replies: Path
    private: bool


def judge_round(snakemake: Any, params: Any) -> JudgeRound:
    """Read the inputs of a judge's job from the job's files, the job's settings and the config.

    The job does not declare the file of replies as its output, because Snakemake deletes the outputs of a job that
    fails. The endpoint is read from the config, not from the job's params. Otherwise Snakemake would rerun the job when
    a price or the number of parallel calls changes.
    """
    kind = snakemake.wildcards.judged
    answers = {variant: snakemake.input[variant] for variant in params.variants}
    sheet = "preference" if kind == "preference" else "correctness"
    return JudgeRound(
        kind,
        sheet_items(sheet, snakemake.input.test, answers, params.seed),
        endpoint_named(params.judge["name"], snakemake.config["endpoints"], "judge"),
        Path(snakemake.output.record).with_suffix(".replies.jsonl"),
        bool(snakemake.resources.private),
    )
