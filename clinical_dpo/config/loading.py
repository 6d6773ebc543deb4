"""Read and check a run's configuration: merge its files, check keys against schemas, and names against files."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from clinical_dpo.config.column_rules import check_columns
from clinical_dpo.config.endpoints import check_keys_are_encrypted
from clinical_dpo.config.external import check_externals
from clinical_dpo.config.generated_fields import check_generated_fields, field_writers, own_writers
from clinical_dpo.config.judges import check_judge
from clinical_dpo.config.label_rules import check_labels, with_composed_labels
from clinical_dpo.config.lora_targets import check_targets
from clinical_dpo.config.margins import check_margin
from clinical_dpo.config.model_sizes import check_sizes, sizes_fit
from clinical_dpo.config.privacy import check_private
from clinical_dpo.config.raters import check_sample, with_sample
from clinical_dpo.config.study import Study, complete_recipes, merge
from clinical_dpo.config.task_rules import check_fit, check_used, default_selection_metric
from clinical_dpo.errors import UserError, did_you_mean
from clinical_dpo.model_files import count_weights, layer_sizes, model_folder
from clinical_dpo.paths import FOLDERS, Paths
from clinical_dpo.problems import collecting, raise_together
from clinical_dpo.renames import refuse_old_names
from clinical_dpo.schemas import properties, validate
from clinical_dpo.variants import PAIRED_SETTINGS, PAIRED_STAGES, STAGES
from clinical_dpo.yaml_files import read_yaml

SWITCHES = ("allow_generated",)  # keys of the config that are true or false

# Keys of a model file that belong to one source of models.
SOURCE_KEYS = {
    "hub": ("id", "revision", "parameters", "sizes"),
    "folder": ("path",),
    "pretrain": ("architecture", "pretraining"),
}


def load_study(config: Mapping[str, Any], root: Path) -> Study:
    """Read and check a run's config and every file that it names.

    Args:
        config: config/config.yaml with the run's overrides already merged.
        root: the project's folder, which holds config/tasks and config/models.

    Raises:
        UserError: a key, file or value is wrong. The message has all mistakes of the files, and how to correct them.
    """
    _refuse_old_names(config, root)
    config = _with_typed_switches(config)
    validate(config, "config", "config")
    config = complete_recipes(config)
    check_keys_are_encrypted(config)
    _check_names(config, root)
    overrides = config.get("overrides", {})
    tasks = _read_files(root / "config/tasks", "task", config["tasks"], overrides)
    model_names = [path.stem for path in (root / "config/models").glob("*.yaml")]
    problems: list[UserError] = []
    for name, task in tasks.items():
        for check in (
            partial(_check_task, name, task, config),
            partial(check_judge, task, config),
            partial(check_generated_fields, task, config, model_names),
        ):
            with collecting(problems):
                check()
    raise_together(problems)
    paths = Study(config, {}, {}, {}).paths
    check_private(tasks, {name: paths.folder("results", name) for name in tasks})
    families: dict[str, list[str]] = {}
    for name, task in tasks.items():
        families.setdefault(task["recipe"], []).append(name)
    used = dict.fromkeys(model for recipe in families for model in config["recipes"][recipe]["models"])
    used |= dict.fromkeys(model for task in tasks.values() for model in field_writers(task, "model"))
    models = _read_models(used, root, overrides, paths)
    study = Study(config, tasks, models, {})
    for name in tasks:
        for model in study.task_models(name):
            if study.stage(name, "sft")["adapter"] == "full" and models[model].get("quantization"):
                raise UserError(
                    f"config/models/{model}.yaml: key 'quantization': four-bit weights can be trained only through an "
                    f"adapter. Set quantization: null, or set adapter: lora in task {name}."
                )
    missing = {name: problem for name in tasks if (problem := study.missing(name))}
    for name, (reason, mend) in missing.items():
        if tasks[name]["when_missing"] == "error":
            raise UserError(f"config/tasks/{name}.yaml: {reason}. {mend}.")
    left_out = {name: reason for name, (reason, _) in missing.items() if tasks[name]["when_missing"] == "leave_out"}
    if len(left_out) == len(tasks):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise UserError(f"config: key 'tasks': all tasks are left out ({reasons}). Add data, or name another task.")
    kept = {name: task for name, task in tasks.items() if name not in left_out}
    check_externals({name: task for name, task in kept.items() if name not in missing}, model_names)
    return Study(config, kept, models, left_out, families)


def merged_file(folder: Path, kind: str, name: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Read a task or model file and merge the run's overrides into it, without a check.

    Args:
        folder: config/tasks or config/models.
        kind: task or model.
        name: the file's name without its suffix.
        overrides: `overrides` of the config.
    """
    own = _own(overrides, kind, name)
    value = merge(read_yaml(folder / f"{name}.yaml"), own)
    for key in ("source", "stand_in"):  # an override that names a kind of source replaces all settings of the source
        if "kind" in own.get(key, {}):
            value[key] = own[key]
    if kind == "model" and "source" in own:  # likewise
        others = {key for source, keys in SOURCE_KEYS.items() if source != own["source"] for key in keys}
        value = {key: setting for key, setting in value.items() if key in own or key not in others}
    return value | own_writers(value, own)


def _own(overrides: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    """The overrides of one task or model."""
    own: Mapping[str, Any] = overrides.get(f"{kind}s", {}).get(name, {})
    return own


def check_config_files(paths: Iterable[Path]) -> None:
    """Refuse config files that Snakemake would read in another way than they look.

    Snakemake takes the last of two equal keys.

    Raises:
        UserError: a file has a fault that `read_yaml` refuses. The message has the faults of all files.
    """
    problems: list[UserError] = []
    for path in paths:
        with collecting(problems):
            read_yaml(path)
    raise_together(problems)


def _with_typed_switches(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with its switches as true or false. Snakemake reads `--config KEY=true` as text."""
    values = {"true": True, "false": False}
    switches = [key for key in SWITCHES if str(config.get(key)) in values]
    return {**config, **{key: values[config[key]] for key in switches}}


def _refuse_old_names(config: Mapping[str, Any], root: Path) -> None:
    """Refuse all old names of the config and of its task files in one message, before any other check."""
    names = config["tasks"] if isinstance(config.get("tasks"), list) else []
    paths = [path for name in names if (path := root / f"config/tasks/{name}.yaml").exists()]
    problems: list[UserError] = []
    files = {}
    for path in paths:
        with collecting(problems):
            files[f"config/tasks/{path.name}"] = ("task", read_yaml(path))
    raise_together(problems)
    refuse_old_names({"config": ("config", config), **files})


def _read_files(
    folder: Path, kind: str, names: Iterable[str], overrides: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Read several task or model files. The error has the mistakes of all files."""
    problems: list[UserError] = []
    values = {}
    for name in names:
        with collecting(problems):
            values[name] = _read_file(folder, kind, name, overrides)
    raise_together(problems)
    return values


def _read_file(folder: Path, kind: str, name: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Read a task or model file (`kind` is task or model), merge the run's overrides into it, and check the result."""
    value, own = merged_file(folder, kind, name, overrides), _own(overrides, kind, name)
    where = f"config/{kind}s/{name}.yaml" + (f" with overrides.{kind}s.{name} of the config" if own else "")
    validate(value, kind, where)
    if kind == "task":
        value.setdefault("selection_metric", default_selection_metric(value["answer_type"]))
        value = with_sample(value)
        value |= with_composed_labels(value)
    if value["name"] != name:
        raise UserError(f"{where}: key 'name' is '{value['name']}'. Set it to the file's name, '{name}'.")
    if kind == "model":
        check_targets(value, where)
        check_sizes(value, where)
    return value


def _read_models(
    names: Iterable[str], root: Path, overrides: Mapping[str, Any], paths: Paths
) -> dict[str, dict[str, Any]]:
    """Read and check model files. Where the weights are on disk, `parameters` and `sizes` are read there.

    Raises:
        UserError: a file is wrong. The message has all mistakes of all these files.
    """
    models = {}
    problems: list[UserError] = []
    for name in names:
        with collecting(problems):
            settings = _read_file(root / "config/models", "model", name, overrides)
            folder = Path(paths("base", model=name)).parent
            if settings["source"] == "folder":
                folder = model_folder(settings["path"], f"config/models/{name}.yaml")
            if settings["source"] != "pretrain" and (counted := count_weights(folder)):
                settings["parameters"] = counted
                settings.pop("sizes", None)
                if (sizes := layer_sizes(folder)) and sizes_fit(sizes, counted):
                    settings["sizes"] = sizes
            models[name] = settings
    raise_together(problems)
    return models


def _check_names(config: Mapping[str, Any], root: Path) -> None:
    """Refuse tasks and models without a file, and names that two folders of results/ would share."""
    files = {
        kind: sorted(path.stem for path in (root / "config" / kind).glob("*.yaml")) for kind in ("tasks", "models")
    }
    used = [("figure2", "tasks", task) for task in config["figure2"].values()]
    used += [(f"overrides.{kind}", kind, name) for kind, names in config.get("overrides", {}).items() for name in names]
    for key, kind, name in used:
        if name not in files[kind]:
            hint = did_you_mean(name, files[kind])
            raise UserError(f"config: key '{key}' names '{name}', which is not a file of config/{kind}.{hint}")
    for name in set(files["models"]) & set(FOLDERS):
        raise UserError(f"config/models/{name}.yaml: every task's results have a folder '{name}'. Use another name.")
    run_name = config["run_name"]
    if run_name in [*files["tasks"], "models"]:
        owner = "the base models" if run_name == "models" else f"the task config/tasks/{run_name}.yaml"
        raise UserError(
            f"config: run_name '{run_name}': results/{run_name} is the folder of {owner} in a run without run_name, so "
            "the files of two runs would mix. Use another name."
        )


def _check_task(name: str, task: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Check the rules of a task that a schema cannot express: recipe, seeds, stages, and dev set of a sweep."""
    where = f"config/tasks/{name}.yaml"
    recipes = config["recipes"]
    if task["recipe"] not in recipes:
        raise UserError(
            f"{where}: recipe '{task['recipe']}' is not known.{did_you_mean(task['recipe'], sorted(recipes))}"
        )
    _check_recipe_is_for(name, recipes[task["recipe"]], task["recipe"], recipes)
    study = Study(config, {name: task}, {}, {})
    if study.seeds(name)[0] != config["seed"]:
        key = f"{where}: key 'training.seeds'" if "seeds" in task.get("training", {}) else "config: key 'seeds'"
        raise UserError(f"{key} begins with {study.seeds(name)[0]}. Put the run's seed, {config['seed']}, first.")
    problems: list[UserError] = []
    for stage in study.stages(name):
        wrong = list(_stage_problems(study.stage(name, stage), stage))
        problems += [UserError(f"{where}, recipe {task['recipe']}, stage {stage}: {problem}") for problem in wrong]
        if wrong:
            continue
        trials, of_dpo = len(study.trials(name, stage)), len(study.trials(name, "dpo"))
        if trials > 1 and not task["splits"].get("dev"):
            mend = "Add a dev split, or configure one trial."
            problems.append(UserError(f"{where}: {stage} has several trials, but splits.dev is 0. {mend}"))
        if stage not in STAGES and trials != of_dpo:
            mend = "Give as many learning rates as dpo has trials, so that both are tuned alike."
            fault = f"key 'arms.{stage}' has {trials} trials, but dpo has {of_dpo}"
            problems.append(UserError(f"{where}: {fault}. {mend}"))
    own = config.get("overrides", {}).get("tasks", {}).get(name)
    for check in (
        partial(check_columns, task, where),
        partial(check_fit, task, where),
        partial(check_labels, task, where),
        partial(check_margin, task, where),
        partial(check_sample, task, where),
        partial(check_used, task, own or task, f"config: overrides.tasks.{name}" if own else where),
    ):
        with collecting(problems):
            check()
    raise_together(problems)


def _check_recipe_is_for(name: str, recipe: Mapping[str, Any], recipe_name: str, recipes: Mapping[str, Any]) -> None:
    """Refuse a paper's recipe for a task of another study."""
    if name in recipe.get("only_tasks", [name]):
        return
    choice = [other for other in recipes if "only_tasks" not in recipes[other]]
    raise UserError(
        f"config/tasks/{name}.yaml: recipe '{recipe_name}' is a paper's. It is for {', '.join(recipe['only_tasks'])}. "
        f"Set {' or '.join(choice)} (docs/costs.md has the planned hours of each), or add a recipe of your own with "
        f"`based_on: {recipe_name}` to your config."
    )


def _stage_problems(settings: Mapping[str, Any], stage: str) -> Iterator[str]:
    """Yield each problem of a stage's settings and how to correct it; nothing if the settings are valid."""
    dpo_keys, paired = set(PAIRED_SETTINGS), stage in PAIRED_STAGES
    keys = properties("stage")
    missing = sorted((keys if paired else keys - dpo_keys) - set(settings))
    for key in missing:
        yield f"key '{key}' is missing. Add it to the recipe."
    if not paired:
        for key in sorted(dpo_keys & set(settings)):
            yield f"key '{key}' is for dpo. Remove it."
    if missing:
        return
    if {"rank", "alpha", "dropout"} - set(settings["lora"]):
        yield "key 'lora' is incomplete. Set rank, alpha and dropout."
    if (settings["max_steps"] is None) == (settings["epochs"] is None):
        yield "max_steps and epochs are both set or both null. Set one of the two, and set the other to null."
    elif settings["plateau"] and settings["max_steps"] is None:
        yield "plateau is true and max_steps is null. Set max_steps to the length of the probe."
    if not settings["micro_batch_tokens"] and settings["batch_size"] % settings["micro_batch_size"]:
        yield (
            f"micro_batch_size {settings['micro_batch_size']} does not divide batch_size {settings['batch_size']}. "
            "Set micro_batch_size to a divisor."
        )
    if settings["save_steps"] % settings["logging_steps"]:  # otherwise a resumed run logs means over other steps
        yield (
            f"save_steps {settings['save_steps']} is not a multiple of logging_steps {settings['logging_steps']}. "
            "Set save_steps to a multiple."
        )
    if stage != "sft" and settings["adapter"] == "lora":
        if "8bit" in settings["optimizer"]:
            yield (
                f"optimizer {settings['optimizer']} also changes weights without a gradient, such as the frozen SFT "
                "ranks. Use another optimizer, such as adamw_torch."
            )
        if settings["weight_decay"]:
            yield "weight_decay would shrink the frozen SFT ranks of adapter lora. Set weight_decay to 0."
