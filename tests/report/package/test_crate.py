"""The package of a run as a Workflow Run RO-Crate: its entities, and the verdict of the profile's validator."""

import json
import re

import pytest

from tests.helpers.crate_validator import CrateValidator
from tests.helpers.finished_run import MODEL, finished_run

PROFILES = ("ro-crate-1.1", "process-run-crate-0.5", "workflow-ro-crate-1.0", "workflow-run-crate-0.5")
# Recommendations that no run can follow: check -> reason.
NOT_FOLLOWED = {
    "ro-crate-1.1_22.3": "the publisher is for the authors to name",
    "ro-crate-1.1_31.2": "the organizations have no address that a run knows",
    "process-run-crate-0.5_3.2": "the workflow has no address that a run knows",
    "process-run-crate-0.5_5.1": "the validator takes classes of its vocabulary for software of the crate",
    "workflow-ro-crate-1.0_8.1": "the profile of Bioschemas requires the address of the workflow",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The package of a finished run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / finished_run(tmp_path).package()


def graph_of(folder):
    """Identifier -> entity of a crate."""
    entities = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    by_id = {entity["@id"]: entity for entity in entities}
    assert len(by_id) == len(entities)
    return by_id


def ids(value):
    """Identifiers of the entities that a property names."""
    return {each["@id"] for each in (value if isinstance(value, list) else [value])}


def test_the_root_names_the_profiles_and_every_file(folder):
    graph = graph_of(folder)
    descriptor, root = graph["ro-crate-metadata.json"], graph["./"]
    assert descriptor["about"] == {"@id": "./"}
    workflow_crate = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
    assert ids(descriptor["conformsTo"]) == {"https://w3id.org/ro/crate/1.1", workflow_crate}
    runs = {f"https://w3id.org/ro/wfrun/{name}/0.5" for name in ("process", "workflow")}
    assert ids(root["conformsTo"]) == runs | {workflow_crate}
    assert {graph[profile]["@type"] for profile in ids(root["conformsTo"])} == {"CreativeWork"}
    assert all(root[key] for key in ("name", "description", "datePublished", "license"))
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    described = {name for name, entity in graph.items() if "File" in entity["@type"]}
    assert described == files - {"ro-crate-metadata.json"} == ids(root["hasPart"])
    assert set(re.findall(r'"@id": "(#[^"]+)"', json.dumps(list(graph.values())))) <= graph.keys()


def test_the_run_is_an_action_of_the_workflow(folder):
    graph = graph_of(folder)
    action = graph[graph["./"]["mentions"]["@id"]]
    assert action["@type"] == "CreateAction" and action["endTime"] and action["name"]
    workflow = graph[action["instrument"]["@id"]]
    assert action["instrument"] == graph["./"]["mainEntity"] == {"@id": "code/Snakefile"}
    assert workflow["@type"] == ["File", "SoftwareSourceCode", "ComputationalWorkflow"]
    assert workflow["version"] == "0.2.0, commit abc" and workflow["license"] == {"@id": "code/LICENSE"}
    language = graph[workflow["programmingLanguage"]["@id"]]
    assert (language["@type"], language["name"]) == ("ComputerLanguage", "Snakemake")
    read, made = ids(action["object"]), ids(action["result"])
    assert {"config/config.yaml", "#data-uti", f"#model-{MODEL}"} <= read and "tables/stats.csv" in made
    assert not read & made and "code/Snakefile" not in read


@pytest.mark.parametrize(("slots", "files"), [("input", "object"), ("output", "result")])
def test_parameters_of_the_workflow_and_files_of_the_run_name_each_other(folder, slots, files):
    graph = graph_of(folder)
    parameters = ids(graph["code/Snakefile"][slots])
    examples = {parameter: ids(graph[parameter]["workExample"]) for parameter in parameters}
    assert {(graph[name]["@type"], graph[name]["additionalType"]) for name in parameters} == {
        ("FormalParameter", "File")
    }
    named = {
        name: graph[name]["exampleOfWork"]["@id"]
        for name in ids(graph["#run"][files])
        if "exampleOfWork" in graph[name]
    }
    assert named == {file: parameter for parameter, members in examples.items() for file in members}
    expected = {
        "input": {"config/config.yaml": "configfile", "config/tasks/uti.yaml": "tasks"},
        "output": {"tables/stats.csv": "tables", "summary.html": "summary", "methods.md": "package"},
    }[slots]
    assert {file: graph[named[file]]["name"] for file in expected} == expected
    if slots == "output":
        assert named.keys() == ids(graph["#run"]["result"])


@pytest.fixture(scope="module")
def validator(tmp_path_factory):
    installed = CrateValidator.install(tmp_path_factory.mktemp("validator"))
    if isinstance(installed, str):
        pytest.skip(installed)
    return installed


@pytest.mark.slow
@pytest.mark.parametrize("profile", PROFILES)
def test_the_validator_finds_that_a_package_conforms(validator, folder, profile):
    issues = validator.issues(folder, profile)
    assert issues["REQUIRED"] == set()
    assert issues["RECOMMENDED"] <= NOT_FOLLOWED.keys()


@pytest.mark.slow
def test_the_validator_refuses_a_crate_without_its_workflow(validator, folder):
    path = folder / "ro-crate-metadata.json"
    crate = json.loads(path.read_text(encoding="utf-8"))
    for entity in crate["@graph"]:
        entity.pop("mainEntity", None)
    path.write_text(json.dumps(crate), encoding="utf-8")
    assert "workflow-run-crate-0.5_4.1" in validator.issues(folder, "workflow-run-crate-0.5")["REQUIRED"]
