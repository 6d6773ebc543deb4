"""The study as configured: files merged, every key checked against its schema, trials spelled out."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.external import check_externals
from clinical_dpo.judging.settings import check_judge
from clinical_dpo.schemas import did_you_mean, properties, read_yaml, validate
from clinical_dpo.task_checks import check_fit, check_used
from clinical_dpo.text_settings import check_texts, missing_text, own_writers, text_writers

STAGES = ("sft", "dpo")
VARIANTS = ("base", "sft", "dpo")
SWEPT = ("learning_rate", "beta")


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `override`; mappings are merged key by key, everything else is replaced."""
    merged = dict(base)
    for key, value in override.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def in_order(value: Any) -> Any:
    """The same value with every mapping in the order of its keys: what a config means has no order of keys."""
    if isinstance(value, Mapping):
        return {key: in_order(value[key]) for key in sorted(value, key=str)}
    return [in_order(each) for each in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Study:
    """One run: which tasks and models, how each is trained, where its files go."""

    config: Mapping[str, Any]
    tasks: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]  # of every recipe that a task names
    left_out: Mapping[str, str]  # task -> why
    families: Mapping[str, list[str]] = field(default_factory=dict)  # recipe -> its tasks, those left out included

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

    @cached_property
    def ratings(self) -> str:
        """Folder that raters' files come back to."""
        return f"ratings/{self.config['run']}" if self.config["run"] else "ratings"

    @cached_property
    def all_raters(self) -> list[str]:
        """Everyone who gets a sheet."""
        people = (
            person
            for task in self.tasks.values()
            for person in (*task.get("raters", ()), *([task["adjudicator"]] if "adjudicator" in task else ()))
        )
        return list(dict.fromkeys(people))

    def task_models(self, task: str) -> list[str]:
        """The models a task runs on: its recipe's."""
        return self.config["recipes"][self.tasks[task]["recipe"]]["models"]

    def family(self, task: str) -> list[str]:
        """The tasks that share one significance level with this one: its recipe's, those left out included."""
        return self.families[self.tasks[task]["recipe"]]

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

    def seeds(self, task: str) -> list[int]:
        """Training seeds of a task's chosen trials; the first is the run's own, which all trials are trained with."""
        return self.tasks[task].get("training", {}).get("seeds", self.config["seeds"])

    def missing(self, task: str) -> tuple[str, str] | None:
        """What keeps a task from its own text, and the mend: no data file, or no access to what writes texts for it."""
        return missing_text(self.tasks[task], self.config, self.results)

    def is_missing(self, task: str) -> bool:
        """Whether something keeps the task from its own text."""
        return self.missing(task) is not None

    def texts(self, task: str) -> Mapping[str, Mapping[str, Any]]:
        """Field -> settings of the texts written for a task; a stand-in brings its own."""
        return {} if self.is_missing(task) else self.tasks[task].get("texts", {})

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
    number = r"(\d+(?:\.\d+)?(?:e[-+]\d+)?)"
    match = re.fullmatch(rf"lr{number}(?:_beta{number})?", name)
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
    tasks = {name: _named(root / "config/tasks", "task", name, overrides) for name in config["tasks"]}
    model_names = [path.stem for path in (root / "config/models").glob("*.yaml")]
    for name, task in tasks.items():
        _check_task(name, task, config)
        check_judge(task, config)
        check_texts(task, config, model_names)
    families: dict[str, list[str]] = {}
    for name, task in tasks.items():
        families.setdefault(task["recipe"], []).append(name)
    used = dict.fromkeys(model for recipe in families for model in config["recipes"][recipe]["models"])
    used |= dict.fromkeys(model for task in tasks.values() for model in text_writers(task, "model"))
    models = {name: _named(root / "config/models", "model", name, overrides) for name in used}
    study = Study(config, tasks, models, {})
    for name in tasks:
        for model in study.task_models(name):
            if study.stage(name, "sft")["adapter"] == "full" and models[model].get("quantization"):
                raise UserError(
                    f"config/models/{model}.yaml: four-bit weights cannot be trained themselves (task {name}). "
                    "Set quantization: null, or adapter: lora."
                )
    missing = {name: found for name in tasks if (found := study.missing(name))}
    for name, (why, mend) in missing.items():
        if tasks[name]["when_missing"] == "error":
            raise UserError(f"config/tasks/{name}.yaml: {why}. {mend}.")
    left_out = {name: why for name, (why, _) in missing.items() if tasks[name]["when_missing"] == "leave_out"}
    if len(left_out) == len(tasks):
        raise UserError(f"No task is left to run: {'; '.join(f'{name}: {why}' for name, why in left_out.items())}.")
    kept = {name: task for name, task in tasks.items() if name not in left_out}
    check_externals({name: task for name, task in kept.items() if name not in missing}, model_names)
    return Study(config, kept, models, left_out, families)


def _named(folder: Path, kind: str, name: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    path = folder / f"{name}.yaml"
    own = overrides.get(f"{kind}s", {}).get(name, {})
    value = merge(read_yaml(path), own)
    for key in ("source", "stand_in"):  # another kind of source replaces the old one whole
        if "kind" in own.get(key, {}):
            value[key] = own[key]
    value |= own_writers(value, own)
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
            hint = did_you_mean(name, known[kind])
            raise UserError(f"config: key '{key}' names '{name}', no file of config/{kind}.{hint}")
    if config["run"] in [*known["tasks"], "models"]:
        raise UserError(f"config: run '{config['run']}' is a folder of the published study. Take another name.")


def _check_task(name: str, task: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """What a schema cannot say: the recipe exists, a stage is complete, a choice needs a dev set, batches divide."""
    where = f"config/tasks/{name}.yaml"
    recipes = config["recipes"]
    if task["recipe"] not in recipes:
        raise UserError(
            f"{where}: recipe '{task['recipe']}' is not known.{did_you_mean(task['recipe'], sorted(recipes))}"
        )
    study = Study(config, {name: task}, {}, {})
    if study.seeds(name)[0] != config["seed"]:
        key = f"{where}: key 'training.seeds'" if "seeds" in task.get("training", {}) else "config: key 'seeds'"
        raise UserError(
            f"{key} begins with {study.seeds(name)[0]}; it must begin with the run's seed, {config['seed']}."
        )
    for stage in STAGES:
        for problem in _stage_problems(study.stage(name, stage), stage):
            raise UserError(f"{where}, recipe {task['recipe']}, stage {stage}: {problem}")
        if len(study.trials(name, stage)) > 1 and not task["splits"].get("dev"):
            raise UserError(f"{where}: {stage} has several trials but splits.dev is 0. Give a dev split, or one trial.")
    check_fit(task, where)
    own = config.get("overrides", {}).get("tasks", {}).get(name)
    check_used(task, own or task, f"config: overrides.tasks.{name}" if own else where)


def _stage_problems(settings: Mapping[str, Any], stage: str) -> Iterator[str]:
    of_dpo = {"beta", "loss", "label_smoothing"}
    keys = properties("stage")
    missing = sorted((keys - of_dpo if stage == "sft" else keys) - set(settings))
    if missing:
        yield f"key '{missing[0]}' is missing."
    elif stage == "sft" and of_dpo & set(settings):
        yield f"key '{min(of_dpo & set(settings))}' is for dpo."
    elif {"rank", "alpha", "dropout"} - set(settings["lora"]):
        yield "key 'lora' needs rank, alpha and dropout."
    elif (settings["max_steps"] is None) == (settings["epochs"] is None):
        yield "one of max_steps and epochs is needed, the other null."
    elif settings["plateau"] and settings["max_steps"] is None:
        yield "plateau needs max_steps: the probe's length."
    elif settings["batch_size"] % settings["micro_batch_size"]:
        yield f"micro_batch_size {settings['micro_batch_size']} does not divide batch_size {settings['batch_size']}."
    elif settings["checkpoint_steps"] % settings["log_steps"]:  # a resumed run would log means over other steps
        yield f"checkpoint_steps {settings['checkpoint_steps']} is no multiple of log_steps {settings['log_steps']}."
    elif stage == "dpo" and settings["adapter"] == "lora" and "8bit" in settings["optimizer"]:
        yield f"optimizer {settings['optimizer']} moves weights without a gradient, such as the frozen SFT ranks."
    elif stage == "dpo" and settings["adapter"] == "lora" and settings["weight_decay"]:
        yield "weight_decay must be 0 with adapter lora: decay would shrink the frozen SFT ranks."
