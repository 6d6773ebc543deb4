"""Build and parse every path of results/, reports/, logs/ and ratings/, and the names of trials and comparisons."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from clinical_dpo.checksums import CHECKSUMS
from clinical_dpo.errors import UserError, did_you_mean
from clinical_dpo.variants import PAIRED_STAGES

_DATA = "{results}/{task}/data"
_MODEL = "{results}/{task}/{model}"
_TRIAL = "{results}/{task}/{model}/{stage}/{trial}"
_BEST = "{results}/{task}/{model}/{stage}/{best}"
FOLDERS = ("data", "prompts")  # folders in a task's folder that do not belong to a model
PATHS = {
    # base models
    "base": f"{{results}}/models/{{model}}/{CHECKSUMS}",
    "base_run": "{results}/models/{model}/run.json",
    # data
    "source": f"{_DATA}/source.jsonl",
    "source_record": f"{_DATA}/source.json",
    "text": f"{_DATA}/texts/{{field}}.{{writer}}.jsonl",
    "text_replies": f"{_DATA}/texts/{{field}}.{{writer}}.replies.jsonl",
    "split": f"{_DATA}/{{split}}.jsonl",
    "manifest": f"{_DATA}/manifest.json",
    "subgroups": f"{_DATA}/subgroups.csv",
    "gate": f"{_DATA}/gate/{{model}}.json",
    "checks": f"{_DATA}/checks.csv",
    "checked": f"{_DATA}/checked.txt",
    "data_card": f"{_DATA}/README.md",
    "prompts": "{results}/{task}/prompts",
    "few_shot_rows": f"{_MODEL}/few_shot/{{split}}.jsonl",
    "few_shot_record": f"{_MODEL}/few_shot/examples.json",
    # training; {part} is adapter or probe; {best} is the chosen trial's folder, `best`, or `best_seed43` for seed 43
    "trial_log": f"{_TRIAL}/{{part}}/log.csv",
    "trial_run": f"{_TRIAL}/{{part}}/run.json",
    "plateau": f"{_TRIAL}/probe/steps.json",
    "adapter": f"{_TRIAL}/adapter/{CHECKSUMS}",
    "dev_answers": f"{_TRIAL}/dev.jsonl",
    "dev_record": f"{_TRIAL}/dev.json",
    "selection": f"{_MODEL}/{{stage}}/selection.csv",
    "best": f"{_BEST}/{CHECKSUMS}",
    "best_log": f"{_BEST}/log.csv",
    "best_run": f"{_BEST}/run.json",
    "release": "{results}/{task}/{model}/release/{stage}/README.md",
    "uploaded": "{results}/{task}/{model}/release/{stage}.upload.json",
    # preference pairs
    "training_answers": f"{_MODEL}/preferences/{{split}}.answers.jsonl",
    "training_answers_record": f"{_MODEL}/preferences/answers.json",
    "pairs": f"{_MODEL}/preferences/{{split}}.jsonl",
    "pairs_manifest": f"{_MODEL}/preferences/manifest.json",
    "reference_logps": f"{_MODEL}/preferences/{{split}}.reference.parquet",
    "reference_record": f"{_MODEL}/preferences/{{split}}.reference.json",
    # answers and grades; a name in external_predictions is used as {model}
    "answers": f"{_MODEL}/predictions/{{variant}}.jsonl",
    "answers_record": f"{_MODEL}/predictions/{{variant}}.json",
    "variant_dev_answers": f"{_MODEL}/dev_predictions/{{variant}}.jsonl",
    "variant_dev_record": f"{_MODEL}/dev_predictions/{{variant}}.json",
    "threshold": f"{_MODEL}/dev_predictions/{{variant}}.threshold.json",
    "grades": f"{_MODEL}/grades/{{variant}}.csv",
    "sheet": f"{_MODEL}/grading/{{sheet}}.{{rater}}.{{suffix}}",
    "key": f"{_MODEL}/grading/keys/{{sheet}}.csv",
    "verdicts": f"{_MODEL}/judge/{{judged}}.csv",
    "verdicts_record": f"{_MODEL}/judge/{{judged}}.json",
    "judge_controls": f"{_MODEL}/judge/controls/{{judged}}.csv",
    "judge_controls_record": f"{_MODEL}/judge/controls/{{judged}}.json",
    "ratings": "{ratings}/{task}/{model}",
    # tables, figures, pages
    "margin": "{results}/{task}/margin.json",
    "table": "{results}/{task}/{table}.csv",
    "report_table": "{reports}/tables/{table}.{suffix}",
    "figure": "{reports}/figures/{figure}.{suffix}",
    "page": "{reports}/summary.html",
    "summary": "{reports}/summary.txt",
    "package": "{reports}/package/README.md",
    "package_zip": "{reports}/package.zip",
    "plan": "{reports}/plan.txt",
    "freed": "{reports}/freed.txt",
    "plan_table": "{reports}/{table}.csv",
}


@dataclass(frozen=True)
class Paths:
    """The paths of one run.

    Attributes:
        run_name: name of the run's folder in each of the top folders `results`, `reports`, `logs` and `ratings`. The
            published study has an empty name, because its files are directly in the top folders.
    """

    run_name: str = ""

    @cached_property
    def _roots(self) -> dict[str, str]:
        """Map the wildcards {results}, {reports} and {ratings} of patterns to the run's folders."""
        return {root: self.folder(root) for root in ("results", "reports", "ratings")}

    def folder(self, name: str, *parts: str) -> str:
        """The path of a folder of the run.

        Args:
            name: the top folder: `results`, `reports`, `logs` or `ratings`.
            parts: names of the folders below the run's folder.
        """
        return "/".join(part for part in (name, self.run_name, *parts) if part)

    def __call__(self, name: str, wildcards: Any = None, /, **more: Any) -> str:
        """The path under the key `name` of PATHS. A wildcard without a value, such as `{task}`, stays in the path.

        Args:
            name: a key of PATHS.
            wildcards: wildcard -> value, such as a job's wildcards. Wildcards that the path does not have are ignored.
            more: values of further wildcards of the path.

        Raises:
            KeyError: PATHS has no key `name` (the message names the most similar key), or `more` has a wildcard that
                the path does not have.
        """
        pattern = _pattern(name)
        unfilled = _unfilled(pattern)
        for key in more:
            if key not in unfilled:
                raise KeyError(f"path '{name}' has no wildcard {{{key}}}: {pattern}")
        return pattern.format_map(unfilled | self._roots | (dict(wildcards.items()) if wildcards else {}) | more)

    def log(self, rule: str, *names: str) -> str:
        """The log file of one job of a rule.

        Args:
            rule: name of the rule.
            names: values or wildcards, such as `{task}` and `{model}`, that distinguish the jobs of the rule.
        """
        return self.folder("logs", rule, *names) + ".log"

    def benchmark(self, rule: str, *names: str) -> str:
        """The file into which Snakemake writes a job's run time. The file is in the folder of the job's log.

        Args:
            rule, names: as for `log`.
        """
        return self.folder("logs", rule, *names) + ".benchmark.tsv"


def parse(name: str, path: Any) -> dict[str, str]:
    """Read the wildcards from a path: `parse("grades", "results/demo/uti/llama/grades/sft.csv")["task"]` is `uti`.

    Args:
        name: a key of PATHS.
        path: a path of this kind, from any run. Any folders may precede it.

    Raises:
        ValueError: the path does not match the pattern of `name`.
    """
    match = _expression(_pattern(name)).fullmatch(str(path))
    if not match:
        raise ValueError(f"path '{path}' does not match the pattern '{_pattern(name)}'")
    return match.groupdict()


def comparison_name(variant: str, other: str) -> str:
    """Name of the comparison of two variants: `dpo_vs_base`, or with external predictions `dpo_vs_gpt4`."""
    return f"{variant}_vs_{other}"


def parse_comparison(name: str) -> tuple[str, str]:
    """The two names in a comparison's name: `dpo_vs_base` -> `dpo`, `base`."""
    first, second = name.split("_vs_")
    return first, second


def trial_name(values: Mapping[str, float]) -> str:
    """Name of a trial's folder: `lr1e-05`, or `lr1e-06_beta0.1` with a beta."""
    mantissa, exponent = f"{values['learning_rate']:.6e}".split("e")
    name = f"lr{mantissa.rstrip('0').rstrip('.')}e{exponent}"
    return f"{name}_beta{values['beta']:g}" if "beta" in values else name


def parse_trial(name: str, stage: str) -> dict[str, float]:
    """Read the swept values from a trial's name: `lr1e-06_beta0.1` -> learning_rate 1e-06, beta 0.1.

    Raises:
        UserError: the name is not a trial of the stage, or is not spelled as `trial_name` spells it.
    """
    number = r"(\d+(?:\.\d+)?(?:e[-+]\d+)?)"
    match = re.fullmatch(rf"lr{number}(?:_beta{number})?", name)
    if match and bool(match[2]) == (stage in PAIRED_STAGES):
        values = {"learning_rate": float(match[1])} | ({"beta": float(match[2])} if match[2] else {})
        if trial_name(values) == name:
            return values
        raise UserError(f"'{name}' is not the usual spelling of this trial's name. Write '{trial_name(values)}'.")
    example = "lr1e-06_beta0.1" if stage in PAIRED_STAGES else "lr1e-05"
    raise UserError(f"'{name}' is not the name of a trial of stage '{stage}'. Write a name such as '{example}'.")


def with_seed(name: str, seed: int | str | None) -> str:
    """Append a training seed to a name: `sft`, 43 -> `sft_seed43`. With None the name is unchanged."""
    return name if seed is None else f"{name}_seed{seed}"


def parse_seed(name: str) -> tuple[str, int | None]:
    """Undo `with_seed`: split a name such as `sft_seed43` into `sft` and the seed 43.

    A name without a seed is returned unchanged, with None as its seed.
    """
    match = re.fullmatch(r"(.+)_seed(\d+)", name)
    return (match[1], int(match[2])) if match else (name, None)


def _pattern(name: str) -> str:
    """The pattern of a path. For an unknown name, raise a KeyError that names the most similar known name."""
    if name not in PATHS:
        raise KeyError(f"no path is called '{name}'.{did_you_mean(name, sorted(PATHS))}")
    return PATHS[name]


@cache
def _unfilled(pattern: str) -> dict[str, str]:
    """Map each wildcard of a pattern to its text in the pattern: `task` -> `{task}`.

    In a path, a wildcard without a value keeps this text.
    """
    return {name: f"{{{name}}}" for name in re.findall(r"{(\w+)}", pattern)}


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """Regular expression that matches the paths of a pattern, such as `{results}/models/{model}/run.json`.

    Any folders, or none, may stand in place of the pattern's top folder. The wildcards below it become named groups.
    """
    parts = re.split(r"{(\w+)}", pattern.partition("/")[2])
    path = "".join(f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
    return re.compile(f"(?:.*/)?{path}")
