import json

from clinical_dpo.config.study import merge
from clinical_dpo.data_checks.gate_measures import gate_verdicts, measure_files
from clinical_dpo.data_checks.thresholds import refuse_stopped
from clinical_dpo.io import read_json


def check_thresholds(wildcards):
    """Thresholds at which each check warns and stops: those of the config, overridden by those of the task file."""
    return merge(study.config["checks"], study.tasks[wildcards.task].get("checks", {}))


def token_limits(wildcards):
    """Maximum lengths of a task's rows, in tokens.

    `max_length` is the smallest value among the stages. `written` is the limit of an answer with its thought.
    """
    shortest = min(study.training(wildcards.task, stage)["max_length"] for stage in study.stages(wildcards.task))
    answer = study.tasks[wildcards.task]["max_new_tokens"]
    return {"max_length": shortest, "max_new_tokens": answer, "written": study.answer_limit(wildcards.task)}


def gate_limits(wildcards):
    """Return limits, thresholds, labels and the code digest of `gate_rows` as JSON.

    The JSON is a resource and not a param, so that a change does not train any model again.
    """
    limits = {"limits": token_limits(wildcards), "thresholds": check_thresholds(wildcards)}
    limits["code"] = code("gate_rows")(wildcards)
    return json.dumps(limits | {"labels": study.tasks[wildcards.task].get("labels", [])})


def stop_if_rows_fail_checks():
    """Stop the run before its first job if the current thresholds reject rows that a job would train on or answer."""
    due = list(workflow.dag.needrun_jobs())
    outputs = {str(file) for job in due for file in job.output}  # rows whose gate file is made again are checked then
    gates = {str(job.input.gate): job.wildcards for job in due if job.input.get("gate")}
    for file, wildcards in gates.items():
        if file not in outputs and Path(file).exists():
            current = json.loads(gate_limits(wildcards))
            try:
                measures = read_json(file)
                if measures.get("code") != current["code"]:  # the code of the checks has changed since then
                    rows = {split: at("split", wildcards, split=split) for split in ("train", "eval", "dev", "test")}
                    base, manifest = Path(at("base", wildcards)).parent, at("manifest", wildcards)
                    measures = measure_files(rows, manifest, base, current["labels"], current["code"])
                table = gate_verdicts(measures, current["limits"], current["thresholds"], wildcards.task)
                refuse_stopped(table, file)
            except UserError as error:
                raise WorkflowError(terminal_message(error, wildcards.task, file)) from None


def terminal_message(error, task, gate):
    """The message of an error about a task's rows, for the terminal. For a private task the message quotes no row."""
    if not study.tasks[task].get("phi"):
        return str(error)
    return error.public or (
        f"{gate}: the rows of task '{task}' cannot be checked again. The reason may quote private text, so it is not "
        "shown here. Delete this file and run again. The job that makes the file writes the reason to its log."
    )


check_files = [at(name, task=task) for task in study.tasks for name in ("checks", "checked")]
