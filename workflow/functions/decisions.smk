from clinical_dpo.config import margins
from clinical_dpo.config.label_rules import scores_likelihood
from clinical_dpo.config.metrics import decision_metric
from clinical_dpo.io import write_json


def test_answers(task):
    """The existing files with test answers of a task's variants."""
    return [path for path in study_files.variant_files(study, task, "answers") if Path(path).exists()]


def decision_margin(wildcards):
    """The margin of a job's task, the origin of the margin (task file or default), and the SHA-256 of its record."""
    task = study.tasks[wildcards.task]
    return margins.task_margin(task)._asdict() | {"sha256": margins.margin_record(task)["sha256"]}


def recorded_margin(wildcards):
    """The margin that was recorded before a task's first test answers were made; None without a record.

    Before the first test answers, the function returns the current margin. The run records this margin when it starts
    to make answers.
    """
    if not test_answers(wildcards.task):
        return margins.task_margin(study.tasks[wildcards.task]).value
    return margins.recorded_margin(at("margin", wildcards), decision_metric(study.tasks[wildcards.task]["metric"]))


def record_margins():
    """Record the margin of every task whose first test answers this run makes. Print margins that changed later.

    A record is not an output of a rule, because a changed margin must not change the record or any answer.
    """
    due = {job.wildcards.task for job in workflow.dag.needrun_jobs() if job.rule.name == "predict"}
    for task, settings in study.tasks.items():
        record, path = margins.margin_record(settings), at("margin", task=task)
        if not test_answers(task):
            if task in due and margins.recorded_margin(path, record["metric"]) != record["margin"]:
                write_json(path, record)
                shown = f"{record['margin']:g} (SHA-256 {record['sha256']})"
                print(f"{task}: the margin {shown} is recorded before the first test answers", file=sys.stderr)
        elif (recorded := margins.recorded_margin(path, record["metric"])) not in (None, record["margin"]):
            print(
                f"{task}: the margin is {record['margin']:g}, but was {recorded:g} when the first test answers were made",
                file=sys.stderr,
            )


def family_alpha(wildcards):
    """Level of each comparison of a job's task: the study's alpha, divided by the number of tasks in the family."""
    return study.config["alpha"] / len(study.family(wildcards.task))


def arm_family_alpha(wildcards):
    """Level of a comparison of arms: the study's alpha, divided by the size of the arms' family. None without arms."""
    tests = study.arm_family(wildcards.task)
    return study.config["alpha"] / len(tests) if tests else None


def task_table_if_any(table):
    """Return a function of a job's wildcards that returns the path of one table of the job's task.

    For a task without this table the function returns an empty list.
    """
    return lambda wildcards: (
        at("table", wildcards, table=table) if table in study_files.tables(study, wildcards.task) else []
    )


def task_runs(wildcards):
    """Records (run.json) of the SFT and DPO runs of a job's task: of every model and trial, and of probes."""
    return [
        path
        for model in study.task_models(wildcards.task)
        for stage in STAGES
        for part in ("adapter", "probe")
        for path in study_files.model_trials(study, wildcards.task, model, stage, "trial_run", part=part)
    ]


def task_references(wildcards):
    """Records of the passes of DPO's reference model over the training pairs of a job's task."""
    return study_files.reference_records(study, wildcards.task)
