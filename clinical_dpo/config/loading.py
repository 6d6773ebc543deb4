"""A run's configuration read: files merged, every key checked against its schema and every name against its file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.config.endpoints import check_keys_are_encrypted
from clinical_dpo.config.external import check_externals
from clinical_dpo.config.generated_fields import check_generated_fields, own_writers, text_writers
from clinical_dpo.config.judges import check_judge
from clinical_dpo.config.privacy import check_private
from clinical_dpo.config.renames import refuse_old_names
from clinical_dpo.config.study import Study, merge
from clinical_dpo.config.task_rules import check_fit, check_used
from clinical_dpo.errors import UserError, did_you_mean
from clinical_dpo.paths import FOLDERS
from clinical_dpo.schemas import properties, read_yaml, validate
from clinical_dpo.variants import STAGES


def load_study(config: Mapping[str, Any], root: Path) -> Study:
    """Read and check everything a run's config names.

    Args:
        config: config/config.yaml with the run's overrides already merged.
        root: the project's folder, which holds config/tasks and config/models.

    Raises:
        UserError: a key, file or value that is wrong, with what would be right.
    """
    _refuse_old_names(config, root)
    validate(config, "config", "config")
    check_keys_are_encrypted(config)
    _check_names(config, root)
    overrides = config.get("overrides", {})
    tasks = {name: _named(root / "config/tasks", "task", name, overrides) for name in config["tasks"]}
    model_names = [path.stem for path in (root / "config/models").glob("*.yaml")]
    for name, task in tasks.items():
        _check_task(name, task, config)
        check_judge(task, config)
        check_generated_fields(task, config, model_names)
    paths = Study(config, {}, {}, {}).paths
    check_private(tasks, {name: paths.folder("results", name) for name in tasks})
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


def _refuse_old_names(config: Mapping[str, Any], root: Path) -> None:
    """Name every old key of the config and of its task files at once, before any of them is checked further."""
    names = config["tasks"] if isinstance(config.get("tasks"), list) else []
    paths = [path for name in names if (path := root / f"config/tasks/{name}.yaml").exists()]
    files = {f"config/tasks/{path.name}": ("task", read_yaml(path)) for path in paths}
    refuse_old_names({"config": ("config", config), **files})


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
    for name in set(known["models"]) & set(FOLDERS):
        raise UserError(f"config/models/{name}.yaml: '{name}' is a folder of every task's results. Take another name.")
    if config["run_name"] in [*known["tasks"], "models"]:
        raise UserError(
            f"config: run_name '{config['run_name']}' is a folder of the published study. Take another name."
        )


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
    elif settings["save_steps"] % settings["logging_steps"]:  # a resumed run would log means over other steps
        yield f"save_steps {settings['save_steps']} is no multiple of logging_steps {settings['logging_steps']}."
    elif stage == "dpo" and settings["adapter"] == "lora" and "8bit" in settings["optimizer"]:
        yield f"optimizer {settings['optimizer']} moves weights without a gradient, such as the frozen SFT ranks."
    elif stage == "dpo" and settings["adapter"] == "lora" and settings["weight_decay"]:
        yield "weight_decay must be 0 with adapter lora: decay would shrink the frozen SFT ranks."
