"""Check a task file: its recipe, seeds and stages against the run's config, and its keys against their rules."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from clinical_dpo.config.column_rules import check_column_keys
from clinical_dpo.config.label_rules import check_label_keys
from clinical_dpo.config.margins import check_margin
from clinical_dpo.config.overrides import own_overrides
from clinical_dpo.config.raters import check_sample
from clinical_dpo.config.study import Study
from clinical_dpo.config.task_rules import check_fit, check_used
from clinical_dpo.errors import UserError, did_you_mean
from clinical_dpo.problems import raise_together, together
from clinical_dpo.schemas import properties
from clinical_dpo.variants import PAIRED_SETTINGS, PAIRED_STAGES, STAGES


def check_task(name: str, task: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Check the rules of a task file that a JSON schema cannot express.

    The rules are about the recipe, the training seeds, the settings of each stage, and the other keys of the file. One
    rule is that a stage with several trials (a sweep) needs a dev set.

    Args:
        name: name of the task.
        task: the task file's settings.
        config: the run's config with complete recipes.

    Raises:
        UserError: a rule is broken. A mistake in the recipe or the seeds is reported alone. All mistakes in the stages
            and the other keys are reported together.
    """
    own, where = own_overrides(config.get("overrides", {}), "task", name), f"config/tasks/{name}.yaml"
    recipes = config["recipes"]
    if task["recipe"] not in recipes:
        raise UserError(
            f"{where}: recipe '{task['recipe']}' is not known.{did_you_mean(task['recipe'], sorted(recipes))}"
        )
    _check_recipe_is_for(name, where, recipes[task["recipe"]], task["recipe"], recipes)
    study = Study(config, {name: task}, {}, {})
    if study.seeds(name)[0] != config["seed"]:
        key = f"{where}: key 'training.seeds'" if "seeds" in task.get("training", {}) else "config: key 'seeds'"
        raise UserError(
            f"{key} begins with {study.seeds(name)[0]}, but the run's seed is {config['seed']}. Write {config['seed']} "
            "first."
        )
    checks = (
        partial(check_column_keys, task, where),
        partial(check_fit, task, where),
        partial(check_label_keys, task, where),
        partial(check_margin, task, where),
        partial(check_sample, task, where),
        partial(check_used, task, own or task, f"config: overrides.tasks.{name}" if own else where),
    )
    try:
        together([*(partial(_check_stage, study, name, stage, where) for stage in study.stages(name)), *checks])
    except UserError as error:
        if not own:
            raise
        raise error.within("", suffix=f" The config's overrides.tasks.{name} also set keys of this task.") from None


def _check_stage(study: Study, name: str, stage: str, where: str) -> None:
    """Refuse wrong settings of a stage, a sweep without a dev set, and an arm with more or fewer trials than DPO."""
    prefix = f"{where}, recipe {study.tasks[name]['recipe']}, stage {stage}"
    problems = [f"{prefix}: {problem}" for problem in _problems(study.stage(name, stage), stage)]
    if not problems:
        trials = len(study.trials(name, stage))
        if trials > 1 and not study.tasks[name]["splits"].get("dev"):
            mend = f"Set splits.dev, or a single learning rate (in DPO also a single beta) in training.{stage}."
            if stage not in STAGES:
                mend = "Set splits.dev, or a single trial in DPO and in each arm."
            reason = "splits.dev is 0: no item is left to choose among the trials"
            problems.append(f"{where}: stage '{stage}' has {trials} trials, but {reason}. {mend}")
        if stage not in STAGES and not any(_problems(study.stage(name, "dpo"), "dpo")):
            of_dpo = len(study.trials(name, "dpo"))
            if trials != of_dpo:
                mend = f"Set {of_dpo} learning rates for '{stage}', so that the arm and dpo are tuned alike."
                problems.append(f"{where}: key 'arms.{stage}' has {trials} trials, but dpo has {of_dpo}. {mend}")
    raise_together(list(map(UserError, problems)))


def _check_recipe_is_for(
    name: str, where: str, recipe: Mapping[str, Any], recipe_name: str, recipes: Mapping[str, Any]
) -> None:
    """Refuse a recipe of a paper for a task that is not among the recipe's `only_tasks`."""
    if name in recipe.get("only_tasks", [name]):
        return
    choice = [other for other in recipes if "only_tasks" not in recipes[other]]
    raise UserError(
        f"{where}: recipe '{recipe_name}' reproduces a paper and allows only the paper's tasks: "
        f"{', '.join(recipe['only_tasks'])}. Set `recipe` to {' or '.join(choice)} (docs/costs.md has the planned "
        f"hours of the presets). Or add a recipe of your own with `based_on: {recipe_name}` to your config."
    )


def _problems(settings: Mapping[str, Any], stage: str) -> Iterator[str]:
    """Yield each problem of a stage's settings, with the correction."""
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
    if settings["save_steps"] % settings["logging_steps"]:  # a resumed run would log means over other steps
        yield (
            f"save_steps {settings['save_steps']} is not a multiple of logging_steps {settings['logging_steps']}. "
            "Set save_steps to a multiple."
        )
    if stage != "sft" and settings["adapter"] == "lora":
        if "8bit" in settings["optimizer"]:
            yield (
                f"optimizer {settings['optimizer']} would change the LoRA ranks of SFT, which are frozen here. "
                "Use another optimizer, such as adamw_torch."
            )
        if settings["weight_decay"]:
            yield "weight_decay would shrink the LoRA ranks of SFT, which are frozen here. Set weight_decay to 0."
