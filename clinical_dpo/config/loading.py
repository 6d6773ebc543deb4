"""Read and check a run's configuration: the config, and the task and model files that it names.

The config's overrides are merged into the task and model files. The keys of all files are checked against schemas. A
name of a task or model is refused if config/tasks or config/models has no file of this name.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from clinical_dpo.config.endpoints import check_keys_are_encrypted
from clinical_dpo.config.external import check_externals
from clinical_dpo.config.generated_fields import check_generated_fields, field_writers, own_writers
from clinical_dpo.config.judges import check_judge
from clinical_dpo.config.label_rules import with_composed_labels
from clinical_dpo.config.lora_targets import check_targets
from clinical_dpo.config.model_sizes import check_sizes, sizes_fit
from clinical_dpo.config.overrides import own_overrides, settings_place
from clinical_dpo.config.privacy import check_private
from clinical_dpo.config.raters import with_sample
from clinical_dpo.config.study import Study, complete_recipes, merge
from clinical_dpo.config.task_checks import check_task
from clinical_dpo.config.task_rules import default_selection_metric
from clinical_dpo.config.uploads import check_uploads
from clinical_dpo.errors import UserError, did_you_mean
from clinical_dpo.model_files import count_weights, layer_sizes, model_folder
from clinical_dpo.paths import FOLDERS, Paths
from clinical_dpo.problems import together
from clinical_dpo.renames import refuse_old_names
from clinical_dpo.schemas import validate
from clinical_dpo.yaml_files import read_yaml

SWITCHES = ("allow_generated",)  # keys of the config that are true or false

# `source` of a model file -> keys that only models of this source have.
SOURCE_KEYS = {
    "hub": ("id", "revision", "parameters", "sizes"),
    "folder": ("path",),
    "pretrain": ("architecture", "pretraining"),
}


def load_study(config: Mapping[str, Any], root: Path) -> Study:
    """Read and check a run's config and every file that it names.

    Args:
        config: config/config.yaml, with the run's other config files and `--config` values merged into it.
        root: the project's folder, which holds config/tasks and config/models.

    Raises:
        UserError: a key, file or value is wrong. The message lists the mistakes of all files and how to correct them.
    """
    _refuse_old_names(config, root)
    config = _with_typed_switches(config)
    validate(config, "config", "config")
    config = complete_recipes(config)
    check_keys_are_encrypted(config)
    _check_names(config, root)
    overrides = config.get("overrides", {})
    files = together(partial(_read_file, root / "config/tasks", "task", name, overrides) for name in config["tasks"])
    tasks = dict(zip(config["tasks"], files, strict=True))
    model_names = [path.stem for path in (root / "config/models").glob("*.yaml")]
    together(
        check
        for name, task in tasks.items()
        for check in (
            partial(check_task, name, task, config),
            partial(check_judge, task, config),
            partial(check_generated_fields, task, config, model_names),
        )
    )
    paths = Study(config, {}, {}, {}).paths
    check_private(tasks, {name: paths.folder("results", name) for name in tasks})
    check_uploads(config, tasks)
    families: dict[str, list[str]] = {}
    for name, task in tasks.items():
        families.setdefault(task["recipe"], []).append(name)
    used = dict.fromkeys(model for recipe in families for model in config["recipes"][recipe]["models"])
    used |= dict.fromkeys(model for task in tasks.values() for model in field_writers(task, "model"))
    read = together(partial(_read_model, name, root, overrides, paths) for name in used)
    models = dict(zip(used, read, strict=True))
    study = Study(config, tasks, models, {})
    for name in tasks:
        for model in study.task_models(name):
            if study.stage(name, "sft")["adapter"] == "full" and models[model].get("quantization"):
                raise UserError(
                    f"{settings_place(overrides, 'model', model)}: key 'quantization': four-bit weights can be trained "
                    "only through an adapter. Set quantization: null, or set adapter: lora in the recipe of task "
                    f"'{name}' or under the key `training` of the task file."
                )
    missing = {name: problem for name in tasks if (problem := study.missing(name))}
    for name, (reason, mend) in missing.items():
        if tasks[name]["when_missing"] == "error":
            raise UserError(f"config/tasks/{name}.yaml: {reason}. {mend}.")
    left_out = {name: reason for name, (reason, _) in missing.items() if tasks[name]["when_missing"] == "leave_out"}
    if len(left_out) == len(tasks):
        reasons = " ".join(f"{name}: {reason}. {mend}." for name, (reason, mend) in missing.items())
        raise UserError(f"config: key 'tasks': all tasks are left out. {reasons} Or name another task.")
    kept = {name: task for name, task in tasks.items() if name not in left_out}
    check_externals({name: task for name, task in kept.items() if name not in missing}, model_names)
    return Study(config, kept, models, left_out, families)


def merged_file(folder: Path, kind: str, name: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Read a task or model file and merge the run's overrides into it, without checks.

    Args:
        folder: config/tasks or config/models.
        kind: task or model.
        name: the file's name without its suffix.
        overrides: `overrides` of the config.
    """
    own = own_overrides(overrides, kind, name)
    value = merge(read_yaml(folder / f"{name}.yaml"), own)
    for key in ("source", "stand_in"):  # an override that names a kind of source replaces all settings of the source
        if "kind" in own.get(key, {}):
            value[key] = own[key]
    if kind == "model" and "source" in own:  # an override of `source` removes the keys of other sources
        others = {key for source, keys in SOURCE_KEYS.items() if source != own["source"] for key in keys}
        value = {key: setting for key, setting in value.items() if key in own or key not in others}
    return value | own_writers(value, own)


def check_config_files(paths: Iterable[Path]) -> None:
    """Refuse config files with faults that Snakemake would not report.

    For example, if a key occurs twice, Snakemake takes the last value without a message.

    Raises:
        UserError: a file has a fault that `read_yaml` refuses. The message has the faults of all files.
    """
    together(partial(read_yaml, path) for path in paths)


def _with_typed_switches(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with its Boolean keys (SWITCHES) as True or False. Snakemake reads `--config KEY=true` as text."""
    values = {"true": True, "false": False}
    switches = [key for key in SWITCHES if str(config.get(key)) in values]
    return {**config, **{key: values[config[key]] for key in switches}}


def _refuse_old_names(config: Mapping[str, Any], root: Path) -> None:
    """Refuse all old key names in the config and in its task files in one message, before any other check."""
    names = config["tasks"] if isinstance(config.get("tasks"), list) else []
    paths = [path for name in names if (path := root / f"config/tasks/{name}.yaml").exists()]
    settings = together(partial(read_yaml, path) for path in paths)
    files = {f"config/tasks/{path.name}": ("task", each) for path, each in zip(paths, settings, strict=True)}
    refuse_old_names({"config": ("config", config), **files})


def _read_file(folder: Path, kind: str, name: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Read a task or model file, merge the run's overrides into it, and check the result.

    Args:
        folder: config/tasks or config/models.
        kind: task or model.
        name: the file's name without its suffix.
        overrides: `overrides` of the config.

    Raises:
        UserError: the file has a mistake.
    """
    value = merged_file(folder, kind, name, overrides)
    where = settings_place(overrides, kind, name)
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


def _read_model(name: str, root: Path, overrides: Mapping[str, Any], paths: Paths) -> dict[str, Any]:
    """Read and check a model file. If the weights are on disk, `parameters` and `sizes` are read from them."""
    settings = _read_file(root / "config/models", "model", name, overrides)
    folder = Path(paths("base", model=name)).parent
    if settings["source"] == "folder":
        folder = model_folder(settings["path"], settings_place(overrides, "model", name))
    if settings["source"] != "pretrain" and (counted := count_weights(folder)):
        settings["parameters"] = counted
        settings.pop("sizes", None)
        if (sizes := layer_sizes(folder)) and sizes_fit(sizes, counted):
            settings["sizes"] = sizes
    return settings


def _check_names(config: Mapping[str, Any], root: Path) -> None:
    """Check the names of tasks, models and the run.

    Raises:
        UserError: `figure2` or `overrides` names a task or model that has no file in config/; a model is called `data`
            or `prompts`, which are folders in the results of every task; or `run_name` is `models` or the name of a
            task, which are folders in the results of a run without `run_name`. Different files would mix in these
            folders.
    """
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
        raise UserError(
            f"config/models/{name}.yaml: a model cannot be called '{name}', because the results of every task have a "
            "folder of this name. Rename the file."
        )
    run_name = config["run_name"]
    if run_name in [*files["tasks"], "models"]:
        owner = "the base models" if run_name == "models" else f"the task config/tasks/{run_name}.yaml"
        raise UserError(
            f"config: run_name '{run_name}': a run without run_name writes the files of {owner} into "
            f"results/{run_name}. This run would write into the same folder, and the files would mix. Use another "
            "run_name."
        )
