"""The study as configured: its tasks, models, trials and seeds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from clinical_dpo.config.external import missing_external
from clinical_dpo.config.generated_fields import missing_input
from clinical_dpo.config.graders import AWAITED
from clinical_dpo.errors import UserError, did_you_mean
from clinical_dpo.paths import Paths, comparison_name, trial_name
from clinical_dpo.variants import ALL_STAGES, PAIRED_SETTINGS, SWEPT, VARIANTS, arms_of, compared


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Merge `override` into a copy of `base`. Mappings merge key by key. Other values replace the values in `base`."""
    merged = dict(base)
    for key, value in override.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def complete_recipes(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with complete recipes.

    A recipe can name a parent recipe in its key `based_on`. The recipe inherits all settings of its parent except
    `only_tasks`. The recipe's own settings override the inherited settings.

    Raises:
        UserError: a recipe is based on an unknown recipe, or recipes are based on each other in a circle.
    """
    return {**config, "recipes": {name: _complete_recipe(config["recipes"], name) for name in config["recipes"]}}


def _complete_recipe(recipes: Mapping[str, Any], name: str, before: tuple[str, ...] = ()) -> dict[str, Any]:
    """One recipe, merged over the recipes on which it is based. `only_tasks` of those recipes is left out.

    Args:
        recipes: all recipes of the config.
        name: name of the recipe.
        before: names of the recipes that led to this recipe through their `based_on`. They serve to find a circle.

    Raises:
        UserError: `based_on` names an unknown recipe, or recipes are based on each other in a circle.
    """
    recipe = recipes[name]
    base = recipe.get("based_on")
    if base is None:
        return dict(recipe)
    if base not in recipes:
        hint = did_you_mean(base, sorted(set(recipes) - {name}))
        raise UserError(f"config: key 'recipes.{name}.based_on' names '{base}', which is not a recipe.{hint}")
    if base in (name, *before):
        raise UserError(
            f"config: key 'recipes.{name}.based_on' names '{base}': these recipes are based on each other in a circle. "
            "Remove `based_on` from one of them, and set its `models`, `adapter`, `sft` and `dpo`."
        )
    shared = _complete_recipe(recipes, base, (name, *before))
    own = {key: value for key, value in recipe.items() if key != "based_on"}
    return merge({key: value for key, value in shared.items() if key != "only_tasks"}, own)


def in_order(value: Any) -> Any:
    """The same value with every mapping sorted by key, because the order of keys in a config has no meaning."""
    if isinstance(value, Mapping):
        return {key: in_order(value[key]) for key in sorted(value, key=str)}
    return [in_order(each) for each in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Study:
    """One run: its tasks and models, their training settings, and the paths of its files."""

    config: Mapping[str, Any]
    tasks: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]  # model -> settings; all models of recipes and of generated fields
    left_out: Mapping[str, str]  # task -> reason
    families: Mapping[str, list[str]] = field(default_factory=dict)  # recipe -> its tasks, including tasks left out

    @cached_property
    def paths(self) -> Paths:
        """The paths of the run's files."""
        return Paths(self.config["run_name"] or "")

    @cached_property
    def all_raters(self) -> list[str]:
        """The names of all raters and adjudicators, each once."""
        people = (
            person
            for task in self.tasks.values()
            for person in (*task.get("raters", ()), *([task["adjudicator"]] if "adjudicator" in task else ()))
        )
        return list(dict.fromkeys(people))

    def answer_limit(self, task: str) -> int:
        """Largest number of tokens of a whole reply: the limit of the answer plus the limit of a thought, if any."""
        return self.tasks[task]["max_new_tokens"] + self.tasks[task].get("max_thought_tokens", 0)

    def task_models(self, task: str) -> list[str]:
        """The models of a task's recipe."""
        return self.config["recipes"][self.tasks[task]["recipe"]]["models"]

    def family(self, task: str) -> list[str]:
        """The names of all tasks with this task's recipe. These tasks share one significance level.

        The list includes this task, and tasks that the run leaves out (`left_out`).
        """
        return self.families[self.tasks[task]["recipe"]]

    def stages(self, task: str) -> list[str]:
        """The stages that train a task's models: SFT, DPO, and the task's trained arms (further variants)."""
        return [variant for variant in self.variants(task) if variant in ALL_STAGES]

    def variants(self, task: str) -> list[str]:
        """The variants of a task's models: base, SFT, DPO, and the task's arms (further variants).

        A variant that is trained with several seeds is listed once.
        """
        return [*VARIANTS, *arms_of(self.tasks[task].get("arms", ()))]

    def arm_family(self, task: str) -> list[str]:
        """All comparisons of arms (further variants) in the task's family, as `task/comparison`.

        The family of a task is the run's tasks with the same recipe. These comparisons share one significance level.
        """
        return [
            f"{member}/{comparison_name(*pair)}"
            for member in self.family(task)
            if member in self.tasks
            for pair in compared(self.variants(member))
            if arms_of(pair)
        ]

    def stage(self, task: str, stage: str) -> dict[str, Any]:
        """All settings of one stage of a task: the recipe's settings, merged with the settings in the task file.

        The arm `sft_longer` has its own learning rates. Its other settings are those of DPO, except `beta`, `loss` and
        `label_smoothing`. It trains for as many steps as DPO, so it has no probe (a first run that finds the number of
        steps). The arm `dpo_sft` has the settings of DPO, plus its `sft_weight`.
        """
        if stage == "dpo_sft":
            return self.stage(task, "dpo") | self.tasks[task]["arms"][stage]
        if stage == "sft_longer":
            of_dpo = self.stage(task, "dpo")
            shared = {key: value for key, value in of_dpo.items() if key not in PAIRED_SETTINGS}
            return shared | {"plateau": False} | self.tasks[task]["arms"][stage]
        own = self.tasks[task].get("training", {})
        recipe = self.config["recipes"][self.tasks[task]["recipe"]]
        fixed = {"adapter": own.get("adapter", recipe["adapter"]), "seed": self.config["seed"]}
        return fixed | merge(recipe[stage], own.get(stage, {}))

    def training(self, task: str, stage: str) -> dict[str, Any]:
        """Return the settings that are the same in all trials of a stage (all settings except SWEPT)."""
        return {key: value for key, value in self.stage(task, stage).items() if key not in SWEPT}

    def trials(self, task: str, stage: str) -> dict[str, dict[str, float]]:
        """Map the name of each trial to its values of learning rate and (in DPO) beta, in the order of the config.

        Names are `lr1e-05`, or `lr1e-06_beta0.1` with a beta.
        """
        settings = self.stage(task, stage)
        swept = [key for key in SWEPT if key in settings]
        trials = [dict(zip(swept, values, strict=True)) for values in product(*(settings[key] for key in swept))]
        return {trial_name(values): values for values in trials}

    def adapter_rank(self, task: str, stage: str) -> int:
        """Rank of the LoRA adapter that a stage has in training.

        In the stage `sft`, this is `lora.rank` of the stage's settings. In every other stage, a single adapter holds
        the frozen weights of the SFT adapter and the weights that the stage trains. Its rank is the sum of `lora.rank`
        of both stages.
        """
        stages = ("sft",) if stage == "sft" else ("sft", stage)
        return sum(self.training(task, each)["lora"]["rank"] for each in stages)

    def has_fixed_steps(self, task: str) -> bool:
        """Whether the config alone sets the number of DPO steps.

        If so, neither the eval loss nor the number of pairs changes the number of steps.
        """
        settings = self.training(task, "dpo")
        return settings["max_steps"] is not None and not settings["plateau"]

    def seeds(self, task: str) -> list[int]:
        """Training seeds of a task. The first is the run's seed.

        Every trial is trained with the run's seed. Only the chosen trials are also trained with the other seeds, as
        listed by `extra_seeds`.
        """
        return self.tasks[task].get("training", {}).get("seeds", self.config["seeds"])

    def extra_seeds(self, task: str) -> list[int]:
        """All training seeds of a task except the first. Only the task's chosen trials are trained with these seeds.

        The list is empty if people or a judge would have to grade the answers of each seed.
        """
        return [] if self.tasks[task]["grader"] in AWAITED else self.seeds(task)[1:]

    def missing(self, task: str) -> tuple[str, str] | None:
        """Return why a task's own text is unavailable, and what the user should do; None if the text is available.

        A task's own text is the text of its `source`, with the task's generated fields. It is unavailable if the data
        file of the source is missing. It is also unavailable if an endpoint has not yet written a generated field, and
        the API key that the endpoint needs is not set.
        """
        return missing_input(self.tasks[task], self.config, self.paths)

    def is_missing(self, task: str) -> bool:
        """Whether a task's own text is unavailable: the text of its `source` or of a generated field.

        The method `missing` returns the reason.
        """
        return self.missing(task) is not None

    def generated_fields(self, task: str) -> Mapping[str, Mapping[str, Any]]:
        """Map each generated field that a task needs in this run to the field's settings.

        The text of a generated field is written by a model. The result is empty if the task's own text is unavailable
        (`is_missing`). The run then uses the rows of the task's `stand_in`. These rows have all fields already.
        """
        return {} if self.is_missing(task) else self.tasks[task].get("generated_fields", {})

    def over_columns(self, task: str, *keys: str) -> dict[str, Any]:
        """Return a task's settings under `keys`, which refer to columns of its `source`, such as `where` and `group`.

        The result is empty if the run uses the task's `stand_in` (`is_missing`), because the stand-in has other
        columns.

        Args:
            task: the task's name.
            keys: keys of the settings. The result leaves out keys that the task does not set.
        """
        return {} if self.is_missing(task) else {key: self.tasks[task][key] for key in keys if key in self.tasks[task]}

    def source(self, task: str) -> Mapping[str, Any]:
        """Return the settings of the source that a task has in this run.

        They are the task's `source`. If the text of this source is unavailable (`is_missing`), they are the task's
        `stand_in`.
        """
        settings = self.tasks[task]
        return settings["stand_in"] if self.is_missing(task) else settings["source"]

    def is_synthetic(self, task: str) -> bool:
        """Whether the task's text is synthetic: its own source is synthetic, or synthetic text stands in for it."""
        return self.source(task)["kind"] == "synthetic"

    @cached_property
    def left_out_externals(self) -> dict[tuple[str, str], str]:
        """The external predictions that this run leaves out: (task, name) -> reason."""
        return {
            (task, name): reason
            for task, settings in self.tasks.items()
            for name, entry in settings.get("external_predictions", {}).items()
            if (reason := missing_external(entry, self.is_missing(task)))
        }

    def externals(self, task: str) -> list[str]:
        """Names of a task's external predictions in this run."""
        return [
            name
            for name in self.tasks[task].get("external_predictions", {})
            if (task, name) not in self.left_out_externals
        ]

    def external_families(self, task: str) -> dict[str, list[str]]:
        """Map the name of each set of a task's external predictions to the tasks that share one alpha.

        Each of these tasks compares its variants with external predictions of this name. The tasks are this task, and
        the run's other tasks with the same `recipe` and with external predictions of the same name. The significance
        level of each comparison is alpha divided by the number of these tasks.
        """
        return {
            name: [member for member in self.family(task) if member in self.tasks and name in self.externals(member)]
            for name in self.externals(task)
        }

    @cached_property
    def titles(self) -> dict[str, str]:
        """Name of a model or of external predictions -> its title in figures and tables."""
        models = {name: model["title"] for name, model in self.models.items()}
        entries = (
            (name, self.tasks[task]["external_predictions"][name])
            for task in self.tasks
            for name in self.externals(task)
        )
        return models | {name: entry["title"] for name, entry in entries}
