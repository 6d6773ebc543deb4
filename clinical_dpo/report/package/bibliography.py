"""BibTeX of everything that a run used: studies, methods, data sets, base models and libraries."""

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

from clinical_dpo.report.latex import escape
from clinical_dpo.report.package.run_facts import RunFacts

DOI = re.compile(r"\b10\.\d{4,9}/[^\s,;\"'<>{}]*[^\s,;\"'<>{}.)]")
ANALYSIS = ("snakemake", "numpy", "scipy", "statsmodels", "scikit-learn", "rouge_score", "matplotlib")
METHODS: dict[str, dict[str, str]] = {
    "rafailov2023dpo": {
        "entry": "inproceedings",
        "author": "Rafailov, Rafael and Sharma, Archit and Mitchell, Eric and Manning, Christopher D and "
        "Ermon, Stefano and Finn, Chelsea",
        "title": "Direct Preference Optimization: Your Language Model is Secretly a Reward Model",
        "booktitle": "Advances in Neural Information Processing Systems",
        "volume": "36",
        "year": "2023",
    },
    "gallifant2025tripodllm": {
        "entry": "article",
        "author": "Gallifant, Jack and others",
        "title": "The TRIPOD-LLM reporting guideline for studies using large language models",
        "journal": "Nature Medicine",
        "volume": "31",
        "pages": "60--69",
        "year": "2025",
        "doi": "10.1038/s41591-024-03425-5",
    },
    "park2024miclearllm": {
        "entry": "article",
        "author": "Park, Seong Ho and others",
        "title": "Minimum Reporting Items for Clear Evaluation of Accuracy Reports of Large Language Models in "
        "Healthcare (MI-CLEAR-LLM)",
        "journal": "Korean Journal of Radiology",
        "year": "2024",
        "note": "PMC11444851",
    },
}
LORA = {
    "hu2022lora": {
        "entry": "inproceedings",
        "author": "Hu, Edward J and others",
        "title": "LoRA: Low-Rank Adaptation of Large Language Models",
        "booktitle": "International Conference on Learning Representations",
        "year": "2022",
    }
}


def bibliography(facts: RunFacts, citation: Mapping[str, Any]) -> str:
    """Return the BibTeX text of all entries. Each entry has its own key.

    Args:
        facts: facts of the run.
        citation: content of CITATION.cff about the workflow. `references` has the studies whose design it follows.
    """
    entries = {"clinicaldpo": _workflow(facts, citation)}
    for reference in citation["references"]:
        entries[f"{reference['authors'][0]['family-names'].lower()}{reference['year']}"] = _reference(reference)
    entries |= METHODS
    if any(run["settings"]["adapter"] == "lora" for run in facts.training.values()):
        entries |= LORA
    entries |= _data(facts) | _models(facts) | _libraries(facts)
    return "\n".join(_entry(key, fields) for key, fields in entries.items())


def _workflow(facts: RunFacts, citation: Mapping[str, Any]) -> dict[str, str]:
    authors = " and ".join(f"{{{escape(author['name'])}}}" for author in citation["authors"])
    return {"entry": "software", "author": authors, "title": citation["title"], "version": facts.code}


def _reference(reference: Mapping[str, Any]) -> dict[str, str]:
    people = (f"{author['family-names']}, {author['given-names']}" for author in reference["authors"])
    authors = " and ".join(map(escape, people))
    fields = {
        "entry": "article" if reference["type"] == "article" else "misc",
        "author": authors,
        "title": " ".join(reference["title"].split()),
        "journal": reference.get("journal", ""),
        "volume": str(reference.get("volume", "")),
        "pages": str(reference.get("start", "")),
        "year": str(reference["year"]),
        "doi": reference.get("doi", ""),
        "url": reference.get("url", ""),
    }
    return {key: value for key, value in fields.items() if value}


def _data(facts: RunFacts) -> dict[str, dict[str, str]]:
    """Make the BibTeX entries of data sets: key of an entry -> its fields.

    A task with real data has an entry if it has a citation, or if its data are a data set of the Hugging Face hub.
    """
    entries = {}
    for task, settings in facts.study.tasks.items():
        source = facts.manifests[task]["source"]
        if source["data"] == "synthetic":
            continue
        fields = {"entry": "misc", "title": f"Data of {settings['title']}"}
        if source["kind"] == "hub":
            fields |= {"title": source["id"], "url": f"https://huggingface.co/datasets/{source['id']}"}
            fields |= {"version": source["revision"]}
        if "citation" in settings:
            fields["note"] = settings["citation"].strip()
            fields |= {"doi": match[0]} if (match := DOI.search(fields["note"])) else {}
        if len(fields) > 2:
            entries[f"data-{task}"] = fields
    return entries


def _models(facts: RunFacts) -> dict[str, dict[str, str]]:
    """Make the BibTeX entries of base models: key of an entry -> its fields.

    A base model that the workflow pre-trains itself has no entry.
    """
    entries = {}
    for model in facts.models():
        base, settings = facts.bases[model], facts.study.models[model]
        if base["source"] == "pretrain":
            continue
        fields = {"entry": "misc", "title": base["id"], "version": base["revision"]}
        fields |= {"url": f"https://huggingface.co/{base['id']}"} if base["source"] == "hub" else {}
        fields |= {"note": f"Licence: {settings['license']}"} if "license" in settings else {}
        entries[f"model-{model}"] = fields
    return entries


def _libraries(facts: RunFacts) -> dict[str, dict[str, str]]:
    """Make the BibTeX entries of libraries: key of an entry -> its fields.

    The versions of libraries for training and answering are from the run's records. The libraries of ANALYSIS have the
    versions that are installed now.
    """
    versions = {name: " and ".join(used) for name, used in facts.libraries().items()}
    for name in ANALYSIS:
        try:
            versions.setdefault(name, metadata(name)["Version"])
        except PackageNotFoundError:
            continue
    return {
        f"library-{name}": {
            "entry": "software",
            "title": name,
            "version": version,
            "url": f"https://pypi.org/project/{name}/",
        }
        for name, version in versions.items()
    }


def _entry(key: str, fields: Mapping[str, str]) -> str:
    """One BibTeX entry as text. URL and DOI stay unchanged. All other text is escaped for LaTeX."""
    lines = [f"@{fields['entry']}{{{key},"]
    for name, value in fields.items():
        if name != "entry":
            lines.append(f"  {name} = {{{value if name in ('url', 'doi') else _braced(name, value)}}},")
    return "\n".join([*lines, "}", ""])


def _braced(name: str, value: str) -> str:
    """A field's value, escaped for LaTeX. The field `author` is escaped already and stays unchanged.

    A title has braces around it, so that BibTeX keeps its capitals.
    """
    if name == "author":  # already escaped, with braces around the name of a group
        return value
    return f"{{{escape(value)}}}" if name == "title" else escape(value)
