# Handle results of an earlier version of the workflow, and results of which Snakemake has no record because the folder
# `.snakemake` was deleted or not copied.

from snakemake.iocontainers import Wildcards
from snakemake.persistence import RECORD_FORMAT_VERSION

from clinical_dpo.renames import KEYS
from clinical_dpo.paths import parse
from clinical_dpo.unrecorded_results import differences, record_as_unknown, record_file, record_made_with

# Source of a base model -> the rule that makes its folder.
BASE_RULES = {"pretrain": "build_base_model", "hub": "retrieve_base_model", "folder": "link_base_model"}
METADATA, INCOMPLETE = Path(".snakemake/metadata"), Path(".snakemake/incomplete")


def unrecorded(path):
    """Whether a file exists but Snakemake has no record of it, neither of a finished nor of an unfinished job."""
    records = (record_file(str(path), folder).exists() for folder in (METADATA, INCOMPLETE))
    return Path(path).exists() and not any(records)


def recorded_results():
    """Yield (rule, wildcards, output, record) of every result. The file `record` names the result's settings."""
    for model, settings in study.models.items():
        yield BASE_RULES[settings["source"]], {"model": model}, at("base", model=model), at("base_run", model=model)
    for task in study.tasks:
        values = {"task": task}
        yield "retrieve_source", values, at("source", values), at("source_record", values)
        yield "split_dataset", values, at("split", values, split="train"), at("manifest", values)
        for model in study.task_models(task):
            yield from recorded_model_results(values | {"model": model})


def recorded_model_results(values):
    """Yield the results of one task and model (the wildcards `values`), in the form of `recorded_results`."""
    task = values["task"]
    answers = at("training_answers", values, split="train")
    yield "predict_training_answers", values, answers, at("training_answers_record", values)
    yield "build_preferences", values, at("pairs", values, split="train"), at("pairs_manifest", values)
    for seed in (None, *study.extra_seeds(task)):
        rule_name = "compute_reference_logps" if seed is None else "compute_extra_seed_reference_logps"
        job, split = values | ({} if seed is None else {"seed": str(seed)}), with_seed("train", seed)
        yield rule_name, job, at("reference_logps", values, split=split), at("reference_record", values, split=split)
    if "few_shot" in study.variants(task):
        rows = at("few_shot_rows", values, split="test")
        yield "build_few_shot_prompts", values, rows, at("few_shot_record", values)
    for variant in (*study.variants(task), *study_files.seeded_variants(study, task)):
        job = values | {"variant": variant}
        yield "predict", job, at("answers", job), at("answers_record", job)
        yield "predict_dev", job, at("variant_dev_answers", job), at("variant_dev_record", job)
    for stage in study.stages(task):
        for trial in study.trials(task, stage):
            job = values | {"stage": stage, "trial": trial}
            yield "probe", job, at("trial_log", job, part="probe"), at("trial_run", job, part="probe")
            yield "find_plateau", job, at("plateau", job), at("plateau", job)
            yield "train", job, at("adapter", job), at("trial_run", job, part="adapter")
            yield "answer_dev", job, at("dev_answers", job), at("dev_record", job)
        for seed in study.extra_seeds(task):
            job, best = values | {"stage": stage, "seed": str(seed)}, with_seed(BEST, seed)
            yield "train_extra_seed", job, at("best", job, best=best), at("best_run", job, best=best)


def stop_if_an_earlier_version_trained():
    """Stop if the record of a training run has settings under old names, because an earlier version wrote it."""
    for _, _, _, record in recorded_results():
        if not record.endswith("run.json") or not Path(record).exists():
            continue
        try:
            run = read_json(record)
        except UserError:  # the jobs that read a broken record will report it
            continue
        if old := sorted(KEYS["stage"].keys() & {*run, *run.get("made_with", {}), *run.get("settings", {})}):
            raise WorkflowError(
                f"{record}: an earlier version wrote this file (its key '{old[0]}' is now called "
                f"'{KEYS['stage'][old[0]]}'). Results of two versions cannot be in one run. To keep the results, "
                "finish this run with the earlier version, or set another `run_name` in the config. To train again, "
                f"delete {at.folder('results')} and {at.folder('reports')}."
            )


def adopt_unrecorded():
    """Write Snakemake's record for every unrecorded result that was made with the current settings.

    With the record, Snakemake notices a later change of the settings.

    Raises:
        WorkflowError: a result's own record names other settings than the config.
    """
    lines, same = [], []
    for rule_name, wildcards, output, record in recorded_results():
        if unrecorded(output):
            settings = workflow.get_rule(rule_name).params.settings(Wildcards(fromdict=wildcards))
            content = read_json(record) if Path(record).exists() else {}
            made_with = content.get("made_with", content)
            lines += [f"{output}: {line}" for line in differences(made_with, settings)]
            same.append((rule_name, wildcards, settings))
    for selection in study_files.selections(study):
        values = parse("selection", selection)
        best = at("best", values, best=BEST)
        if unrecorded(best):
            settings = workflow.get_rule("select_trial").params.settings(Wildcards(fromdict=values))
            trial = settings["trial"]
            weights = Path(at("adapter", values, trial=str(trial)))
            if not weights.exists() or weights.read_bytes() != Path(best).read_bytes():
                lines.append(f"{best}: the weights are not those of trial {trial}, which the current settings choose")
            same.append(("select_trial", values, settings))
    if lines:
        raise WorkflowError(
            "Snakemake has no record of these results (.snakemake is gone), and they were made with other settings "
            "than the config has now:\n" + "\n".join(lines) + "\nRestore the config to go on with these results, "
            "or set another `run_name` to keep them beside new ones. To replace them, delete these files: Snakemake "
            "then makes the deleted files again, and all files that depend on them."
        )
    for rule_name, wildcards, settings in same:
        for output in workflow.get_rule(rule_name).expand_output(Wildcards(fromdict=wildcards))[0]:
            if unrecorded(output):  # Snakemake's records contain the `repr` of settings
                record_made_with(str(output), METADATA, RECORD_FORMAT_VERSION, [repr(settings)])


def remake_unrecorded():
    """Let Snakemake make unrecorded tables, figures, grades and data cards again, which takes only seconds."""
    of_task = ("*.csv", "data/checks.csv", "data/README.md", "data/checked.txt", "prompts")
    of_model = (
        "grades/*.csv",
        "dev_predictions/*.threshold.json",
        "grading/*.*",
        "grading/keys/*.csv",
        "judge/*.*",
        "predictions/external.*",
        "*/selection.csv",
    )
    patterns = [at.folder("results", "*", name) for name in of_task]
    patterns += [at.folder("results", "*", "*", name) for name in of_model]
    patterns += [at.folder("reports", name) for name in ("*.*", "*/*.*")]
    for path in (path for pattern in patterns for path in Path().glob(pattern)):
        if unrecorded(path):
            record_as_unknown(str(path), METADATA, RECORD_FORMAT_VERSION)


if workflow.is_main_process:
    stop_if_an_earlier_version_trained()
    adopt_unrecorded()
    remake_unrecorded()
