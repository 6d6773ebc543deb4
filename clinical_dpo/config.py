"""The study as configured: files merged, every key checked against its schema, trials spelled out."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from clinical_dpo.errors import UserError

SCHEMAS = Path(__file__).parent.parent / "workflow" / "schemas"
STAGES = ("sft", "dpo")
VARIANTS = ("base", "sft", "dpo")
SWEPT = ("learning_rate", "beta")
FITTING: dict[str, dict[str, tuple[str, ...]]] = {  # key of a task file -> outcome -> values that make sense
    "rejected": {
        "label": ("other_label", "given", "sft_prediction"),
        "answer": ("random_distractor", "given", "sft_prediction"),
        "text": ("given", "random_distractor", "sft_prediction"),
    },
    "selection": {"label": ("f1", "exact"), "answer": ("exact", "rouge_l"), "text": ("rouge_l", "exact")},
    "grader": {
        "label": ("label", "exact", "physicians"),
        "answer": ("exact", "physicians"),
        "text": ("judge", "rouge_likert"),
    },
    "metric": {"label": ("f1", "accuracy"), "answer": ("accuracy",), "text": ("likert",)},
    "test": {"label": ("mcnemar",), "answer": ("mcnemar",), "text": ("paired_t",)},
}


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `override`; mappings are merged key by key, everything else is replaced."""
    merged = dict(base)
    for key, value in override.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping. Raises UserError naming file and line."""
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except FileNotFoundError:
        known = sorted(file.stem for file in path.parent.glob("*.yaml"))
        raise UserError(f"{path}: no such file.{_did_you_mean(path.stem, known)}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise UserError(f"{path}, line {line}: not valid YAML ({error.problem}).") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: a YAML mapping (key: value) is needed, this is a {type(value).__name__}.")
    return value


def _did_you_mean(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else f" Known: {', '.join(known)}."


@cache
def _validator(name: str) -> Any:
    # Imported late: a job that only reads YAML should not pay for it.
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    files = [(path.name, Resource.from_contents(read_yaml(path))) for path in sorted(SCHEMAS.glob("*.schema.yaml"))]
    registry: Any = Registry().with_resources(files)
    return Draft202012Validator(registry[f"{name}.schema.yaml"].contents, registry=registry)


def validate(value: Mapping[str, Any], schema: str, where: str) -> None:
    """Check `value` against workflow/schemas/{schema}.schema.yaml.

    Raises UserError naming `where`, the key and what would be right; an unknown key is answered with the nearest one.
    """
    errors = sorted(
        _validator(schema).iter_errors(value), key=lambda error: [str(part) for part in error.absolute_path]
    )
    if not errors:
        return
    error = errors[0]
    key = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))[0]
        full = f"{key}.{unknown}" if key else unknown
        raise UserError(f"{where}: key '{full}' is not known.{_did_you_mean(unknown, known)}")
    if error.validator == "required":
        missing = sorted(set(error.validator_value) - set(error.instance))[0]
        raise UserError(f"{where}: key '{f'{key}.{missing}' if key else missing}' is missing.")
    hint = error.schema.get("description", "") if isinstance(error.schema, Mapping) else ""
    raise UserError(f"{where}: key '{key}': {error.message}. {hint}".rstrip())


@dataclass(frozen=True)
class Study:
    """One run: which tasks and models, how each is trained, where its files go."""

    config: Mapping[str, Any]
    tasks: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]
    left_out: Mapping[str, str]  # task -> why

    @cached_property
    def results(self) -> str:
        """Folder of the run's results."""
        return f"results/{self.config['run']}" if self.config["run"] else "results"

    @cached_property
    def reports(self) -> str:
        """Folder of the run's figures and tables."""
        return f"reports/{self.config['run']}" if self.config["run"] else "reports"

    @cached_property
    def logs(self) -> str:
        """Folder of the run's logs."""
        return f"logs/{self.config['run']}" if self.config["run"] else "logs"

    def stage(self, task: str, stage: str) -> dict[str, Any]:
        """All settings of one stage of one task: its recipe's, then what the task file changes."""
        own = self.tasks[task].get("training", {})
        recipe = self.config["recipes"][self.tasks[task]["recipe"]]
        fixed = {"adapter": own.get("adapter", recipe["adapter"]), "seed": self.config["seed"]}
        return fixed | merge(recipe[stage], own.get(stage, {}))

    def training(self, task: str, stage: str) -> dict[str, Any]:
        """The settings that all trials of a stage share."""
        return {key: value for key, value in self.stage(task, stage).items() if key not in SWEPT}

    def trials(self, task: str, stage: str) -> dict[str, dict[str, float]]:
        """Trial name -> swept values, in the order of the config: `lr1e-05`, `lr1e-06_beta0.1`."""
        settings = self.stage(task, stage)
        swept = [key for key in SWEPT if key in settings]
        trials = [dict(zip(swept, values, strict=True)) for values in product(*(settings[key] for key in swept))]
        return {trial_name(values): values for values in trials}

    def is_missing(self, task: str) -> bool:
        """Whether the task's own data file is not there."""
        source = self.tasks[task]["source"]
        return source["kind"] == "file" and not Path(os.path.expandvars(source["path"])).exists()

    def source(self, task: str) -> Mapping[str, Any]:
        """The source the task is read from in this run, the stand-in where its own is missing."""
        settings = self.tasks[task]
        return settings["stand_in"] if self.is_missing(task) else settings["source"]

    def is_synthetic(self, task: str) -> bool:
        """Whether the task's text is generated, by choice or as a stand-in."""
        return self.source(task)["kind"] == "synthetic"


def trial_name(values: Mapping[str, float]) -> str:
    """A trial's folder: `lr1e-05`, with a beta `lr1e-06_beta0.1`."""
    mantissa, exponent = f"{values['learning_rate']:.6e}".split("e")
    name = f"lr{mantissa.rstrip('0').rstrip('.')}e{exponent}"
    return f"{name}_beta{values['beta']:g}" if "beta" in values else name


def parse_trial(name: str, stage: str) -> dict[str, float]:
    """The swept values that a trial's name spells: `lr1e-06_beta0.1` -> learning_rate 1e-06, beta 0.1.

    Raises:
        UserError: a name that is not one of the stage's, or spells its values otherwise than `trial_name`.
    """
    match = re.fullmatch(r"lr([0-9.]+e[-+][0-9]+)(?:_beta([0-9.]+))?", name)
    if match and bool(match[2]) == (stage == "dpo"):
        values = {"learning_rate": float(match[1])} | ({"beta": float(match[2])} if match[2] else {})
        if trial_name(values) == name:
            return values
        raise UserError(f"'{name}' is not how this trial is spelled. Write {trial_name(values)}.")
    spelled = "lr1e-06_beta0.1" if stage == "dpo" else "lr1e-05"
    raise UserError(f"'{name}' is no trial of {stage}. One is spelled {spelled}.")


def load_study(config: Mapping[str, Any], root: Path) -> Study:
    """Read and check everything a run's config names.

    Args:
        config: config/config.yaml with the run's overrides already merged.
        root: the project's folder, which holds config/tasks and config/models.

    Raises:
        UserError: a key, file or value that is wrong, with what would be right.
    """
    validate(config, "config", "config")
    _check_names(config, root)
    overrides = config.get("overrides", {})
    models = {name: _named(root / "config/models", "model", name, overrides) for name in config["models"]}
    tasks = {name: _named(root / "config/tasks", "task", name, overrides) for name in config["tasks"]}
    for name, task in tasks.items():
        _check_task(name, task, config)
    study = Study(config, tasks, models, {})
    missing = {name: f"{task['source']['path']} is not there" for name, task in tasks.items() if study.is_missing(name)}
    for name, why in missing.items():
        if tasks[name]["when_missing"] == "error":
            raise UserError(f"config/tasks/{name}.yaml: {why}. Put it there, or correct source.path.")
    left_out = {name: why for name, why in missing.items() if tasks[name]["when_missing"] == "leave_out"}
    if len(left_out) == len(tasks):
        raise UserError(f"No task is left to run: {'; '.join(f'{name}: {why}' for name, why in left_out.items())}.")
    kept = {name: task for name, task in tasks.items() if name not in left_out}
    return Study(config, kept, models, left_out)


def _named(folder: Path, kind: str, name: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    path = folder / f"{name}.yaml"
    own = overrides.get(f"{kind}s", {}).get(name, {})
    value = merge(read_yaml(path), own)
    for key in ("source", "stand_in"):  # another kind of source replaces the old one whole
        if "kind" in own.get(key, {}):
            value[key] = own[key]
    where = f"config/{kind}s/{name}.yaml" + (f" with overrides.{kind}s.{name} of the config" if own else "")
    validate(value, kind, where)
    if value["name"] != name:
        raise UserError(f"{where}: name is '{value['name']}'; it must equal the file's name, '{name}'.")
    return value


def _check_names(config: Mapping[str, Any], root: Path) -> None:
    """Every name the config uses is a file's; the run's own is none of them, since both name folders of results/."""
    known = {
        kind: sorted(path.stem for path in (root / "config" / kind).glob("*.yaml")) for kind in ("tasks", "models")
    }
    used = [("figure2", "tasks", task) for task in config["figure2"].values()]
    used += [(f"overrides.{kind}", kind, name) for kind, named in config.get("overrides", {}).items() for name in named]
    for key, kind, name in used:
        if name not in known[kind]:
            hint = _did_you_mean(name, known[kind])
            raise UserError(f"config: key '{key}' names '{name}', no file of config/{kind}.{hint}")
    if config["run"] in [*known["tasks"], "models"]:
        raise UserError(f"config: run '{config['run']}' is a folder of the published study. Take another name.")


def _check_task(name: str, task: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """What a schema cannot say: the recipe exists, a stage is complete, a choice needs a dev set, batches divide."""
    where = f"config/tasks/{name}.yaml"
    recipes = config["recipes"]
    if task["recipe"] not in recipes:
        raise UserError(
            f"{where}: recipe '{task['recipe']}' is not known.{_did_you_mean(task['recipe'], sorted(recipes))}"
        )
    study = Study(config, {name: task}, {}, {})
    for stage in STAGES:
        for problem in _stage_problems(study.stage(name, stage), stage):
            raise UserError(f"{where}, recipe {task['recipe']}, stage {stage}: {problem}")
        if len(study.trials(name, stage)) > 1 and not task["splits"].get("dev"):
            raise UserError(f"{where}: {stage} has several trials but splits.dev is 0. Give a dev split, or one trial.")
    for key, per_outcome in FITTING.items():
        fitting = per_outcome[task["outcome"]]
        if task[key] not in fitting:
            raise UserError(
                f"{where}: {key} {task[key]} does not go with outcome {task['outcome']}. Fitting: {', '.join(fitting)}."
            )
    if task["metric"] == "f1" and task["grader"] != "label":
        raise UserError(f"{where}: metric f1 cannot be computed from grader {task['grader']}. Take accuracy.")
    unknown = set(task.get("label_synonyms", {})) - set(task.get("labels", []))
    if unknown:
        raise UserError(f"{where}: label_synonyms names '{sorted(unknown)[0]}', which is not one of labels.")


def _stage_problems(settings: Mapping[str, Any], stage: str) -> Iterator[str]:
    of_dpo = {"beta", "loss", "label_smoothing"}
    keys = set(_validator("stage").schema["properties"])
    missing = sorted((keys - of_dpo if stage == "sft" else keys) - set(settings))
    if missing:
        yield f"key '{missing[0]}' is missing."
    elif stage == "sft" and of_dpo & set(settings):
        yield f"key '{min(of_dpo & set(settings))}' is for dpo."
    elif {"rank", "alpha", "dropout"} - set(settings["lora"]):
        yield "key 'lora' needs rank, alpha and dropout."
    elif settings["batch_size"] % settings["micro_batch_size"]:
        yield f"micro_batch_size {settings['micro_batch_size']} does not divide batch_size {settings['batch_size']}."
    elif stage == "dpo" and settings["adapter"] == "lora" and settings["weight_decay"]:
        yield "weight_decay must be 0 with adapter lora: decay would shrink the frozen SFT ranks."
