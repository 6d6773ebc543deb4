"""Describe a package as an RO-Crate with the profile Process Run Crate (https://w3id.org/ro/wfrun/process/0.5)."""

import mimetypes
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clinical_dpo.io import write_json
from clinical_dpo.report.package.run_facts import RunFacts

METADATA = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
MADE_BEFORE = ("config/", "code/")  # folders of files that the run read
TYPES = {".md": "text/markdown", ".bib": "application/x-bibtex", ".yaml": "application/yaml", ".lock": "text/plain"}
TYPES |= {
    ".tex": "application/x-tex",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


def write_crate(folder: Path, facts: RunFacts, finished: datetime) -> None:
    """Write ro-crate-metadata.json for all files of a folder.

    The run is one action, and its instrument is the workflow. The action's objects are the settings, data sets and base
    models. The action's results are the files that the run made.

    Args:
        folder: the package's folder with all other files.
        facts: facts of the run.
        finished: when the run's last result was made.
    """
    from rocrate.model import ContextEntity  # imported here: other jobs do not need it
    from rocrate.rocrate import ROCrate

    crate: Any = ROCrate(version="1.1")  # the version on which the profile is based
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
    crate.root_dataset["conformsTo"] = entity(PROFILE, "CreativeWork", name="Process Run Crate", version="0.5")
    crate.root_dataset["license"] = entity(
        "#licence",
        "CreativeWork",
        name="for the authors",
        description="The authors choose the licence of this package. The code is under MIT; data and base models have "
        "licences of their own.",
    )
    files = {
        path.relative_to(folder).as_posix(): crate.add_file(
            path,
            dest_path=path.relative_to(folder).as_posix(),
            properties={"name": path.relative_to(folder).as_posix(), "encodingFormat": _type(path)},
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    used = [file for path, file in files.items() if path.startswith(MADE_BEFORE)]
    made = [file for path, file in files.items() if not path.startswith(MADE_BEFORE)]
    libraries = [
        entity(
            f"https://pypi.org/project/{library}/",
            "SoftwareApplication",
            name=library,
            softwareVersion=" and ".join(versions),
            url=f"https://pypi.org/project/{library}/",
        )
        for library, versions in facts.libraries().items()
    ]
    workflow = entity(
        "#clinical-dpo",
        "SoftwareApplication",
        name="clinical-dpo",
        softwareVersion=facts.code,
        description="A Snakemake workflow that compares SFT and DPO on clinical language tasks.",
        softwareRequirements=libraries,
    )
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
        object=[*used, *_data_sets(entity, facts), *_base_models(entity, facts)],
        result=made,
        actionStatus="http://schema.org/CompletedActionStatus",
    )
    crate.root_dataset["mentions"] = action
    write_json(folder / METADATA, crate.metadata.generate())


def _type(path: Path) -> str:
    """Media type of a file."""
    return TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _data_sets(entity: Any, facts: RunFacts) -> list[Any]:
    """Add an entity to the crate for the data of each task, and return these entities. They contain no path.

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
            properties["creditText"] = settings["citation"].strip()
        entities.append(entity(f"#data-{task}", "CreativeWork", **properties))
    return entities


def _base_models(entity: Any, facts: RunFacts) -> list[Any]:
    """Add an entity to the crate for each base model, and return these entities. Arguments are as in `_data_sets`."""
    entities = []
    for model in facts.models():
        base, settings = facts.bases[model], facts.study.models[model]
        properties = {"name": settings["title"], "version": base["revision"]}
        properties |= {"identifier": base["id"]} if base["source"] == "hub" else {}
        properties |= {"url": f"https://huggingface.co/{base['id']}"} if base["source"] == "hub" else {}
        entities.append(entity(f"#model-{model}", "CreativeWork", **properties))
    return entities
