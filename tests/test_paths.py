"""Paths are built and parsed in one place: each way gives what the other took, and a mistake is named."""

import re
from collections import Counter

import pytest

from clinical_dpo.paths import PATHS, Paths, parse
from clinical_dpo.variants import parse_seed, parse_trial, trial_name, with_seed
from tests.conftest import ROOT

NAMES = {
    **{"task": "uti", "model": "llama3-8b-instruct", "stage": "dpo", "trial": "lr1e-06_beta0.1", "part": "adapter"},
    **{"best": "best_seed43", "split": "train", "variant": "dpo_seed43", "sheet": "preference", "rater": "physician1"},
    **{
        "suffix": "html",
        "judged": "likert",
        "table": "stats",
        "figure": "cost",
        "field": "reasoning",
        "writer": "gpt4",
    },
}
UNPARSED = ("sheet", "text", "text_replies", "report_table", "figure")  # two names in one part of the path


@pytest.mark.parametrize("run", ["", "demo"])
@pytest.mark.parametrize("name", sorted(set(PATHS) - set(UNPARSED)))
def test_a_path_is_parsed_to_what_it_was_built_from(name, run):
    path = Paths(run)(name, NAMES)
    assert "{" not in path and (not run or path.split("/")[1] == run)
    spelled = {key: value for key, value in NAMES.items() if f"{{{key}}}" in PATHS[name]}
    assert parse(name, path) == spelled
    assert parse(name, f"/scratch/a project/{path}") == spelled


def test_no_two_paths_are_one():
    """Neither as patterns nor as files, so that one rule alone can make each."""
    built = Counter(Paths()(name, NAMES) for name in PATHS)
    assert [path for path, count in built.items() if count > 1] == []


def test_names_that_are_not_given_stay_wildcards():
    at = Paths("demo")
    assert at("answers", variant="base") == "results/demo/{task}/{model}/predictions/base.jsonl"
    assert at.log("train", "{task}", "{model}") == "logs/demo/train/{task}/{model}.log"
    assert at.benchmark("predict", "uti", "sft") == "logs/demo/predict/uti/sft.benchmark.tsv"
    assert at.folder("ratings", "uti") == "ratings/demo/uti" and Paths().folder("logs") == "logs"


def test_a_mistyped_path_or_name_is_an_error():
    with pytest.raises(KeyError, match="Did you mean 'grades'"):
        Paths()("grade")
    with pytest.raises(KeyError, match=r"path 'grades' has no \{stage\}"):
        Paths()("grades", stage="sft")
    with pytest.raises(ValueError, match="is not spelled as"):
        parse("grades", "results/uti/llama/predictions/sft.jsonl")


@pytest.mark.parametrize(("name", "seed"), [("sft", 43), ("best", 7), ("train", None), ("a_seed_b", 1)])
def test_a_seed_in_a_name_is_read_back(name, seed):
    assert parse_seed(with_seed(name, seed)) == (name, seed)


@pytest.mark.parametrize("values", [{"learning_rate": 3e-4}, {"learning_rate": 1e-6, "beta": 0.05}])
def test_a_trial_in_a_name_is_read_back(values):
    assert parse_trial(trial_name(values), "dpo" if "beta" in values else "sft") == values


def test_no_other_code_takes_paths_apart():
    """Neither by counting their parts nor by cutting names at underscores."""
    files = [*ROOT.glob("clinical_dpo/**/*.py"), *ROOT.glob("workflow/**/*.smk"), *ROOT.glob("workflow/scripts/*.py")]
    counted = re.compile(r"\.parts\[|\.parent\.parent\.name|\.split\(\"_\"\)|results\}/|reports\}/|logs\}/")
    assert [path.name for path in files if counted.search(path.read_text(encoding="utf-8"))] == ["paths.py"]
