# Results whose `.snakemake` is gone, because it was deleted or because the results came from elsewhere.

import itertools

from snakemake.iocontainers import Wildcards
from snakemake.persistence import RECORD_FORMAT_VERSION

from clinical_dpo.earlier_results import differences, record_as_unknown, record_file

METADATA, INCOMPLETE = Path(".snakemake/metadata"), Path(".snakemake/incomplete")


def unrecorded(path):
    """Whether a file is there and Snakemake knows neither what made it nor that it was being made."""
    known = (record_file(str(path), folder).exists() for folder in (METADATA, INCOMPLETE))
    return Path(path).exists() and not any(known)


def self_described():
    """(output, rule, wildcards, record) of every result that says itself what made it."""
    for model, settings in study.models.items():
        made_by = "build_base_model" if settings["source"] == "pretrain" else "retrieve_base_model"
        yield base_model(model), made_by, {"model": model}, "run.json"
    for task in study.tasks:
        data = f"{results}/{task}/data"
        yield f"{data}/source.jsonl", "retrieve_source", {"task": task}, "source.json"
        yield f"{data}/train.jsonl", "split_dataset", {"task": task}, "manifest.json"
        for model in study.task_models(task):
            yield from self_described_of_model(task, model)


def self_described_of_model(task, model):
    """The same of one task and model."""
    folder, names = f"{results}/{task}/{model}", {"task": task, "model": model}
    pairs = f"{folder}/preferences"
    yield f"{pairs}/train.answers.jsonl", "predict_training_answers", names, "answers.json"
    yield f"{pairs}/train.jsonl", "build_preferences", names, "manifest.json"
    seeded = [f"{stage}_seed{seed}" for stage in STAGES for seed in repeat_seeds(task)]
    for variant in (*VARIANTS, *seeded):
        answers = f"{folder}/predictions/{variant}.jsonl"
        yield answers, "predict_answers", names | {"variant": variant}, f"{variant}.json"
    for stage in STAGES:
        for trial in study.trials(task, stage):
            at, known = f"{folder}/{stage}/{trial}", names | {"stage": stage, "trial": trial}
            yield f"{at}/probe/log.csv", f"probe_{stage}", known, "run.json"
            yield f"{at}/probe/steps.json", "find_plateau", known, "steps.json"
            yield f"{at}/adapter/{CHECKSUMS}", f"train_{stage}", known, "run.json"
            yield f"{at}/dev.jsonl", "answer_dev", known, "dev.json"
        for seed in repeat_seeds(task):
            again = f"{folder}/{stage}/best_seed{seed}/{CHECKSUMS}"
            yield again, f"repeat_{stage}", names | {"seed": str(seed)}, "run.json"


def refuse_unlike():
    """Stop where a result that Snakemake knows nothing of says that it was made with other settings than today's."""
    lines = []
    for output, name, wildcards, record in self_described():
        if unrecorded(output):
            wanted = workflow.get_rule(name).params.settings(Wildcards(fromdict=wildcards))
            path = Path(output).parent / record
            made = read_json(path) if path.exists() else {}
            made_with = made.get("made_with", made)
            lines += [f"{output}: {line}" for line in differences(made_with, wanted)]
    for task, model, stage in itertools.product(study.tasks, study.models, STAGES):
        best = f"{results}/{task}/{model}/{stage}/best/{CHECKSUMS}"
        if model in study.task_models(task) and unrecorded(best):
            trial = chosen_trial(Wildcards(fromdict={"task": task, "model": model, "stage": stage}))
            weights_now = Path(f"{results}/{task}/{model}/{stage}/{trial}/adapter/{CHECKSUMS}")
            if not weights_now.exists() or weights_now.read_bytes() != Path(best).read_bytes():
                lines.append(f"{best}: holds other weights than trial {trial}, which the config and the code choose")
    if lines:
        raise WorkflowError(
            "What Snakemake knew of these results is gone with .snakemake, and they were made otherwise than the "
            "config says:\n" + "\n".join(lines) + "\nSet the config back, give the run another name (`run`), or "
            "delete these files, which makes them and what follows anew."
        )


def make_anew_unrecorded():
    """Have tables, figures, grades and cards made again where Snakemake does not know what made them: seconds."""
    of_task = ("*.csv", "data/checks.csv", "data/README.md", "data/checked.txt", "prompts")
    of_model = ("grades/*.csv", "grading/*.*", "judge/*.*", "predictions/external.*", "*/selection.csv")
    patterns = [f"{results}/*/{name}" for name in of_task] + [f"{results}/*/*/{name}" for name in of_model]
    patterns += [f"{reports}/*.*", f"{reports}/*/*.*"]
    for path in (path for pattern in patterns for path in Path().glob(pattern)):
        if unrecorded(path):
            record_as_unknown(str(path), METADATA, RECORD_FORMAT_VERSION)


if workflow.is_main_process:
    refuse_unlike()
    make_anew_unrecorded()
