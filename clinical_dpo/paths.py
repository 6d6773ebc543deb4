"""Every path of results/, reports/, logs/ and ratings/, built from what a file is of and parsed back."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from clinical_dpo.checksums import CHECKSUMS
from clinical_dpo.errors import did_you_mean

_DATA = "{results}/{task}/data"
_MODEL = "{results}/{task}/{model}"
_TRIAL = "{results}/{task}/{model}/{stage}/{trial}"
_BEST = "{results}/{task}/{model}/{stage}/{best}"
FOLDERS = ("data", "prompts")  # of a task, beside those of its models
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
    "gate": f"{_DATA}/gate/{{model}}.json",
    "checks": f"{_DATA}/checks.csv",
    "checked": f"{_DATA}/checked.txt",
    "data_card": f"{_DATA}/README.md",
    "prompts": "{results}/{task}/prompts",
    # training; {part} is adapter or probe, {best} the chosen trial's folder: `best`, with another seed `best_seed43`
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
    # preference pairs
    "training_answers": f"{_MODEL}/preferences/{{split}}.answers.jsonl",
    "training_answers_record": f"{_MODEL}/preferences/answers.json",
    "pairs": f"{_MODEL}/preferences/{{split}}.jsonl",
    "pairs_manifest": f"{_MODEL}/preferences/manifest.json",
    "reference_logps": f"{_MODEL}/preferences/{{split}}.reference.parquet",
    "reference_record": f"{_MODEL}/preferences/{{split}}.reference.json",
    # answers and grades; what answered elsewhere is a {model} of its own
    "answers": f"{_MODEL}/predictions/{{variant}}.jsonl",
    "answers_record": f"{_MODEL}/predictions/{{variant}}.json",
    "grades": f"{_MODEL}/grades/{{variant}}.csv",
    "sheet": f"{_MODEL}/grading/{{sheet}}.{{rater}}.{{suffix}}",
    "key": f"{_MODEL}/grading/keys/{{sheet}}.csv",
    "verdicts": f"{_MODEL}/judge/{{judged}}.csv",
    "verdicts_record": f"{_MODEL}/judge/{{judged}}.json",
    "ratings": "{ratings}/{task}/{model}",
    # tables, figures, pages
    "table": "{results}/{task}/{table}.csv",
    "report_table": "{reports}/tables/{table}.{suffix}",
    "figure": "{reports}/figures/{figure}.{suffix}",
    "page": "{reports}/summary.html",
    "summary": "{reports}/summary.txt",
    "plan": "{reports}/plan.txt",
    "plan_table": "{reports}/{table}.csv",
}


@dataclass(frozen=True)
class Paths:
    """The paths of one run.

    Attributes:
        run: its name, a folder below each of the four; empty for the published study, whose files lie in them.
    """

    run: str = ""

    def folder(self, name: str, *parts: str) -> str:
        """A folder of the run: `results`, `reports`, `logs` or `ratings`, and what is below it."""
        return "/".join(part for part in (name, self.run, *parts) if part)

    def __call__(self, name: str, of: Any = None, /, **more: Any) -> str:
        """Path of the file called `name` in PATHS. A name that neither argument gives stays a wildcard, `{task}`.

        Args:
            name: a key of PATHS.
            of: name -> value, such as a job's wildcards; names that the path does not spell are no matter.
            more: names that the path spells.

        Raises:
            KeyError: an unknown path, or a name in `more` that it does not spell; with what it may be.
        """
        pattern = _pattern(name)
        spelled = _names(pattern)
        for key in more:
            if key not in spelled:
                raise KeyError(f"path '{name}' has no {{{key}}}: {pattern}")
        roots = {root: self.folder(root) for root in ("results", "reports", "ratings")}
        values = {key: f"{{{key}}}" for key in spelled} | roots | (dict(of.items()) if of else {}) | more
        return pattern.format_map(values)

    def log(self, rule: str, *names: str) -> str:
        """The log of a rule's job, told from its others by `names`, such as `{task}` and `{model}`."""
        return self.folder("logs", rule, *names) + ".log"

    def benchmark(self, rule: str, *names: str) -> str:
        """The file that Snakemake writes a job's time to: beside its log."""
        return self.folder("logs", rule, *names) + ".benchmark.tsv"


def parse(name: str, path: Any) -> dict[str, str]:
    """What a path is of: `parse("grades", "results/demo/uti/llama/grades/sft.csv")` -> task, model and variant.

    Args:
        name: a key of PATHS.
        path: such a path, of whatever run and from whatever folder.

    Raises:
        ValueError: another path.
    """
    match = _expression(_pattern(name)).fullmatch(str(path))
    if not match:
        raise ValueError(f"{path} is not spelled as {_pattern(name)}")
    return match.groupdict()


def _pattern(name: str) -> str:
    if name not in PATHS:
        raise KeyError(f"no path is called '{name}'.{did_you_mean(name, sorted(PATHS))}")
    return PATHS[name]


@cache
def _names(pattern: str) -> list[str]:
    return re.findall(r"{(\w+)}", pattern)


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """The path's last parts; those before them, of the run and above, may be anything."""
    parts = re.split(r"{(\w+)}", pattern.partition("/")[2])
    spelled = "".join(f"(?P<{part}>[^/]+)" if at % 2 else re.escape(part) for at, part in enumerate(parts))
    return re.compile(f"(?:.*/)?{spelled}")
