"""Files of a study of cases, with one task per case, before or after the changes."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from openpyxl import Workbook

from clinical_dpo.config.study import merge
from clinical_dpo.data_checks.thresholds import CHECKS
from tests.helpers.workflow import Project
from tests.workflow.every_key.cases import Case
from tests.workflow.every_key.templates import GONE, MODEL, RECIPE, SNAPSHOT

RUN = "every"
# The clock advances by a second whenever it is read, and jobs take one megabyte. Outputs with cost and time can then be
# compared too.
SITECUSTOMIZE = """\
import itertools, sys, types
if any(f".{rule}.py" in word for word in sys.orig_argv for rule in ("train", "probe", "train_extra_seed")):
    from clinical_dpo.training import evaluation, run as training
    training.time = evaluation.time = types.SimpleNamespace(monotonic=itertools.count().__next__)
    training._peak_memory = lambda: 2**20
if any(".compute_reference_logps" in word for word in sys.orig_argv):
    from clinical_dpo.training import reference_logps
    reference_logps.time = types.SimpleNamespace(monotonic=itertools.count().__next__)
if any(".build_base_model" in word for word in sys.orig_argv):
    from clinical_dpo.models.tiny import pretraining
    pretraining.time = types.SimpleNamespace(monotonic=itertools.count().__next__)
"""
NOTES = ("dysuria", "fever", "cough", "frequency", "pyuria", "no pain", "urgency", "a rash")


def write_study(project: Project, cases: Iterable[Case], changed: bool, config: Mapping[str, Any]) -> None:
    """Write config, task and model files of the cases.

    Args:
        project: a copy of the project.
        cases: cases, each with one task.
        changed: whether to write the files after the cases' changes.
        config: further keys of the config; `port` is the port of the endpoints' server.
    """
    folder, more_config = project.folder, dict(config)
    port = str(more_config.pop("port", 0))
    tasks: list[str] = []
    recipes: dict[str, Any] = {
        "small": RECIPE,
        "one": RECIPE,
        "other": merge(RECIPE, {"dpo": {"learning_rate": [4.0e-3]}}),
    }
    models: dict[str, Any] = {"shared": MODEL, "second": merge(MODEL, {"pretraining": {"steps": 4}})}
    writer = SNAPSHOT | {"id": "clinic/writer"}
    models |= {"writer": writer, "other-writer": writer | {"id": "clinic/scribe"}}
    scribe = {"base_url": f"http://127.0.0.1:{port}/v1", "model": "scribe", "key_variable": None}
    scribe |= {"concurrency": 2, "timeout_seconds": 20, "max_tokens": 16}
    endpoints: dict[str, Any] = {"scribe": scribe, "other-scribe": scribe | {"model": "other-scribe"}}
    endpoints["away"] = scribe | {"key_variable": "KEY_THAT_IS_NOT_SET"}
    for case in cases:
        task, own = dict(case.task), f"{case.name}"
        if case.recipe is not None:
            recipes[own] = _after(case.recipe, case.recipe_change, changed)
            task["recipe"] = own
        if case.model is not None:
            name = own.replace("_", "-")
            models[name] = _after(case.model, case.model_change, changed)
            recipes[own] = merge(RECIPE, {"models": [name]})
            task["recipe"] = own
        if case.endpoint is not None:
            endpoints[own] = json.loads(
                json.dumps(_after(case.endpoint, case.endpoint_change, changed)).replace("PORT", port)
            )
            task["judge"] = own
        task = _after(task, case.task_change, changed)
        _write(folder / f"config/tasks/{own}.yaml", {"name": own} | task)
        tasks.append(own)
    for name, model in models.items():
        _write(folder / f"config/models/{name}.yaml", {"name": name} | model)
    study = {
        "run_name": RUN,
        "allow_generated": True,
        "tasks": tasks,
        "figure2": None,
        "recipes": recipes,
        "endpoints": endpoints,
        "compute": {"threads": 1, "generation_batch_size": 50},
        "checks": {check: {"warn": 0.9, "stop": None} for check in CHECKS},
        "phi_hosts": ["localhost", "127.0.0.1"],
    }
    # The published figure 2 has panels of tasks that this study lacks.
    published = yaml.safe_load((folder / "config/config.yaml").read_text())
    published["figure2"] = {}
    _write(folder / "config/config.yaml", published)
    del study["figure2"]
    _write(folder / project.config, merge(study, more_config))


def _after(before: Mapping[str, Any], change: Mapping[str, Any], changed: bool) -> dict[str, Any]:
    """Settings with a change merged in if `changed`, and without keys whose value is GONE."""
    value = merge(before, change) if changed else before
    return {
        key: _after(inner, {}, False) if isinstance(inner, Mapping) else inner
        for key, inner in value.items()
        if inner != GONE
    }


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True), encoding="utf-8")


def write_data(folder: Path) -> list[dict[str, Any]]:
    """Write the data files of the tasks into folder `given`, and return the rows of the first."""
    data = folder / "given"
    data.mkdir()
    notes = [f"Patient {i}, aged {20 + i}, has {NOTES[i % 8]} and {NOTES[(i * 3 + 1) % 8]}" for i in range(34)]
    rows = [
        {"number": f"n{i}", "note": note, "diagnosis": ("UTI", "No UTI")[i % 2]}
        | {"remark": "x", "person": f"person {i // 2}"}
        for i, note in enumerate(notes)
    ]
    others = [row | {"note": f"{row['note']} today"} for row in rows]
    _table(data / "rows.csv", rows)
    _table(data / "others.csv", others)
    _table(data / "old.csv", [row | {"note": f"{row['note']} \u00a5"} for row in rows], "cp1252")
    _table(data / "encoded.csv", [row | {"note": f"{row['note']}\\n&amp; no more"} for row in rows])
    _workbook(data / "rows.xlsx", {"one": rows, "two": others})
    _workbook(data / "shares.xlsx", {"one": [row | {"note": i / 100} for i, row in enumerate(rows)]}, "0%")
    questions = [
        {"File": f"f{i}", "CHQ": f"{note}?\nAnd now?", "Summary": f"What of {i}?"} for i, note in enumerate(notes)
    ]
    _table(data / "questions.csv", questions)
    choices = [
        {
            "id": f"q{i}",
            "question": note,
            "reference": f"answer {i}",
            "a": f"one {i}",
            "b": f"two {i}",
            "c": f"three {i}",
        }
        for i, note in enumerate(notes)
    ]
    _table(data / "choices.csv", choices)
    boards = [
        {"question": f"{note}. {asked}", "options": {"A": f"right {i}", "B": f"wrong {i}"}}
        | {"answer": f"right {i}", "answer_idx": "A", "meta_info": "step2&3"}
        for asked in ("What is the diagnosis?", "What is the best initial test?")
        for i, note in enumerate(notes)
    ]
    (data / "boards.jsonl").write_text("".join(json.dumps(row) + "\n" for row in boards))
    return rows


def write_external_answers(project: Project, cases: Iterable[Case]) -> None:
    """Make the test items of the cases with external predictions, and write tables of answers to them."""
    with_tables = [case for case in cases if "external_predictions" in case.task]
    data = project.folder / "given"
    entries = {case.name: next(iter(case.task["external_predictions"].values())) for case in with_tables}
    for name in (*(entry["path"] for entry in entries.values()), "given/second_answers.csv"):
        (project.folder / name).touch()
    splits = [f"results/{RUN}/{case.name}/data/test.jsonl" for case in with_tables]
    project.run(*splits)
    for case, path in zip(with_tables, splits, strict=True):
        lines = (project.folder / path).read_text().splitlines()
        test = [json.loads(line) for line in lines]
        rows = [
            {"id": row["id"], "same": row["id"], "asked": row["prompt"][0]["content"], "remark": "x"}
            | {"said": ("UTI", "No UTI")[i % 2], "also": ("No UTI", "UTI", "UTI")[i % 3], "mark": i % 2}
            for i, row in enumerate(test)
        ]
        changed = [row | {"said": row["also"]} for row in rows]
        table = entries[case.name]["path"]
        if table.endswith(".xlsx"):
            _workbook(
                project.folder / table, {"one": rows, "two": changed} if case.name.endswith("sheet") else {"one": rows}
            )
        else:
            _table(project.folder / table, rows)
        if case.name.endswith("path"):
            _table(data / "second_answers.csv", changed)


def _table(path: Path, rows: list[dict[str, Any]], encoding: str = "utf-8") -> None:
    with open(path, "w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def _workbook(path: Path, sheets: Mapping[str, list[dict[str, Any]]], number_format: str = "General") -> None:
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in [list(rows[0]), *(list(row.values()) for row in rows)]:
            sheet.append(row)
        for cell in (cell for row in sheet.iter_rows() for cell in row):
            cell.number_format = number_format
    book.save(path)
