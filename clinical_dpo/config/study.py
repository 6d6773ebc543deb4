"""The study as configured: its tasks, models, trials and seeds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from clinical_dpo.config.external import missing_external
from clinical_dpo.config.generated_fields import missing_text
from clinical_dpo.config.graders import AWAITED
from clinical_dpo.paths import Paths
from clinical_dpo.variants import SWEPT, trial_name


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
    def paths(self) -> Paths:
        """Where the run's files are."""
        return Paths(self.config["run_name"] or "")

    @cached_property
    def all_raters(self) -> list[str]:
        """Everyone who gets a sheet."""
        people = (
            person
            for task in self.tasks.values()
            for person in (*task.get("raters", ()), *([task["adjudicator"]] if "adjudicator" in task else ()))
        )
        return list(dict.fromkeys(people))

    def answer_limit(self, task: str) -> int:
        """Most tokens that a model writes on a question: its answer's, and its thought's where the task allows one."""
        return self.tasks[task]["max_new_tokens"] + self.tasks[task].get("max_thought_tokens", 0)

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

    def extra_seeds(self, task: str) -> list[int]:
        """The seeds that chosen trials are trained again with: none where people or a judge would grade them all."""
        return [] if self.tasks[task]["grader"] in AWAITED else self.seeds(task)[1:]

    def missing(self, task: str) -> tuple[str, str] | None:
        """What keeps a task from its own text, and the mend: no data file, or no access to what writes texts for it."""
        return missing_text(self.tasks[task], self.config, self.paths)

    def is_missing(self, task: str) -> bool:
        """Whether something keeps the task from its own text."""
        return self.missing(task) is not None

    def texts(self, task: str) -> Mapping[str, Mapping[str, Any]]:
        """Field -> settings of the texts written for a task; a stand-in brings its own."""
        return {} if self.is_missing(task) else self.tasks[task].get("generated_fields", {})

    def source(self, task: str) -> Mapping[str, Any]:
        """The source the task is read from in this run, the stand-in where its own is missing."""
        settings = self.tasks[task]
        return settings["stand_in"] if self.is_missing(task) else settings["source"]

    def is_synthetic(self, task: str) -> bool:
        """Whether the task's text is generated, by choice or as a stand-in."""
        return self.source(task)["kind"] == "synthetic"

    @cached_property
    def left_out_externals(self) -> dict[tuple[str, str], str]:
        """(task, name) of what answered elsewhere and is left out of this run -> why."""
        return {
            (task, name): why
            for task, settings in self.tasks.items()
            for name, entry in settings.get("external_predictions", {}).items()
            if (why := missing_external(entry, self.is_missing(task)))
        }

    def externals(self, task: str) -> list[str]:
        """What answered a task's test items elsewhere, by the names of its tables."""
        return [
            name
            for name in self.tasks[task].get("external_predictions", {})
            if (task, name) not in self.left_out_externals
        ]

    def external_families(self, task: str) -> dict[str, list[str]]:
        """What answered a task elsewhere -> the tasks of its family that it answered too."""
        return {
            name: [other for other in self.family(task) if other in self.tasks and name in self.externals(other)]
            for name in self.externals(task)
        }

    @cached_property
    def titles(self) -> dict[str, str]:
        """What every model, and whatever answered elsewhere, is called where it is shown."""
        models = {name: model["title"] for name, model in self.models.items()}
        entries = (
            (name, self.tasks[task]["external_predictions"][name])
            for task in self.tasks
            for name in self.externals(task)
        )
        return models | {name: entry["title"] for name, entry in entries}
