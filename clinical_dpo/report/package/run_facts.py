"""Facts from the files of a finished run: settings, manifests, records of training and answering, and tables."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clinical_dpo.checksums import BASE_RECORD
from clinical_dpo.config.privacy import private_tasks
from clinical_dpo.config.study import Study
from clinical_dpo.io import read_csv, read_json
from clinical_dpo.paths import parse
from clinical_dpo.variants import BEST

Record = Mapping[str, Any]
Rows = list[dict[str, str]]


@dataclass(frozen=True)
class RunFacts:
    """The facts about a run. The documents of a package are written from these facts.

    Attributes:
        study: the run as configured.
        code: version of the code, and its git commit if there is one.
        manifests: task -> content of data/manifest.json (source, repairs and counts of the rows).
        bases: model -> content of base.json (record of the base model).
        training: (task, model, stage) -> run.json of the chosen trial.
        answers: (task, model, variant) -> record of the test answers.
        judges: (task, model, kind of verdict, such as correctness or preference) -> record of the judge's verdicts.
        tables: name of a table in reports/tables -> its rows. There is also the name `cost`, for the rows that the cost
            figure draws.
    """

    study: Study
    code: str
    manifests: Mapping[str, Record]
    bases: Mapping[str, Record]
    training: Mapping[tuple[str, str, str], Record]
    answers: Mapping[tuple[str, str, str], Record]
    judges: Mapping[tuple[str, str, str], Record]
    tables: Mapping[str, Rows]

    @property
    def private(self) -> list[str]:
        """Names of the tasks with private text."""
        return private_tasks(self.study.tasks)

    def rows(self, table: str, **values: str) -> Rows:
        """Return the rows of a table that have the given values in the given columns.

        Args:
            table: name of a table in `tables`. If the table is missing, there are no rows.
            values: column -> value, such as task="uti".
        """
        return [
            row for row in self.tables.get(table, []) if all(row[column] == value for column, value in values.items())
        ]

    def first_rows(self, table: str) -> Iterator[tuple[str, dict[str, str]]]:
        """For each task that has rows in a table, yield the task's title and its first row in the table."""
        for task in self.study.tasks:
            for row in self.rows(table, task=task)[:1]:
                yield self.task_title(task), row

    def task_title(self, task: str) -> str:
        """Title of a task."""
        title: str = self.study.tasks[task]["title"]
        return title

    def models(self) -> list[str]:
        """The models that the tasks compare, each once."""
        return list(dict.fromkeys(model for task in self.study.tasks for model in self.study.task_models(task)))

    def libraries(self) -> dict[str, list[str]]:
        """Map each library to its versions in the records of training and answering. Python itself is left out."""
        versions: dict[str, set[str]] = {}
        for record in (*self.training.values(), *self.answers.values()):
            for name, version in record.get("versions", {}).items():
                versions.setdefault(name, set()).add(version)
        return {name: sorted(used) for name, used in versions.items() if name != "python"}


def read_facts(
    study: Study,
    code: str,
    *,
    manifests: Iterable[str | Path],
    bases: Iterable[str | Path],
    records: Iterable[str | Path],
    judges: Iterable[str | Path],
    tables: Iterable[str | Path],
) -> RunFacts:
    """Read the facts from the files of a run.

    Args:
        study: the run as configured.
        code: version of the code.
        manifests: paths of data/manifest.json of every task.
        bases: paths of SHA256SUMS of every base model. The file base.json is in the same folder.
        records: paths of the records of training and of test answers, from `config.files.compute_records`.
        judges: paths of the records of the judges' verdicts.
        tables: paths of CSV files. The stem of a file is the name of its table.
    """
    training: dict[tuple[str, str, str], Record] = {}
    answers: dict[tuple[str, str, str], Record] = {}
    for path in records:
        if Path(path).name == "run.json":
            names = parse("best_run", path)
            if names["best"] == BEST:
                training[names["task"], names["model"], names["stage"]] = read_json(path)
        else:
            names = parse("answers_record", path)
            answers[names["task"], names["model"], names["variant"]] = read_json(path)
    judged = {
        (names["task"], names["model"], names["judged"]): read_json(path)
        for path in judges
        for names in [parse("verdicts_record", path)]
    }
    return RunFacts(
        study,
        code,
        {parse("manifest", path)["task"]: read_json(path) for path in manifests},
        {parse("base", path)["model"]: read_json(Path(path).parent / BASE_RECORD) for path in bases},
        training,
        answers,
        judged,
        {Path(path).stem: read_csv(path) for path in tables},
    )
