"""docs/keys.md lists every key of the schemas, with the defaults of the code."""

import ast
import re
from dataclasses import fields

import pytest

from clinical_dpo.config.endpoints import Endpoint
from clinical_dpo.data_checks.thresholds import CHECKS
from clinical_dpo.inference.label_likelihood import LabelScoring
from clinical_dpo.variants import PAIRED_SETTINGS
from clinical_dpo.yaml_files import read_yaml
from docs.keys import document, keys, schema_of
from tests.conftest import ROOT
from tests.workflow.every_key.schema_keys import all_keys

PAGE = (ROOT / "docs/keys.md").read_text(encoding="utf-8")
SECTIONS = {  # heading -> beginning of its keys' names in `all_keys`
    **{"Config of a run": ["config"], "Recipes": ["config.recipes"], "Training stages": ["sft", "dpo"]},
    **{"Checks": ["thresholds"], "Endpoints": ["endpoint"], "Task file": ["task"], "Sources": ["source"]},
    "Model file": ["model"],
}
FILES = ("config", "stage", "thresholds", "endpoint", "task", "source", "model")


def lines(heading):
    """Key -> the other cells of its line."""
    text = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]
    rows = (re.split(r"(?<!\\)\|", line.strip("|\n")) for line in text.splitlines() if line.startswith("| `"))
    return {key.strip(" `"): [cell.strip() for cell in cells] for key, *cells in rows}


def test_the_page_is_generated():
    assert document() == PAGE, "run python -m docs.keys > docs/keys.md"


def test_the_page_has_every_key_of_the_schemas():
    listed = set()
    for heading, beginnings in SECTIONS.items():
        for key in lines(heading):
            of_checks = [f"{check}{key[4:]}" for check in CHECKS]
            names = of_checks if key.startswith("NAME.") else [key.replace(".NAME", "").replace("[]", "")]
            listed |= {f"{start}.{name}" for start in beginnings for name in names}
    listed |= {"task.source", "config.endpoints"}
    assert {key for key in all_keys() if key not in listed} == set()
    assert {f"sft.{key}" for key in PAIRED_SETTINGS} <= listed


@pytest.mark.parametrize("name", FILES)
def test_every_key_has_a_description_of_one_sentence_or_more(name):
    for key in keys(schema_of(name)):
        assert re.fullmatch(r".{10,}[.)]", key.schema.get("description", "")), key.path


def test_the_schema_says_what_each_check_counts():
    described = {key.path: key.schema["description"] for key in keys(schema_of("thresholds"))}
    for check, (counted, _) in CHECKS.items():
        assert described[check] == f"{counted[0].upper()}{counted[1:]}."


def test_the_page_has_the_values_of_the_config():
    config = read_yaml(ROOT / "config/config.yaml")
    assert lines("Config of a run")["compute.max_runtime"][1] == f"`{config['compute']['max_runtime']}`"
    assert lines("Recipes")["models"][1].count("llama3-8b-instruct") == 2
    murphy = config["recipes"]["murphy2024"]["dpo"]["lora"]["rank"]
    assert lines("Training stages")["lora.rank"][1] == f"`64`; murphy2024 DPO: `{murphy}`"
    assert lines("Training stages")["max_steps"][1].endswith("trial: `300`; small: `600`")


def defaults():
    return {
        key.path: key.schema["default"] for name in FILES for key in keys(schema_of(name)) if "default" in key.schema
    }


def test_defaults_are_those_of_the_code():
    stated = defaults()
    assert {field.name: field.default for field in fields(Endpoint) if field.name in ("seed", "server_user")} == {
        name: stated[name] for name in ("seed", "server_user")
    }
    scoring = {field.name: field.default for field in fields(LabelScoring)}
    assert all(scoring[name] is stated[f"likelihood.{name}"] for name in ("end_token", "per_token"))
    sources = [
        *(ROOT / "clinical_dpo").rglob("*.py"),
        *(ROOT / "workflow").rglob("*.py"),
        *(ROOT / "workflow").rglob("*.smk"),
    ]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    compared = set()
    for path, value in stated.items():
        for written in re.findall(rf"""(?:\.get|task_setting)\("{path.split(".")[-1]}", ([\w."-]+)\)""", code):
            assert ast.literal_eval(written) == value, path
            compared.add(path.split(".")[-1])
    assert compared >= {"answer_by", "judge_refusals", "label_noise", "other_label_weights", "when_missing", "phi"}
