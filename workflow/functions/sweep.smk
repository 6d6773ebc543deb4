import json
from hashlib import sha256

from clinical_dpo.grading.grade import grader_module
from clinical_dpo.sweep.selection import GRADERS, scored_trials


def dev_answers(wildcards):
    """Files of every trial's answers to the dev questions; an empty list if the stage has only one trial."""
    several = len(study.trials(wildcards.task, wildcards.stage)) > 1
    return trial_files("dev_answers")(wildcards) if several else []


def selection_grader(wildcards):
    """Name of the module that grades the dev answers of a job's task."""
    return grader_module(GRADERS[study.tasks[wildcards.task]["selection_metric"]])


def selection_settings(wildcards):
    """The settings on which the choice among the trials of a job's stage depends, besides the trials' answers."""
    task = pick(study.tasks[wildcards.task], "selection_metric", "labels", "label_synonyms")
    return {"trials": list(study.trials(wildcards.task, wildcards.stage)), "task": task}


def score_code(wildcards):
    """Digest of the code that chooses a trial."""
    return code("score_trials", selection_grader)(wildcards)


def chosen_trial(wildcards):
    """Name of the trial that is chosen with the current settings and code; None before all trials have answered.

    Snakemake computes this name when it starts, so that an unchanged choice starts no job.
    """
    settings = in_order(selection_settings(wildcards))
    if len(settings["trials"]) == 1:
        return settings["trials"][0]
    dev = at("split", wildcards, split="dev")
    answers, logs = dev_answers(wildcards), trial_files("trial_log", part="adapter")(wildcards)
    if not all(Path(file).exists() for file in (dev, *answers, *logs)):
        return None
    inputs = [settings, score_code(wildcards), *(start_cache.sha256(file) for file in (dev, *answers, *logs))]
    digest = sha256(json.dumps(inputs).encode()).hexdigest()
    key = f"chosen {at('selection', wildcards)}"
    cached = start_cache[key]
    if not cached or cached[0] != digest:
        table = scored_trials(settings["trials"], logs, settings["task"], dev, answers)
        cached = [digest, next(row["trial"] for row in table if row["chosen"] == "true")]
        start_cache[key] = cached
    return cached[1]
