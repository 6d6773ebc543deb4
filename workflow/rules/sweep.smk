import json
from hashlib import sha256

from clinical_dpo.grading.grade import grader_module
from clinical_dpo.sweep.selection import GRADERS, scored_trials


localrules:
    score_trials,
    select_trial,


def dev_answers(wildcards):
    """Every trial's answers to the dev questions; none where there is one trial."""
    several = len(study.trials(wildcards.task, wildcards.stage)) > 1
    return of_trials("dev_answers")(wildcards) if several else []


def selection_grader(wildcards):
    """The module that grades dev answers of a job's task."""
    return grader_module(GRADERS[study.tasks[wildcards.task]["selection"]])


def selection_settings(wildcards):
    """What the choice among a job's trials depends on beside their answers."""
    task = pick(study.tasks[wildcards.task], "selection", "labels", "label_synonyms")
    return {"trials": list(study.trials(wildcards.task, wildcards.stage)), "task": task}


def score_code(wildcards):
    """Digest of the code that chooses."""
    return code("score_trials", selection_grader)(wildcards)


def chosen_trial(wildcards):
    """Name of the trial that today's settings and code choose among answers that are there; None before they are.

    It is found when Snakemake starts, so that a choice that stays the same starts nothing.
    """
    settings = selection_settings(wildcards)
    if len(settings["trials"]) == 1:
        return settings["trials"][0]
    dev = at("split", wildcards, split="dev")
    answers, logs = dev_answers(wildcards), of_trials("trial_log", part="adapter")(wildcards)
    if not all(Path(file).exists() for file in (dev, *answers, *logs)):
        return None
    made_from = [settings, score_code(wildcards), *(start_cache.sha256(file) for file in (dev, *answers, *logs))]
    digest = sha256(json.dumps(made_from).encode()).hexdigest()
    key = f"chosen {at('selection', wildcards)}"
    kept = start_cache[key]
    if not kept or kept[0] != digest:
        table = scored_trials(settings["trials"], logs, settings["task"], dev, answers)
        kept = [digest, next(row["trial"] for row in table if row["chosen"] == "true")]
        start_cache[key] = kept
    return kept[1]


# The choice among a stage's trials reads answers; it uses no GPU, so that another reading trains nothing again.
rule answer_dev:
    input:
        base=at("base"),
        trained=at("adapter"),
        dev=at("split", split="dev"),
        gate=at("gate"),
    output:
        dev=at("dev_answers"),
        record=at("dev_record"),
    log:
        at.log("answer_dev", "{task}", "{model}", "{stage}", "{trial}"),
    benchmark:
        timed("answer_dev", "{stage}", "{trial}")
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        mem_mb=loading_memory,
        runtime=runtime(expected_answers, ["dev"]),
        gpu=gpus,
        gpu_model=gpu_model,
        batch_size=study.config["compute"]["generation_batch_size"],
    params:
        settings=named(
            code=code("predict"),
            model=model_settings,
            max_new_tokens=of_task("max_new_tokens"),
        ),
    script:
        "../scripts/predict.py"


rule score_trials:
    input:
        dev=at("split", split="dev"),
        answers=dev_answers,
        logs=of_trials("trial_log", part="adapter"),
    output:
        at("selection"),
    log:
        at.log("score_trials", "{task}", "{model}", "{stage}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=score_code,
            selection=selection_settings,
        ),
    script:
        "../scripts/score_trials.py"


# Its files are linked. What follows depends on the chosen trial's name and weights, not on how it was chosen.
rule select_trial:
    input:
        trials=of_trials("adapter"),
        runs=of_trials("trial_run", part="adapter"),
        answers=dev_answers,
    output:
        weights=at("best", best=BEST),
        log=at("best_log", best=BEST),
        run=at("best_run", best=BEST),
    log:
        at.log("select_trial", "{task}", "{model}", "{stage}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(code=code("select_trial"), trial=chosen_trial),
    script:
        "../scripts/select_trial.py"
