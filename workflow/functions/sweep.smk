import json
from hashlib import sha256

from clinical_dpo.grading.grade import grader_module
from clinical_dpo.sweep.selection import GRADERS, scored_trials


def dev_answers(wildcards):
    """Every trial's answers to the dev questions; none where there is one trial."""
    several = len(study.trials(wildcards.task, wildcards.stage)) > 1
    return of_trials("dev_answers")(wildcards) if several else []


def selection_grader(wildcards):
    """The module that grades dev answers of a job's task."""
    return grader_module(GRADERS[study.tasks[wildcards.task]["selection_metric"]])


def selection_settings(wildcards):
    """What the choice among a job's trials depends on beside their answers."""
    task = pick(study.tasks[wildcards.task], "selection_metric", "labels", "label_synonyms")
    return {"trials": list(study.trials(wildcards.task, wildcards.stage)), "task": task}


def score_code(wildcards):
    """Digest of the code that chooses."""
    return code("score_trials", selection_grader)(wildcards)


def chosen_trial(wildcards):
    """Name of the trial that today's settings and code choose among answers that are there; None before they are.

    It is found when Snakemake starts, so that a choice that stays the same starts nothing.
    """
    settings = in_order(selection_settings(wildcards))
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
