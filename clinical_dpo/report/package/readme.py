"""The README of a package: its content, what it leaves out, and how to run the study again."""

from collections.abc import Mapping
from typing import Any

from clinical_dpo.escaping import markdown
from clinical_dpo.report.package.private import NOT_SHOWN
from clinical_dpo.report.package.run_facts import RunFacts
from clinical_dpo.report.package.statements import data, models, results

CONTENT = {
    "summary.html, summary.txt": "the run's page and summary; read the page first",
    "decisions.md": "for each task and model, whether SFT is enough",
    "tables/": "all tables of the run as CSV, the main ones also as LaTeX",
    "figures/": "the figures, and CSV files with the numbers that each figure draws",
    "methods.md, results.md, methods_and_results.docx": "drafts for a manuscript; every number is a field of a table",
    "checklists/": "TRIPOD-LLM and MI-CLEAR-LLM, prefilled with what the run knows",
    "data_cards/": "sources, counts and checks of the data, without any text of a row",
    "model_cards/": "the chosen models, without weights",
    "config/": "config, task files and model files with all overrides merged",
    "code/": "the Snakefile, the lock files with the versions of all packages, the licence and CITATION.cff",
    "references.bib": "everything that was used, as BibTeX",
    "ro-crate-metadata.json": "this folder as a Workflow Run RO-Crate",
}


def readme(facts: RunFacts, private: Mapping[str, Mapping[str, Any]]) -> str:
    """The README as Markdown.

    Args:
        facts: facts of the run.
        private: private task -> settings of its task file, from `study_files.private_files`.
    """
    pending = [row for row in facts.tables["metrics"] if row["status"] == "pending"]
    parts = [
        "# Package of a run",
        *map(markdown, models.objective(facts)),
        markdown(f"Code: clinical-dpo {facts.code}."),
        *([f"**Grades are awaited: {len(pending)} rows of tables/metrics.csv are pending.**"] if pending else []),
        *(f"**{markdown(line)}**" for line in results.all_marks(facts)),
        "## Content",
        "\n".join(["| file | content |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in CONTENT.items())]),
        "## Left out",
        "No row of any data set and no weights are in this package.",
        *_private(private),
        *(markdown(f"Left out of the run: {name}.") for name in facts.study.left_out),
        "## How to run it again",
        _steps(private),
        "## Data",
        "\n".join(f"- {markdown(line)}" for line in data.sources(facts)),
    ]
    return "\n\n".join(parts) + "\n"


def _private(private: Mapping[str, Any]) -> list[str]:
    if not private:
        return []
    return [
        f"Private tasks: {', '.join(private)}. Their data cards are left out. `{NOT_SHOWN}` replaces the paths of "
        "their files and their conditions over the rows (`where`)."
    ]


def _steps(private: Mapping[str, Any]) -> str:
    steps = [
        "Get the code in the version above: `git clone`, then `git checkout` of the commit.",
        "Install the packages of `code/requirements.lock` with Python 3.11 (docs/start.md of the code).",
        "Copy the files of `config/` over those in the clone's `config/`.",
        "Put the data files at the paths that the task files give (`source.path` in `config/tasks/`).",
        *([f"Replace `{NOT_SHOWN}` in the task files of {', '.join(private)} by your own values."] if private else []),
        "Run `snakemake --cores 4`. On other hardware numbers may differ by rounding.",
        "`snakemake --cores 1 package` writes this folder again.",
    ]
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))
