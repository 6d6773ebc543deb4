"""`snakemake package` on a finished run: one job, which no other target runs, and which a changed table runs again."""

import zipfile
from pathlib import Path

import pytest
import yaml
from snakemake.persistence import RECORD_FORMAT_VERSION

from clinical_dpo.io import write_csv
from clinical_dpo.unrecorded_results import record_as_unknown
from tests.helpers.finished_run import finished_run
from tests.helpers.workflow import Project

TABLES = ("trivial", "unreadable", "published_vs_reproduced", "published_consistency")
FIGURES = ("figure2a", "figure2e", "training_curves_uti", "training_curves_triage_urgency", "sweep", "cost")
PACKAGE = {("package", "")}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the files of a finished run, and with Snakemake's records of these files."""
    project = Project.copy(tmp_path_factory.mktemp("project"), "mine.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        run = finished_run(project.folder)
        config = {key: run.study.config[key] for key in ("run_name", "tasks", "seeds", "overrides")}
        models = {"recipes": {"savage2025": {"models": run.study.config["recipes"]["savage2025"]["models"]}}}
        (project.folder / "mine.yaml").write_text(yaml.safe_dump(config | models))
        for name in TABLES:
            write_csv(run.table(name), [], ["task", "model", "status"])
        for name in ("stats", "decisions"):
            run.table(name, "tex").write_text("\\begin{table}\\end{table}\n")
        for figure in FIGURES:
            for suffix in ("svg", "pdf", "png", "csv"):
                Path(run.study.paths("figure", figure=figure, suffix=suffix)).touch()
        for file in [path for folder in ("results", "reports") for path in Path(folder).rglob("*") if path.is_file()]:
            record_as_unknown(str(file), Path(".snakemake/metadata"), RECORD_FORMAT_VERSION)
    return project


def test_a_package_is_made_from_the_files_of_a_run_and_again_after_a_change(project):
    done = project.run("package", rules=["package"], cores=1)
    folder = project.folder / "reports/mine/package"
    assert "1 of 1 steps" in done and (folder / "README.md").exists()
    first = (folder / "results.md").read_text(encoding="utf-8")
    with zipfile.ZipFile(folder.parent / "package.zip") as archive:
        assert archive.read("package/results.md").decode() == first
    assert project.planned("package", "--allowed-rules", "package") == set()
    metrics = project.folder / "reports/mine/tables/metrics.csv"
    metrics.write_text(metrics.read_text().replace(",0.61,", ",0.6875,", 1))
    assert project.planned("package", "--allowed-rules", "package") == PACKAGE
    project.run("package", rules=["package"], cores=1)
    assert "0.69 (95% interval" in (folder / "results.md").read_text(encoding="utf-8") and "0.69" not in first
