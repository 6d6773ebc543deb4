"""Write the package of a finished run: a folder and a zip of it."""

import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clinical_dpo.data_checks.excerpts import without_excerpts
from clinical_dpo.io import read_text, replacing
from clinical_dpo.paths import parse
from clinical_dpo.report.model_card import Released, model_card
from clinical_dpo.report.package import mi_clear_llm, tripod_llm
from clinical_dpo.report.package.bibliography import bibliography
from clinical_dpo.report.package.blocks import Block, Heading, Paragraph, to_markdown, write_docx
from clinical_dpo.report.package.checklist import checklist
from clinical_dpo.report.package.crate import write_crate
from clinical_dpo.report.package.drafts import methods, results_draft
from clinical_dpo.report.package.private import hide, private_paths
from clinical_dpo.report.package.readme import readme
from clinical_dpo.report.package.run_facts import RunFacts
from clinical_dpo.report.package.statements import results
from clinical_dpo.report.package.study_files import private_files, task_files, write_study_files
from clinical_dpo.variants import STAGES
from clinical_dpo.yaml_files import read_yaml

TEXT = (".txt", ".csv", ".tex", ".md", ".html", ".svg", ".yaml", ".json", ".bib")  # files in which paths are hidden
ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # time of every entry, so that equal folders make equal zips


@dataclass(frozen=True)
class Copied:
    """Files of the run and of the code that are copied into the run's package (a folder and a zip of it).

    Attributes:
        reports: the run's HTML page and its text summary.
        tables: CSV and LaTeX files.
        figures: figures and their CSV files.
        data_cards: data cards. A data card is a page about the data of one task.
        code: Snakefile, LICENSE, CITATION.cff, and the lock files with the versions of Python libraries.
    """

    reports: Sequence[str | Path]
    tables: Sequence[str | Path]
    figures: Sequence[str | Path]
    data_cards: Sequence[str | Path]
    code: Sequence[str | Path]


def write_package(folder: Path, archive: Path, facts: RunFacts, copied: Copied, citation: Path, root: Path) -> None:
    """Write the package of a run as a folder and as a zip. An older folder or zip is replaced as a whole.

    Args:
        folder: the folder to write or replace.
        archive: the zip to write or replace.
        facts: facts of the run.
        copied: files to copy into the package.
        citation: CITATION.cff of the code.
        root: the folder that contains the run's config/tasks and config/models.
    """
    tasks = task_files(facts.study, root)
    private = private_files(tasks)
    with replacing(folder) as part:
        part.mkdir()
        _copy(part, copied, facts)
        write_study_files(part / "config", facts.study, tasks, root)
        _write_documents(part, facts)
        (part / "references.bib").write_text(bibliography(facts, read_yaml(citation)), encoding="utf-8")
        (part / "README.md").write_text(readme(facts, private), encoding="utf-8")
        _hide_paths(part, private_paths(private, facts.study.paths))
        write_crate(part, facts, _finished(copied))
        with replacing(archive) as zipped:
            _zip(part, zipped, folder.name)


def _copy(part: Path, copied: Copied, facts: RunFacts) -> None:
    """Copy the run's files into the folder `part`.

    Data cards are copied without their excerpts of rows. The data cards of private tasks are not copied.
    """
    folders = {".": copied.reports, "tables": copied.tables, "figures": copied.figures, "code": copied.code}
    for name, files in folders.items():
        (part / name).mkdir(exist_ok=True)
        for file in files:
            shutil.copyfile(file, part / name / Path(file).name)
    (part / "data_cards").mkdir()
    for file in copied.data_cards:
        task = parse("data_card", file)["task"]
        if task not in facts.private:
            (part / f"data_cards/{task}.md").write_text(without_excerpts(read_text(file)), encoding="utf-8")


def _write_documents(part: Path, facts: RunFacts) -> None:
    """Write decisions, drafts, checklists and model cards into the folder `part`."""
    decided: list[Block] = [Heading(1, "Is SFT enough?")]
    for task in facts.study.tasks:
        decided += [Heading(2, facts.task_title(task)), *map(Paragraph, results.decisions(facts, task))]
    drafts = {"methods": methods(facts), "results": results_draft(facts)}
    for name, blocks in {"decisions": decided, **drafts}.items():
        (part / f"{name}.md").write_text(to_markdown(blocks), encoding="utf-8")
    write_docx(part / "methods_and_results.docx", [block for blocks in drafts.values() for block in blocks])
    (part / "checklists").mkdir()
    for module in (tripod_llm, mi_clear_llm):
        blocks = checklist(module.TITLE, module.SOURCE, module.ITEMS, facts)
        (part / f"checklists/{module.TITLE}.md").write_text(to_markdown(blocks), encoding="utf-8")
        write_docx(part / f"checklists/{module.TITLE}.docx", blocks)
    (part / "model_cards").mkdir()
    for (task, model, stage), card in _model_cards(facts).items():
        (part / f"model_cards/{task}.{model}.{stage}.md").write_text(card, encoding="utf-8")


def _model_cards(facts: RunFacts) -> Mapping[tuple[str, str, str], str]:
    """Make the model cards: (task, model, stage) -> the card as Markdown text.

    Each SFT or DPO model of a chosen trial has a card. A card has no code that loads the model, because the package has
    no weights.
    """
    return {
        (task, model, stage): model_card(
            Released(
                task=facts.study.tasks[task],
                model=facts.study.models[model],
                stage=stage,
                max_new_tokens=facts.study.answer_limit(task),
                base=facts.bases[model],
                base_path=None,
                ends=(),
                adapter=run["settings"]["adapter"] != "full",
                merged=False,
                run=run,
                manifest=facts.manifests[task],
                metrics=facts.rows("metrics", task=task),
                weights=False,
            )
        )
        for (task, model, stage), run in facts.training.items()
        if stage in STAGES
    }


def _hide_paths(part: Path, patterns: Sequence[re.Pattern[str]]) -> None:
    """Replace the paths of private data by NOT_SHOWN in all text files of a folder and its subfolders.

    Args:
        part: the folder.
        patterns: patterns of the paths, from `private_paths`.
    """
    for path in part.rglob("*") if patterns else ():
        if path.suffix in TEXT:
            text = path.read_text(encoding="utf-8")
            if (hidden := hide(text, patterns)) != text:
                path.write_text(hidden, encoding="utf-8")


def _finished(copied: Copied) -> datetime:
    """Time (UTC) at which the newest table, figure or page of the run was made."""
    files: Iterable[str | Path] = (*copied.reports, *copied.tables, *copied.figures)
    return datetime.fromtimestamp(max(Path(file).stat().st_mtime for file in files), tz=UTC)


def _zip(folder: Path, archive: Path, name: str) -> None:
    """Write the files of a folder to the zip `archive`. Inside the zip, the files are in a folder called `name`."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(f"{name}/{path.relative_to(folder).as_posix()}", ZIP_TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                file.writestr(entry, path.read_bytes())
