import json

from clinical_dpo.config.study import merge
from clinical_dpo.data_checks.gate_measures import gate_verdicts, measure_files
from clinical_dpo.data_checks.thresholds import refuse_stopped
from clinical_dpo.io import read_json


def check_thresholds(wildcards):
    """Where each check warns and stops: the config's, then what the task file changes."""
    return merge(study.config["checks"], study.tasks[wildcards.task].get("checks", {}))


def token_limits(wildcards):
    """The lengths that a task's rows must keep to; of two stages' the shorter."""
    shortest = min(study.training(wildcards.task, stage)["max_length"] for stage in STAGES)
    answer = study.tasks[wildcards.task]["max_new_tokens"]
    return {"max_length": shortest, "max_new_tokens": answer, "written": study.answer_limit(wildcards.task)}


def gate_limits(wildcards):
    """All that the gate holds rows against, and by which code, as JSON: no param, so that neither trains again."""
    limits = {"limits": token_limits(wildcards), "thresholds": check_thresholds(wildcards)}
    limits["code"] = code("gate_rows")(wildcards)
    return json.dumps(limits | {"labels": study.tasks[wildcards.task].get("labels", [])})


def refuse_unfit_rows():
    """Stop before any job where today's limits stop rows that a job of this run would train on or answer."""
    due = list(workflow.dag.needrun_jobs())
    made_anew = {str(file) for job in due for file in job.output}  # such a gate holds its rows itself
    gates = {str(job.input.gate): job.wildcards for job in due if job.input.get("gate")}
    for file, wildcards in gates.items():
        if file not in made_anew and Path(file).exists():
            today = json.loads(gate_limits(wildcards))
            try:
                measures = read_json(file)
                if measures.get("code") != today["code"]:  # other checks measured then; a model answers as it did
                    rows = {split: at("split", wildcards, split=split) for split in ("train", "eval", "dev", "test")}
                    base = Path(at("base", wildcards)).parent
                    measures = measure_files(rows, base, today["labels"], today["code"])
                table = gate_verdicts(measures, today["limits"], today["thresholds"], wildcards.task)
                refuse_stopped(table, file)
            except UserError as error:
                raise WorkflowError(told(error, wildcards.task, file)) from None


def told(error, task, gate):
    """What the terminal is told of an error about a task's rows: of private ones what quotes none."""
    if not study.tasks[task].get("phi"):
        return str(error)
    return error.public or (
        f"{gate}: the rows of task '{task}' cannot be measured anew. What is wrong may quote private text: delete this "
        "file, and the job that makes it again has it in its log."
    )


check_files = [at(name, task=task) for task in study.tasks for name in ("checks", "checked")]
