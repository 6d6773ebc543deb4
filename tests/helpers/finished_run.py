"""Files of a finished run of three tasks, one of them private and one left out, without any training."""

from dataclasses import dataclass
from pathlib import Path

from clinical_dpo.checksums import CHECKSUMS
from clinical_dpo.config import files as study_files
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import Study, merge
from clinical_dpo.data_checks.data_card import data_card
from clinical_dpo.io import read_csv, write_csv, write_json
from clinical_dpo.paths import parse
from clinical_dpo.report.package.build import Copied, write_package
from clinical_dpo.report.package.run_facts import read_facts
from clinical_dpo.statistics.comparisons import COLUMNS as STATS
from clinical_dpo.statistics.decisions import COLUMNS as DECISIONS
from clinical_dpo.statistics.metrics import COLUMNS as METRICS
from clinical_dpo.statistics.training_seeds import COLUMNS as SEEDS
from clinical_dpo.variants import PAIRS, STAGES, VARIANTS
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED
from tests.helpers.data_cards import MANIFEST
from tests.helpers.decision_rows import decision_row

MODEL = "llama3-8b-instruct"
EXCERPT = "Excerpt of a repaired text"
NOTE = "Mrs Example, born 3 May 1950, has burning urine since Tuesday."
ROW_ID = "MRN-4471920"
LOST = "/clinic/lost/letters.csv"  # data file of the private task that is left out
PRIVATE = {"phi": True, "columns": {"message": "text", "label": "level"}, "when_missing": "error"}
VERSIONS = {"python": "3.11.7", "torch": "2.13.0", "trl": "1.16.0"}


@dataclass(frozen=True)
class FinishedRun:
    """A run in a folder, which has to be the current one."""

    folder: Path
    study: Study

    def table(self, name: str, suffix: str = "csv") -> Path:
        return Path(self.study.paths("report_table", table=name, suffix=suffix))

    def change(self, table: str, column: str, value: str, **where: str) -> None:
        """Set one field of the only row with these values."""
        rows = read_csv(self.table(table))
        [row] = [row for row in rows if all(row[key] == each for key, each in where.items())]
        row[column] = value
        write_csv(self.table(table), rows, list(row))

    def package(self) -> Path:
        """Write the package, and return its folder."""
        study, at = self.study, self.study.paths
        tables = sorted(Path(at.folder("reports", "tables")).iterdir())
        figures = sorted(Path(at.folder("reports", "figures")).iterdir())
        facts = read_facts(
            study,
            "0.2.0, commit abc",
            manifests=[at("manifest", task=task) for task in study.tasks],
            bases=[at("base", model=MODEL)],
            records=study_files.compute_records(study),
            judges=[],
            tables=[path for path in (*tables, *figures) if path.suffix == ".csv"],
        )
        copied = Copied(
            reports=[at("page"), at("summary")],
            tables=tables,
            figures=figures,
            data_cards=[at("data_card", task=task) for task in study.tasks],
            code=[ROOT / name for name in ("Snakefile", "LICENSE", "requirements.lock", "CITATION.cff")],
        )
        folder = Path(at("package")).parent
        write_package(folder, Path(at("package_zip")), facts, copied, ROOT / "CITATION.cff", self.folder)
        return folder


def finished_run(folder: Path) -> FinishedRun:
    """Write the files of a finished run into a folder, which has to be the current one."""
    data = folder / "wards/urology.csv"
    data.parent.mkdir()
    data.write_text(f'id,text,level\n{ROW_ID},"{NOTE}",urgent\n', encoding="utf-8")
    tasks = {name: read_yaml(ROOT / f"config/tasks/{name}.yaml") for name in ("uti", "triage_urgency", "reasoning")}
    tasks["uti"]["source"] = {"kind": "hub", "id": "clinic/notes", "revision": "a" * 40, "splits": ["train"]}
    tasks["uti"] |= {
        "when_missing": "error",
        "licence": "MIT",
        "citation": "Doe J. Notes & more. Ann 2024. doi:10.1000/xyz_1.",
    }
    shared = PRIVATE | {"where": f'id != "{ROW_ID}"'}
    tasks["triage_urgency"] |= shared | {"source": {"kind": "file", "path": str(data)}}
    tasks["reasoning"] |= {"phi": True, "when_missing": "leave_out", "source": {"kind": "file", "path": LOST}}
    tasks["reasoning"] |= {"columns": {"question": "text", "answer": "diagnosis"}}
    for task in tasks.values():
        task.pop("stand_in", None)
        write_json(folder / f"config/tasks/{task['name']}.yaml", task)  # JSON is YAML
    write_json(folder / f"config/models/{MODEL}.yaml", read_yaml(ROOT / f"config/models/{MODEL}.yaml"))
    config = merge(PUBLISHED, {"run_name": "mine", "tasks": list(tasks), "seeds": [42, 43]})
    config = merge(config, {"recipes": {"savage2025": {"models": [MODEL]}}})
    config |= {"figure2": {"a": "uti"}, "overrides": {"tasks": {"uti": {"max_new_tokens": 7}}}}
    run = FinishedRun(folder, load_study(config, folder))
    assert run.study.left_out.keys() == {"reasoning"}
    _write_records(run.study)
    _write_tables(run)
    return run


def _write_records(study: Study) -> None:
    at = study.paths
    base = Path(at("base", model=MODEL)).parent
    base.mkdir(parents=True)
    (base / CHECKSUMS).write_text("")
    write_json(base / "base.json", {"source": "hub", "id": study.models[MODEL]["id"], "revision": "8afb"})
    for task, settings in study.tasks.items():
        path = settings["source"].get("path")
        source = MANIFEST["source"] | ({"kind": "file", "path": path, "sha256": "d" * 64} if path else {})
        source |= {"repairs": {"garbled text repaired": {"count": 1, "first": "row 4", "rows": [4]}}}
        source |= {"changes": {"garbled text": {"before": f"{EXCERPT} | Ã©", "after": f"{EXCERPT} | é"}}}
        manifest = MANIFEST | {"source": source}
        write_json(at("manifest", task=task), manifest)
        Path(at("data_card", task=task)).write_text(data_card(settings, manifest, {}, []), encoding="utf-8")
    settings = {"learning_rate": 1e-5, "batch_size": 4, "adapter": "lora", "max_length": 2048}
    settings |= {"lora": {"rank": 64, "alpha": 128}}
    shared = {"versions": VERSIONS, "device": "NVIDIA A100"}
    for path in study_files.compute_records(study):
        if path.endswith("run.json"):
            stage = parse("best_run", path)["stage"]
            beta = {"beta": 0.1} if stage == "dpo" else {}
            write_json(path, shared | {"seed": 42, "steps": 1234, "settings": settings | beta})
        else:
            write_json(path, shared)


def _write_tables(run: FinishedRun) -> None:
    names = [{"task": task, "model": MODEL} for task in run.study.tasks]
    marks = {"proxy": "false", "data": "real", "status": "complete"}
    metrics, stats, decisions, seeds = [], [], [], []
    for each in names:
        metric = {"uti": "f1", "triage_urgency": "accuracy"}[each["task"]]
        for number, variant in enumerate(VARIANTS):
            row = {"variant": variant, "metric": metric, "estimate": 0.51 + number / 10, "ci_low": 0.4, "ci_high": 0.9}
            row |= {"ci_method": "wilson", "n": 5, "invalid_rate": 0.0, "grader": "label"}
            metrics.append(dict.fromkeys(METRICS) | each | row | marks)
        for first, second in PAIRS:
            row = {"comparison": f"{first}_vs_{second}", "n": 5, "test": "mcnemar", "p_value": 0.031, "alpha": 0.05}
            row |= {"threshold": 0.01, "family_size": 3, "effect_measure": "accuracy_difference", "effect": 0.0731}
            row |= {"effect_ci_low": 0.0112, "effect_ci_high": 0.1345}
            stats.append(dict.fromkeys(STATS) | each | row | marks)
            seed = {"comparison": f"{first}_vs_{second}", "measure": "accuracy_difference", "n": 5, "n_seeds": 2}
            seed |= {"seeds": "42 43", "effect": 0.0312, "ci_low": 0.01, "ci_high": 0.05}
            seeds.append(dict.fromkeys(SEEDS) | each | seed | {"proxy": "false", "data": "real"})
        sentence = "Undecided: about 640 test items would decide (+7.3, 98% interval -1.0 to 9.0)."
        decisions.append(decision_row(**each, metric=metric, decision="undecided", sentence=sentence))
    tables = {"metrics": (metrics, METRICS), "stats": (stats, STATS), "seeds": (seeds, SEEDS)}
    tables |= {"decisions": (decisions, DECISIONS)}
    for name, (rows, columns) in tables.items():
        write_csv(run.table(name), rows, columns)
    run.table("metrics", "tex").write_text("\\begin{table}\\end{table}\n")
    figures = Path(run.study.paths.folder("reports", "figures"))
    figures.mkdir()
    (figures / "figure2a.svg").write_text("<svg/>")
    cost = [dict(names[0], stage=stage, runs=6, hours=2.468, device="NVIDIA A100") for stage in STAGES]
    write_csv(figures / "cost.csv", cost, list(cost[0]))
    left_out = "".join(f"Left out: {name} ({reason})\n" for name, reason in run.study.left_out.items())
    sheet = "send results/mine/triage_urgency/x/grading/correctness.anna.html to anna; data: " + str(
        run.study.tasks["triage_urgency"]["source"]["path"]
    )
    Path(run.study.paths("summary")).write_text(f"{left_out}Still awaited: {sheet}\n", encoding="utf-8")
    Path(run.study.paths("page")).write_text(f"<p>{left_out}</p><p>{sheet}</p>", encoding="utf-8")
