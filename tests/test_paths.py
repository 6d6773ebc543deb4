"""Paths are built and parsed by one module, which names a mistake in either direction."""

import re
from collections import Counter

import pytest

from clinical_dpo.paths import PATHS, Paths, parse, parse_seed, parse_trial, trial_name, with_seed
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
UNPARSED = ("sheet", "text", "text_replies", "report_table", "figure")  # two wildcards in one part of the path


@pytest.mark.parametrize("run", ["", "demo"])
@pytest.mark.parametrize("name", sorted(set(PATHS) - set(UNPARSED)))
def test_a_path_is_parsed_to_what_it_was_built_from(name, run):
    path = Paths(run)(name, NAMES)
    assert "{" not in path and (not run or path.split("/")[1] == run)
    wildcards = {key: value for key, value in NAMES.items() if f"{{{key}}}" in PATHS[name]}
    assert parse(name, path) == wildcards
    assert parse(name, f"/scratch/a project/{path}") == wildcards


def test_no_two_paths_are_equal():
    """So a single rule makes each file."""
    built = Counter(Paths()(name, NAMES) for name in PATHS)
    assert [path for path, count in built.items() if count > 1] == []


def test_names_without_a_value_stay_wildcards():
    at = Paths("demo")
    assert at("answers", variant="base") == "results/demo/{task}/{model}/predictions/base.jsonl"


def test_the_log_and_benchmark_of_a_job_are_in_the_logs_of_its_run():
    at = Paths("demo")
    assert at.log("train", "{task}", "{model}") == "logs/demo/train/{task}/{model}.log"
    assert at.benchmark("predict", "uti", "sft") == "logs/demo/predict/uti/sft.benchmark.tsv"


def test_the_folders_of_a_run_are_below_the_top_folders():
    assert Paths("demo").folder("ratings", "uti") == "ratings/demo/uti"
    assert Paths().folder("logs") == "logs"


def test_a_mistyped_path_or_wildcard_is_an_error():
    with pytest.raises(KeyError, match="Did you mean 'grades'"):
        Paths()("grade")
    with pytest.raises(KeyError, match=r"path 'grades' has no wildcard \{stage\}"):
        Paths()("grades", stage="sft")
    with pytest.raises(ValueError, match="does not match the pattern"):
        parse("grades", "results/uti/llama/predictions/sft.jsonl")


@pytest.mark.parametrize(("name", "seed"), [("sft", 43), ("best", 7), ("train", None), ("a_seed_b", 1)])
def test_a_seed_in_a_name_is_parsed(name, seed):
    assert parse_seed(with_seed(name, seed)) == (name, seed)


@pytest.mark.parametrize("values", [{"learning_rate": 3e-4}, {"learning_rate": 1e-6, "beta": 0.05}])
def test_a_trial_in_a_name_is_parsed(values):
    assert parse_trial(trial_name(values), "dpo" if "beta" in values else "sft") == values


def test_no_other_module_parses_paths_and_names():
    """Neither by the number of their parts, nor by splitting names at underscores, nor by the mark of a seed."""
    files = [*ROOT.glob("clinical_dpo/**/*.py"), *ROOT.glob("workflow/**/*.smk"), *ROOT.glob("workflow/scripts/*.py")]
    path = r"\.parts\[|\.parent\.parent\.name|\.split\(\"_\"\)|results\}/|reports\}/|logs\}/"
    parsing = re.compile(rf"{path}|\.split\(\"_vs_|_seed\(\\")
    assert [path.name for path in files if parsing.search(path.read_text(encoding="utf-8"))] == ["paths.py"]
