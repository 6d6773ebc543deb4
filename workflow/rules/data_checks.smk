import json

from clinical_dpo.config.study import merge
from clinical_dpo.data_checks.gate import gate_verdicts
from clinical_dpo.data_checks.verdicts import refuse_stopped
from clinical_dpo.io import read_json


localrules:
    gate_rows,
    check_dataset,
    enforce_checks,


def check_thresholds(wildcards):
    """Where each check warns and stops: the config's, then what the task file changes."""
    return merge(study.config["checks"], study.tasks[wildcards.task].get("checks", {}))


def token_limits(wildcards):
    """The lengths that a task's rows must keep to; of two stages' the shorter."""
    shortest = min(study.training(wildcards.task, stage)["max_length"] for stage in STAGES)
    return {"max_length": shortest, "max_new_tokens": study.tasks[wildcards.task]["max_new_tokens"]}


def gate_limits(wildcards):
    """All that the gate holds rows against, as JSON: no param, so that a limit moved trains no model again."""
    limits = {"limits": token_limits(wildcards), "thresholds": check_thresholds(wildcards)}
    return json.dumps(limits | {"labels": study.tasks[wildcards.task].get("labels", [])})


def refuse_unfit_rows():
    """Stop before any job where today's limits stop rows that a job of this run would train on or answer."""
    due = list(workflow.dag.needrun_jobs())
    made_anew = {str(file) for job in due for file in job.output}  # such a gate holds its rows itself
    gates = {str(job.input.gate): job.wildcards for job in due if job.input.get("gate")}
    for file, wildcards in gates.items():
        if file not in made_anew and Path(file).exists():
            today = json.loads(gate_limits(wildcards))
            table = gate_verdicts(read_json(file), today["limits"], today["thresholds"], wildcards.task)
            try:
                refuse_stopped(table, file)
            except UserError as error:
                raise WorkflowError(str(error)) from None


check_files = [at(name, task=task) for task in study.tasks for name in ("checks", "checked")]


# What trains or answers waits for this. Without params it measures anew only where rows or tokenizer change.
rule gate_rows:
    input:
        train=at("split", split="train"),
        eval=at("split", split="eval"),
        dev=at("split", split="dev"),
        test=at("split", split="test"),
        base=at("base"),
    output:
        at("gate"),
    log:
        at.log("gate_rows", "{task}", "{model}"),
    conda:
        "../../envs/training.yaml"
    resources:
        limits=gate_limits,
    script:
        "../scripts/gate_rows.py"


rule check_dataset:
    input:
        train=at("split", split="train"),
        eval=at("split", split="eval"),
        dev=at("split", split="dev"),
        test=at("split", split="test"),
        manifest=at("manifest"),
        models=of_models("base"),
    output:
        table=at("checks"),
        card=at("data_card"),
        prompts=directory(at("prompts")),
    log:
        at.log("check_dataset", "{task}"),
    conda:
        "../../envs/training.yaml"
    params:
        settings=named(
            code=code("check_dataset"),
            task=task_settings(
                "name",
                "title",
                "description",
                "labels",
                "phi",
                "licence",
                "citation",
                "download_size",
            ),
            limits=token_limits,
            thresholds=check_thresholds,
        ),
    script:
        "../scripts/check_dataset.py"


rule enforce_checks:
    input:
        at("checks"),
    output:
        at("checked"),
    log:
        at.log("enforce_checks", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("enforce_checks"),
        ),
    script:
        "../scripts/enforce_checks.py"
