"""Statements about the models of a run: base models, training, prompts and inference."""

from clinical_dpo.config.label_rules import scores_likelihood
from clinical_dpo.report.package.run_facts import Record, RunFacts
from clinical_dpo.variants import TITLES

REJECTED = {  # rejected_source -> where the rejected answer of a preference pair comes from
    "other_label": "another label of the task",
    "random_distractor": "a wrong option of the question, drawn at random",
    "field": "a field of the record",
    "sft_prediction": "the SFT model's own answer to the training question",
}
SETTINGS = ("learning_rate", "beta", "loss", "batch_size", "epochs", "lr_scheduler_type", "optimizer", "max_length")
TRAINING_HEADER = ("task", "model", "stage", "steps", "settings", "adapter", "seed", "device")


def base_models(facts: RunFacts) -> list[str]:
    """A line per base model: id, revision, number of weights and licence."""
    lines = []
    for model in facts.models():
        settings, base = facts.study.models[model], facts.bases[model]
        origin = {
            "hub": f"{base['id']} of the Hugging Face hub, revision {base['revision']}",
            "pretrain": "a small model that the workflow pre-trains on generated text",
            "folder": f"weights of a local folder, revision {base['revision']}",
        }[base["source"]]
        words = [f"{settings['title']}: {origin}."]
        words += [f"{settings['parameters']:,} weights."] if settings.get("parameters") else []
        words += [f"Licence: {settings['license']}."] if "license" in settings else []
        lines.append(" ".join(words))
    return lines


def objective(facts: RunFacts) -> list[str]:
    """A single line: what the run compares, on which models and tasks."""
    titles = "; ".join(facts.task_title(task) for task in facts.study.tasks)
    models = ", ".join(facts.study.models[model]["title"] for model in facts.models())
    return [
        "Fine-tuning and evaluation: supervised fine-tuning (SFT) and direct preference optimization (DPO) of the same "
        f"base models are compared on the same test items. Models: {models}. Tasks: {titles}."
    ]


def tasks(facts: RunFacts) -> list[str]:
    """A line per task: description, form of the answers, and labels."""
    lines = []
    for settings in facts.study.tasks.values():
        words = [f"{settings['title']}:"]
        words += [settings["description"].strip()] if "description" in settings else []
        words += [f"Answers: {settings['answer_type']}."]
        words += [f"Labels: {', '.join(settings['labels'])}."] if "labels" in settings else []
        lines.append(" ".join(words))
    return lines


def prompts(facts: RunFacts) -> list[tuple[str, str]]:
    """Return (title, wording) of each system prompt and prompt. A name in braces is a field of a record."""
    return [
        (f"{settings['title']}, {words}", settings[key])
        for settings in facts.study.tasks.values()
        for key, words in (("system_prompt", "system prompt"), ("prompt", "prompt"))
        if key in settings
    ]


def alignment(facts: RunFacts) -> list[str]:
    """A line that explains SFT and DPO, and a line per task: where its rejected answers come from."""
    lines = [
        "SFT trains on the prompts with their reference answers. DPO starts from the chosen SFT model and trains on "
        "pairs of the reference answer (chosen) and a rejected answer."
    ]
    for settings in facts.study.tasks.values():
        lines.append(f"{settings['title']}: the rejected answer is {REJECTED[settings['rejected_source']]}.")
    return lines


def training_rows(facts: RunFacts) -> list[tuple[str, ...]]:
    """Make a row with the columns TRAINING_HEADER for the chosen trial of each task, model and stage."""
    return [
        (
            facts.task_title(task),
            facts.study.titles[model],
            TITLES[stage],
            f"{run['steps']:,}",
            _settings(run),
            _adapter(run),
            str(run["seed"]),
            run["device"],
        )
        for (task, model, stage), run in facts.training.items()
    ]


def training(facts: RunFacts) -> list[str]:
    """The rows of `training_rows` as lines of text."""
    return [
        f"{task}, {model}, {stage}: {steps} steps; {settings}; {adapter}; seed {seed}; {device}."
        for task, model, stage, steps, settings, adapter, seed, device in training_rows(facts)
    ]


def _settings(run: Record) -> str:
    settings = run["settings"]
    return ", ".join(f"{key} {settings[key]}" for key in SETTINGS if settings.get(key) is not None)


def _adapter(run: Record) -> str:
    settings = run["settings"]
    if settings["adapter"] == "full":
        return "all weights"
    return ", ".join([settings["adapter"], *(f"{key} {value}" for key, value in settings["lora"].items())])


def search(facts: RunFacts) -> list[str]:
    """A line per task: the number of trials of each stage, and how the best trial is chosen."""
    lines = []
    for task, settings in facts.study.tasks.items():
        counts = [f"{len(facts.study.trials(task, stage))} of {TITLES[stage]}" for stage in facts.study.stages(task)]
        lines.append(
            f"{settings['title']}: trials per model: {', '.join(counts)}. If a stage has several trials, the one with "
            f"the best {settings['selection_metric']} on the dev split is chosen."
        )
    return lines


def inference(facts: RunFacts) -> list[str]:
    """A line per task: how its test answers are made."""
    lines = []
    for task, settings in facts.study.tasks.items():
        if scores_likelihood(settings):
            how = "the likelihood of each label is computed, without generation"
        else:
            how = (
                f"greedy decoding (no sampling, no temperature), at most {facts.study.answer_limit(task):,} new tokens"
            )
        lines.append(f"{settings['title']}: {how}; each prompt is a conversation of its own.")
    return lines


def devices(facts: RunFacts) -> list[str]:
    """Lines on hardware. The first line names all devices.

    Each further line has the training hours from a row of the table `cost`.
    """
    used = dict.fromkeys(record["device"] for record in (*facts.training.values(), *facts.answers.values()))
    lines = [f"Devices: {', '.join(used)}."] if used else []
    lines += [
        f"{facts.task_title(row['task'])}, {facts.study.titles[row['model']]}, {TITLES[row['stage']]}: "
        f"{float(row['hours']):.3g} hours on {row['device']} (training runs: {row['runs']})."
        for row in facts.rows("cost")
        if row["hours"]
    ]
    return lines


def seeds(facts: RunFacts) -> list[str]:
    """A line per task: its training seeds."""
    return [
        f"{facts.task_title(task)}: training seeds {', '.join(map(str, facts.study.seeds(task)))}."
        for task in facts.study.tasks
    ]


def libraries(facts: RunFacts) -> list[str]:
    """A single line: the version of the code, and the libraries in the run's records with their versions."""
    words = ", ".join(f"{name} {' and '.join(versions)}" for name, versions in facts.libraries().items())
    return [f"Code: clinical-dpo {facts.code}." + (f" Libraries: {words}." if words else "")]
