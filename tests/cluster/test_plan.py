"""The plan has the jobs and requests of a dry run; its text and the documents have its numbers."""

import json
import re
import subprocess
import sys
from collections import Counter

import pytest

from clinical_dpo.cluster.disk_plan import DISK_COLUMNS, disk_rows
from clinical_dpo.cluster.job_times import plan_errors
from clinical_dpo.cluster.plan import COLUMNS, cost_rows
from clinical_dpo.cluster.plan_text import plan_text
from clinical_dpo.cluster.time_and_memory import START_MINUTES
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.io import read_csv, write_csv
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED
from tests.helpers.plans import by
from tests.helpers.workflow import Project

USES_GPU = re.compile(r"resources: .*\bgpu=1")


@pytest.fixture(scope="module")
def dry_run():
    """(rule, text that Snakemake prints) of every job of the published study on Slurm."""
    return planned_jobs()


def planned_jobs(*arguments):
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--profile", "slurm", "all", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return re.findall(r"^rule (\w+):\n((?:    .*\n)*)", done.stdout, re.MULTILINE)


@pytest.fixture(autouse=True)
def no_results(tmp_path, monkeypatch, dry_run):
    """Work in a folder without results."""
    monkeypatch.chdir(tmp_path)


def test_the_plan_has_every_job_on_a_gpu_and_no_other(study, dry_run):
    counts = Counter(rule for rule, body in dry_run if USES_GPU.search(body))
    planned = Counter()
    for row in cost_rows(study):
        assert row["jobs"] == row["gpu_jobs"]
        planned[row["rule"]] += row["jobs"]
    assert planned == counts and counts.total() == 684


def test_the_requested_hours_of_a_plan_are_those_of_its_jobs(study, dry_run):
    """The jobs round their requests to minutes."""
    requested = sum(int(re.search(r"\bruntime=(\d+)", body)[1]) for _, body in dry_run if USES_GPU.search(body))
    planned_hours = sum(row["asked_hours"] for row in cost_rows(study))
    assert planned_hours == pytest.approx(requested / 60, abs=684 * 0.5 / 60)


def test_answers_on_dev_for_a_threshold_are_planned_for_every_variant_and_seed(tmp_path):
    task = {"answer_by": "likelihood", "threshold": {"rule": "f1"}, "training": {"seeds": [42, 43]}}
    config = {"tasks": ["uti"], "overrides": {"tasks": {"uti": task}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    jobs = [body for rule, body in planned_jobs("--configfile", tmp_path / "config.json") if rule == "predict_dev"]
    rows = cost_rows(load_study(merge(PUBLISHED, config), ROOT))
    planned = [row for row in rows if row["rule"] == "predict_dev"]
    assert len(jobs) == sum(row["gpu_jobs"] for row in planned) == 2 * 5
    requested = sum(int(re.search(r"\bruntime=(\d+)", body)[1]) for body in jobs)
    assert sum(row["asked_hours"] for row in planned) == pytest.approx(requested / 60, abs=10 * 0.5 / 60)


def test_only_jobs_with_a_gpu_are_submitted(dry_run):
    """The exception is pre-training of a tiny model on several CPUs, which is not in the published study."""
    rules = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow/rules").glob("*.smk"))
    rules += (ROOT / "Snakefile").read_text(encoding="utf-8")
    local = set(re.findall(r"\w+", "".join(re.findall(r"^localrules:\n((?:    \w+,\n)+)", rules, re.MULTILINE))))
    assert {rule for rule, body in dry_run if rule not in local and not USES_GPU.search(body)} == set()
    bodies = dict(re.findall(r"^rule (\w+):\n((?:    .*\n|\n)*)", rules, re.MULTILINE))
    assert {rule for rule, body in bodies.items() if rule not in local and "gpu=gpus" not in body} == {
        "build_base_model"
    }


def test_requested_hours_are_twice_the_estimate_and_the_start(study):
    rows = by(cost_rows(study), "task", "model", "rule", "stage")
    row = rows["uti", "llama3-8b-instruct", "train", "sft"]
    assert row["asked_hours"] == pytest.approx(6 * START_MINUTES / 60 + 2 * row["hours"])


def test_extra_seeds_add_training_scoring_and_prediction_jobs(study):
    training = {"seeds": [42, 43, 44], **study.tasks["uti"].get("training", {})}
    more = load_study(merge(study.config, {"overrides": {"tasks": {"uti": {"training": training}}}}), ROOT)
    plain = by(cost_rows(study), "task", "model", "rule", "stage")
    seeded = by(cost_rows(more), "task", "model", "rule", "stage")
    added = {key: row["jobs"] - (plain[key]["jobs"] if key in plain else 0) for key, row in seeded.items()}
    changed = {(rule, stage): n for (_, model, rule, stage), n in added.items() if n and model == "llama3-8b-instruct"}
    assert changed == {
        ("train_extra_seed", "sft"): 2,
        ("compute_extra_seed_reference_logps", ""): 2,
        ("train_extra_seed", "dpo"): 2,
        ("predict", ""): 4,
    }


def test_the_text_has_totals_and_the_source_of_the_estimates(study):
    costs = cost_rows(study)
    text = plan_text(costs, disk_rows(study), {"uti": "no file"}, plan_errors([]))
    total = sum(row["hours"] for row in costs)
    assert re.search(rf"^all +684 +684 +{total:.1f} ", text, re.MULTILINE)
    unwrapped = " ".join(text.split())
    assert "Savage et al. 2025" in unwrapped and "as the task file states (uti, " in unwrapped
    assert re.search(r"^uti\* +probe dpo +30 ", text, re.MULTILINE)


def test_the_text_names_tasks_whose_steps_pass_often_over_few_rows(study):
    """1,000 steps of 4 rows: 13 times over the 300 rows of uti, 50 times over 80 rows."""
    few = {"overrides": {"tasks": {"uti": {"splits": {"train": 80}}}}}
    text = plan_text(cost_rows(load_study(merge(PUBLISHED, few), ROOT)), disk_rows(study), {})
    assert "uti: a run trains 50 times on each training row." in text
    assert "a run trains" not in plan_text(cost_rows(study), disk_rows(study), {})


def test_the_text_marks_tasks_on_generated_text_with_reason_and_hours(study):
    costs = cost_rows(study)
    hours = sum(row["hours"] for row in costs if row["task"] == "uti")
    text = plan_text(costs, disk_rows(study), {"uti": "data/uti.csv does not exist"})
    assert f"* on generated text, {hours:.1f} of the GPU hours:\n  uti: data/uti.csv does not exist" in text
    assert re.search(r"^reasoning +probe dpo ", text, re.MULTILINE)
    assert "generated" not in plan_text(costs, disk_rows(study), {})


def test_the_rows_of_a_plan_are_written_as_csv(study, tmp_path):
    for rows, columns in ((cost_rows(study), COLUMNS), (disk_rows(study), DISK_COLUMNS)):
        write_csv(tmp_path / "plan.csv", rows, columns)
        assert len(read_csv(tmp_path / "plan.csv")) == len(rows)


def test_the_numbers_in_the_documentation_are_those_of_the_plan(study):
    text = " ".join((ROOT / "docs/reproduce.md").read_text(encoding="utf-8").split())
    costs, rows = cost_rows(study), disk_rows(study)
    hours, requested = (sum(row[key] for row in costs) for key in ("hours", "asked_hours"))
    assert f"about **{hours:.0f} hours of an A100**" in text and f"{round(requested, -1):,.0f} hours are asked" in text
    low, high, article = (sum(row[key] or 0 for row in costs) for key in ("hours_low", "hours_high", "article_hours"))
    assert f"they are {low:.0f} to {high:.0f} hours" in text and f"{article:.0f} hours" in text
    adapters, bases = (sum(row["gb"] for row in rows if row["what"] == kind) for kind in ("trained", "base model"))
    assert f"{bases:.0f} for base models, in `HF_HOME`, and {adapters:.0f} for adapters" in text


DOCUMENTED = {  # line of docs/costs.md -> its rules and stages
    **{"SFT probes": [("probe", "sft")], "SFT second runs": [("train", "sft")]},
    **{"DPO probes": [("probe", "dpo")], "DPO second runs": [("train", "dpo")]},
    **{"reference model": [("compute_reference_logps", "")], "answers on dev": [("answer_dev", "")]},
    **{"answers on test": [("predict", "")], "SFT's training answers": [("predict_training_answers", "")]},
}


def test_the_document_lists_operations_and_hours_line_by_line(study):
    text = (ROOT / "docs/costs.md").read_text(encoding="utf-8")
    curves = {stage: {"eval_curve": True} for stage in ("sft", "dpo")}
    everywhere = merge(PUBLISHED, {"recipes": {"savage2025": curves, "murphy2024": curves}})
    before, now = (cost_rows(each) for each in (load_study(everywhere, ROOT), study))
    for line, keys in (DOCUMENTED | {"all": None}).items():
        shown = []
        for rows in (before, now):
            chosen = [row for row in rows if keys is None or (row["rule"], row["stage"]) in keys]
            pflop, hours = (sum(row[key] for row in chosen) for key in ("pflop", "hours"))
            shown += [f"{pflop:,.0f}", f"{hours:.1f}"]
        cells = [cell.strip() for cell in re.search(rf"^\| {line} \|.*$", text, re.MULTILINE)[0].split("|")]
        assert cells[2] == str(sum(row["jobs"] for row in chosen)) and cells[4:8] == shown, line


def test_snakemake_plan_prints_the_plan_and_starts_no_other_job(tmp_path):
    project = Project.copy(tmp_path, "config/config.yaml")
    printed = project.run("plan")
    assert "took/plan" in printed and re.search(r"^all +684 ", printed, re.MULTILINE)
    assert not (tmp_path / "results").exists()
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {
        *("plan.csv", "plan.txt", "plan_disk.csv", "plan_items.csv", "plan_judge.csv"),
    }
    assert re.search(r"^uti +5 points \(default, not set by you\) +0.01 +200 ", printed, re.MULTILINE)
    assert project.planned("plan") == {("plan", "")}  # the plan runs at every call
