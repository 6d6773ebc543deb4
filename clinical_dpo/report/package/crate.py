"""Describe a package as an RO-Crate with the profile Workflow Run Crate (https://w3id.org/ro/wfrun/workflow/0.5)."""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from clinical_dpo.io import write_json
from clinical_dpo.report.package.run_facts import RunFacts

METADATA = "ro-crate-metadata.json"
# The profile and those that it extends: address -> name. The version is the last part of the address.
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
WORKFLOW = "code/Snakefile"
MADE_BEFORE = ("config/", "code/")  # folders of files that the run read
TYPES = {".md": "text/markdown", ".bib": "application/x-bibtex", ".yaml": "application/yaml", ".lock": "text/plain"}
TYPES |= {
    "": "text/plain",
    ".cff": "application/yaml",
    ".tex": "application/x-tex",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


@dataclass(frozen=True)
class Slot:
    """An input or an output of the workflow, with files in the package.

    Attributes:
        name: name of the input or output. An input has the name of the option (`configfile`) or of the config key
            (`tasks`) that names the files. An output has the name of the folder that contains the files (`tables`), the
            file name without suffix (`summary`), or the name of the target that writes the files (`package`).
        begin: start of the paths of the files, relative to the package's folder, such as `tables/`; "" for all paths.
        description: what the files are.
    """

    name: str
    begin: str
    description: str


INPUTS = (
    Slot("configfile", "config/config.yaml", "The configuration of the run, with all overrides."),
    Slot("tasks", "config/tasks/", "The files of the tasks that the configuration names."),
    Slot("models", "config/models/", "The files of the models that the recipes of the configuration name."),
)
# A file belongs to the first output that its path fits.
OUTPUTS = (
    Slot("summary", "summary.", "The page and the summary of the run."),
    Slot("tables", "tables/", "Tables of the run."),
    Slot("figures", "figures/", "Figures of the run, and the numbers that each draws."),
    Slot("data_cards", "data_cards/", "Sources, counts and checks of the data."),
    Slot("package", "", "Documents that the target `package` writes."),
)


def write_crate(folder: Path, facts: RunFacts, finished: datetime) -> None:
    """Write ro-crate-metadata.json, which describes all files of a package, into the package's folder.

    In the metadata, the run is one action. The action's instrument is the workflow. The action's objects are the
    settings, data sets and base models. The action's results are the files that the run made.

    Args:
        folder: the package's folder. It must already have all other files, with `code/Snakefile` and `code/LICENSE`.
        facts: facts of the run.
        finished: time at which the run's last result was made.
    """
    from rocrate.model import ContextEntity  # imported here: other jobs do not need it
    from rocrate.rocrate import ROCrate

    crate: Any = ROCrate(version="1.1")  # the version on which the profiles are based
    name = f"SFT and DPO compared on {len(facts.study.tasks)} clinical tasks"
    run_name = facts.study.config["run_name"]
    date = finished.astimezone(UTC).isoformat(timespec="seconds")

    def entity(identifier: str, kind: str, /, **properties: Any) -> Any:
        return crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **properties}))

    crate.name = f"{name} (run {run_name})" if run_name else name
    crate.description = (
        "Tables, figures, decisions, settings, documents and checklists of a finished run of clinical-dpo. The package "
        "has no rows of data and no weights."
    )
    crate.root_dataset["datePublished"] = date
    crate.root_dataset["conformsTo"] = [
        entity(profile, "CreativeWork", name=title, version=profile.rpartition("/")[2])
        for profile, title in PROFILES.items()
    ]
    crate.root_dataset["license"] = entity(
        "#licence",
        "CreativeWork",
        name="for the authors",
        description="The authors choose the licence of this package. The code is under MIT; data and base models have "
        "licences of their own.",
    )
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    files = {
        name: crate.add_file(path, dest_path=name, properties={"name": name, "encodingFormat": _type(path)})
        for name, path in paths.items()
        if name != WORKFLOW
    }
    files["README.md"]["about"] = crate.root_dataset
    used = {name: file for name, file in files.items() if name.startswith(MADE_BEFORE)}
    made = {name: file for name, file in files.items() if name not in used}
    workflow = crate.add_workflow(
        paths[WORKFLOW],
        dest_path=WORKFLOW,
        main=True,
        lang="snakemake",
        lang_version=_snakemake_version(),
        properties={
            "name": "clinical-dpo",
            "version": facts.code,
            "description": "A Snakemake workflow that compares SFT and DPO on clinical language tasks. This file names "
            "the workflow's targets and includes its rules. The rules are in the code of the same version.",
            "encodingFormat": _type(paths[WORKFLOW]),
        },
    )
    workflow["license"] = files["code/LICENSE"]
    workflow["creator"] = entity("#developers", "Organization", name="the clinical-dpo developers")
    workflow["softwareRequirements"] = [_library(entity, *each) for each in facts.libraries().items()]
    workflow["input"] = _parameters(crate, "input", INPUTS, used)
    workflow["output"] = _parameters(crate, "output", OUTPUTS, made)
    agent = entity("#authors", "Organization", name="for the authors")
    crate.root_dataset["author"] = agent
    action = entity(
        "#run",
        "CreateAction",
        name="Run of the workflow",
        description="Training, answering, grading and statistics of the run.",
        endTime=date,
        instrument=workflow,
        agent=agent,
        object=[*used.values(), *_data_sets(entity, facts), *_base_models(entity, facts)],
        result=list(made.values()),
        actionStatus="http://schema.org/CompletedActionStatus",
    )
    crate.root_dataset["mentions"] = action
    write_json(folder / METADATA, crate.metadata.generate())


def _parameters(crate: Any, kind: str, slots: tuple[Slot, ...], files: Mapping[str, Any]) -> list[Any]:
    """Add a formal parameter to the crate for each slot that has files, and return the parameters.

    A formal parameter is RO-Crate's description of an input or output. A parameter names its files, and each of these
    files names the parameter.

    Args:
        crate: the crate, to which the parameters are added.
        kind: `input` or `output`.
        slots: the inputs or the outputs. A file belongs to the first slot whose `begin` is the beginning of the file's
            path.
        files: path in the package -> the file's entity in the crate.
    """
    filled: dict[Slot, list[Any]] = {}
    for path, file in files.items():
        if slot := next((slot for slot in slots if path.startswith(slot.begin)), None):
            filled.setdefault(slot, []).append(file)
    parameters = []
    for slot in slots:
        if slot in filled:
            parameter = crate.add_formal_parameter(
                slot.name,
                "File",
                identifier=f"#{kind}-{slot.name}",
                description=slot.description,
                valueRequired=kind == "input",
                properties={"workExample": filled[slot] if len(filled[slot]) > 1 else filled[slot][0]},
            )
            for file in filled[slot]:
                file["exampleOfWork"] = parameter
            parameters.append(parameter)
    return parameters


def _snakemake_version() -> str | None:
    """Version of Snakemake, or None in an environment without it."""
    try:
        return version("snakemake")
    except PackageNotFoundError:
        return None


def _library(entity: Any, library: str, versions: list[str]) -> Any:
    """Add an entity to the crate for a library that training or answering used, and return the entity.

    Args:
        entity: function that adds an entity to the crate and returns it.
        library: name of the library.
        versions: all versions of the library that the run used.
    """
    url = f"https://pypi.org/project/{library}/"
    return entity(url, "SoftwareApplication", name=library, softwareVersion=" and ".join(versions), url=url)


def _type(path: Path) -> str:
    """Media type of a file."""
    return TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _data_sets(entity: Any, facts: RunFacts) -> list[Any]:
    """Add an entity to the crate for the data of each task, and return these entities. The entities contain no path.

    Args:
        entity: function that adds an entity to the crate and returns it.
        facts: facts of the run.
    """
    entities = []
    for task, settings in facts.study.tasks.items():
        source = facts.manifests[task]["source"]
        properties: dict[str, Any] = {"name": f"Data of {settings['title']}"}
        properties["description"] = {
            "synthetic": "Generated text.",
            "real": "Not in this package; private." if task in facts.private else "Not in this package.",
        }[source["data"]]
        if source["kind"] == "hub":
            properties |= {"version": source["revision"], "url": f"https://huggingface.co/datasets/{source['id']}"}
        if "citation" in settings:
            properties["citation"] = settings["citation"].strip()
        entities.append(entity(f"#data-{task}", "CreativeWork", **properties))
    return entities


def _base_models(entity: Any, facts: RunFacts) -> list[Any]:
    """Add an entity to the crate for each base model, and return these entities.

    Args:
        entity: function that adds an entity to the crate and returns it.
        facts: facts of the run.
    """
    entities = []
    for model in facts.models():
        base, settings = facts.bases[model], facts.study.models[model]
        properties = {"name": settings["title"], "version": base["revision"]}
        properties |= {"identifier": base["id"]} if base["source"] == "hub" else {}
        properties |= {"url": f"https://huggingface.co/{base['id']}"} if base["source"] == "hub" else {}
        entities.append(entity(f"#model-{model}", "CreativeWork", **properties))
    return entities
