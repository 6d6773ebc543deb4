from clinical_dpo.config import merge


def check_thresholds(wildcards):
    """Where each check warns and stops: the config's, then what the task file changes."""
    return merge(study.config["checks"], study.tasks[wildcards.task].get("checks", {}))


def token_limits(wildcards):
    """The lengths that a task's rows must keep to; of two stages' the shorter."""
    shortest = min(study.training(wildcards.task, stage)["max_length"] for stage in STAGES)
    return {"max_length": shortest, "max_new_tokens": study.tasks[wildcards.task]["max_new_tokens"]}


def passed(task):
    """The file that is there once a task's data passed the checks."""
    return f"{results}/{task}/data/checked.txt"


def passed_checks(wildcards):
    """The same as an input that must be there, but whose age says nothing: a threshold moved retrains no model."""
    return ancient(passed(wildcards.task))


def refuse_unfinished():
    """Fail a run that leaves out what was asked for.

    Where checks ran anew, Snakemake passes over missing files further down than the input whose age says nothing.
    """
    asked = [Path(file) for job in workflow.dag.targetjobs for file in job.output or job.input]
    if missing := [str(file) for file in asked if not file.exists()]:
        raise WorkflowError(f"Not there yet, since checks ran anew: {', '.join(missing)}. Give the same command again.")


check_files = [file for task in study.tasks for file in (f"{results}/{task}/data/checks.csv", passed(task))]
