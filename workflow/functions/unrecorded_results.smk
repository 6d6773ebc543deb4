# Results of an earlier version, and those whose `.snakemake` is gone: it was deleted, or they came from elsewhere.

from snakemake.iocontainers import Wildcards
from snakemake.persistence import RECORD_FORMAT_VERSION

from clinical_dpo.config.renames import KEYS
from clinical_dpo.paths import parse
from clinical_dpo.unrecorded_results import differences, record_as_unknown, record_file, record_made_with

METADATA, INCOMPLETE = Path(".snakemake/metadata"), Path(".snakemake/incomplete")


def unrecorded(path):
    """Whether a file is there and Snakemake knows neither what made it nor that it was being made."""
    known = (record_file(str(path), folder).exists() for folder in (METADATA, INCOMPLETE))
    return Path(path).exists() and not any(known)


def self_described():
    """(rule, wildcards, output, record) of every result that says itself what made it."""
    for model, settings in study.models.items():
        made_by = "build_base_model" if settings["source"] == "pretrain" else "retrieve_base_model"
        yield made_by, {"model": model}, at("base", model=model), at("base_run", model=model)
    for task in study.tasks:
        of = {"task": task}
        yield "retrieve_source", of, at("source", of), at("source_record", of)
        yield "split_dataset", of, at("split", of, split="train"), at("manifest", of)
        for model in study.task_models(task):
            yield from self_described_of_model(of | {"model": model})


def self_described_of_model(of):
    """The same of one task and model."""
    task = of["task"]
    answers = at("training_answers", of, split="train")
    yield "predict_training_answers", of, answers, at("training_answers_record", of)
    yield "build_preferences", of, at("pairs", of, split="train"), at("pairs_manifest", of)
    for seed in (None, *study.extra_seeds(task)):
        maker = "compute_reference_logps" if seed is None else "compute_extra_seed_reference_logps"
        known, split = of | ({} if seed is None else {"seed": str(seed)}), with_seed("train", seed)
        yield maker, known, at("reference_logps", of, split=split), at("reference_record", of, split=split)
    seeded = [with_seed(stage, seed) for stage in STAGES for seed in study.extra_seeds(task)]
    for variant in (*VARIANTS, *seeded):
        known = of | {"variant": variant}
        yield "predict", known, at("answers", known), at("answers_record", known)
    for stage in STAGES:
        for trial in study.trials(task, stage):
            known = of | {"stage": stage, "trial": trial}
            yield "probe", known, at("trial_log", known, part="probe"), at("trial_run", known, part="probe")
            yield "find_plateau", known, at("plateau", known), at("plateau", known)
            yield "train", known, at("adapter", known), at("trial_run", known, part="adapter")
            yield "answer_dev", known, at("dev_answers", known), at("dev_record", known)
        for seed in study.extra_seeds(task):
            known, best = of | {"stage": stage, "seed": str(seed)}, with_seed(BEST, seed)
            yield "train_extra_seed", known, at("best", known, best=best), at("best_run", known, best=best)


def refuse_earlier_version():
    """Stop where a training was recorded under settings' old names: its steps follow other code than today's."""
    for _, _, _, record in self_described():
        if not record.endswith("run.json") or not Path(record).exists():
            continue
        made = read_json(record)
        if old := sorted(KEYS["stage"].keys() & {*made, *made.get("made_with", {}), *made.get("settings", {})}):
            raise WorkflowError(
                f"{record}: an earlier version wrote this ('{old[0]}' is '{KEYS['stage'][old[0]]}' today). Its results "
                "are not mixed with this version's. Finish them with that version, give this run another `run_name`, "
                f"or delete {at.folder('results')} and {at.folder('reports')}."
            )


def take_over_or_refuse():
    """Stop where a result that Snakemake knows nothing of says that it was made with other settings than today's.

    Where all are equal they are known from here on as made with these, so that the next change is seen.
    """
    lines, equal = [], []
    for name, wildcards, output, record in self_described():
        if unrecorded(output):
            wanted = workflow.get_rule(name).params.settings(Wildcards(fromdict=wildcards))
            made = read_json(record) if Path(record).exists() else {}
            made_with = made.get("made_with", made)
            lines += [f"{output}: {line}" for line in differences(made_with, wanted)]
            equal.append((name, wildcards, wanted))
    for selection in study_files.selections(study):
        of = parse("selection", selection)
        best = at("best", of, best=BEST)
        if unrecorded(best):
            wanted = workflow.get_rule("select_trial").params.settings(Wildcards(fromdict=of))
            trial = wanted["trial"]
            weights_now = Path(at("adapter", of, trial=str(trial)))
            if not weights_now.exists() or weights_now.read_bytes() != Path(best).read_bytes():
                lines.append(f"{best}: holds other weights than trial {trial}, which the config and the code choose")
            equal.append(("select_trial", of, wanted))
    if lines:
        raise WorkflowError(
            "What Snakemake knew of these results is gone with .snakemake, and they were made otherwise than the "
            "config says:\n" + "\n".join(lines) + "\nSet the config back, give the run another `run_name`, or "
            "delete these files, which makes them and what follows anew."
        )
    for name, wildcards, wanted in equal:
        for output in workflow.get_rule(name).expand_output(Wildcards(fromdict=wildcards))[0]:
            if unrecorded(output):  # its settings are spelled as Snakemake records them
                record_made_with(str(output), METADATA, RECORD_FORMAT_VERSION, [repr(wanted)])


def make_anew_unrecorded():
    """Have tables, figures, grades and cards made again where Snakemake does not know what made them: seconds."""
    of_task = ("*.csv", "data/checks.csv", "data/README.md", "data/checked.txt", "prompts")
    of_model = (
        "grades/*.csv",
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
    refuse_earlier_version()
    take_over_or_refuse()
    make_anew_unrecorded()
