"""Statements about the data of a run: sources, rows, splits, checks. No statement quotes a row or a path."""

from collections.abc import Iterator, Mapping
from typing import Any

from clinical_dpo.config.column_rules import smallest_cell
from clinical_dpo.report.package.run_facts import RunFacts
from clinical_dpo.statistics.subgroups import ALL


def sources(facts: RunFacts) -> list[str]:
    """A line per task: origin, licence and citation of its data."""
    return [f"{facts.task_title(task)}: {_source(facts, task)}" for task in facts.study.tasks]


def _source(facts: RunFacts, task: str) -> str:
    settings, source = facts.study.tasks[task], facts.manifests[task]["source"]
    if _is_synthetic(facts, task):
        return "generated text; it is no evidence about medicine."
    if source["kind"] == "hub":
        words = [f"data set {source['id']} of the Hugging Face hub, revision {source['revision']}."]
    elif task in facts.private:
        words = ["a private file of patients' texts (phi: true), not in this package."]
    else:
        words = ["a file."]
    words.append(f"Licence: {settings.get('licence', 'not stated in the task file')}.")
    words += [f"Citation: {settings['citation']}."] if "citation" in settings else []
    return " ".join(words)


def _is_synthetic(facts: RunFacts, task: str) -> bool:
    """Whether the text of a task is synthetic in this run."""
    return bool(facts.manifests[task]["source"]["data"] == "synthetic")


def licences(facts: RunFacts) -> list[str]:
    """A line per task: the licence of its data."""
    return [
        f"{facts.task_title(task)}: "
        + ("generated text" if _is_synthetic(facts, task) else settings.get("licence", "not stated in the task file"))
        for task, settings in facts.study.tasks.items()
    ]


def split_counts(facts: RunFacts) -> list[str]:
    """A line per task: the number of rows in each split."""
    return [f"{facts.task_title(task)}: {_counts(facts.manifests[task]['counts'])}." for task in facts.study.tasks]


def label_counts(facts: RunFacts) -> list[str]:
    """For each task that has labels, one line of text: the number of rows with each label in each split.

    In a private task, a count from 1 to n - 1 is shown as "fewer than n". The function `smallest_cell` gives n.
    """
    lines = []
    for task, settings in facts.study.tasks.items():
        least = (smallest_cell(facts.study.config, settings) or 0) if task in facts.private else 0
        of_splits = [(split, n) for split, n in facts.manifests[task]["labels"].items() if n]
        words = "; ".join(f"{split}: {_counts(labels, least)}" for split, labels in of_splits)
        lines += [f"{facts.task_title(task)}: {words}."] if words else []
    return lines


def _counts(counts: Mapping[str, int], least: int = 0) -> str:
    """Counts with their names: "120 yes, 80 no". A count from 1 to `least` - 1 is shown as "fewer than `least`"."""
    return ", ".join(
        f"fewer than {least} {name}" if 0 < count < least else f"{count:,} {name}" for name, count in counts.items()
    )


def flow(facts: RunFacts) -> list[str]:
    """A line per task: rows in the source, rows dropped for each reason, and rows in each split."""
    return [f"{facts.task_title(task)}: {'; '.join(_flow(facts.manifests[task]))}." for task in facts.study.tasks]


def _flow(manifest: Mapping[str, Any]) -> Iterator[str]:
    source = manifest["source"]
    yield f"{source['rows']:,} rows in the source"
    if "sampled" in source:
        yield f"{source['sampled']:,} drawn"
    for reason, count in source.get("drops", {}).items():
        yield f"{count:,} dropped ({reason})"
    if where := source.get("where"):
        yield f"{where['dropped']:,} dropped by a condition over the rows"
    yield f"{manifest['duplicates_removed']:,} repeats of a prompt dropped"
    yield f"{manifest['unused']:,} in no split"
    yield f"splits: {_counts(manifest['counts'])}"


def omissions(facts: RunFacts) -> list[str]:
    """A line per task: rows dropped while reading, repeated prompts with conflicting answers, and reduced splits.

    An answer conflicts if it differs from the answer of the first row with the same prompt. Splits are reduced if the
    source has fewer rows than the config asks for.
    """
    lines = []
    for task in facts.study.tasks:
        manifest = facts.manifests[task]
        words = [f"{sum(manifest['source'].get('drops', {}).values()):,} rows dropped by the reader"]
        words += [
            f"{manifest['conflicting_duplicates']:,} repeats of a prompt had another answer than the first row with "
            "this prompt"
        ]
        if manifest["shrunk"]:
            words.append(f"fewer rows than configured, so the splits share {manifest['shrunk']['have']:,} rows")
        lines.append(f"{facts.task_title(task)}: {'; '.join(words)}.")
    return lines


def preprocessing(facts: RunFacts) -> list[str]:
    """A line per task: the repairs of texts and values, and the number of repeated prompts that were removed.

    A last line names the checks of the data.
    """
    lines = []
    for task in facts.study.tasks:
        manifest = facts.manifests[task]
        repairs = [*manifest["source"].get("repairs", {}).items(), *manifest["repairs"].items()]
        words = [f"{name} ({repair['count']:,})" for name, repair in repairs] or ["no text or value was repaired"]
        words.append(f"{manifest['duplicates_removed']:,} repeats of a prompt were removed")
        lines.append(f"{facts.task_title(task)}: {'; '.join(words)}.")
    return [*lines, "Prompts, lengths, labels and near-duplicates were checked before training; see the data cards."]


def subgroups(facts: RunFacts) -> list[str]:
    """A line for each task whose test items are divided into subgroups.

    The line names the subgroups of tables/subgroups.csv, such as `sex`.
    """
    columns: dict[str, list[str]] = {}
    for row in facts.rows("subgroups"):
        if row["subgroup"] != ALL and row["subgroup"] not in columns.setdefault(row["task"], []):
            columns[row["task"]].append(row["subgroup"])
    return [
        f"{facts.task_title(task)}: results by {', '.join(names)} (tables/subgroups.csv)."
        for task, names in columns.items()
    ]


def generated_fields(facts: RunFacts) -> list[str]:
    """A line for each generated field (field whose texts a language model wrote): the task, the field, the model."""
    return [
        f"{facts.task_title(task)}: field {field} was written by {entry['written_by']}."
        for task in facts.study.tasks
        for field, entry in facts.manifests[task].get("texts", {}).items()
    ]
