"""Files count by what they hold: an older one that takes another's place is a change, one that is touched is none."""

import os
import shutil
import subprocess
import time

import pytest

from clinical_dpo.checksums import CHECKSUMS, write_checksums
from clinical_dpo.io import read_json, sha256, write_json
from clinical_dpo.start_cache import StartCache
from clinical_dpo.training.run_record import mixed_versions
from clinical_dpo.unrecorded_results import differences, record_file
from tests.helpers.workflow import Project

CONFIG = """
run_name: mine
recipes: {savage2025: {models: [tiny-llama]}}
tasks: [uti]
figure2: {}
overrides:
  tasks:
    uti: {when_missing: error, splits: {train: 40, eval: 8, dev: 4, test: 12}}
"""
SOURCE = "results/mine/uti/data/source.jsonl"
TRAIN = "results/mine/uti/data/train.jsonl"
READ, SPLIT = {("retrieve_source", "task=uti")}, {("split_dataset", "task=uti")}


def write_rows(path, rows, note):
    lines = [f"Patient {i} has {note},{('UTI', 'No UTI')[i % 2]}" for i in range(rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["passage,diagnosis", *lines]) + "\n")


@pytest.fixture
def project(tmp_path):
    made = Project.copy(tmp_path, "mine.yaml")
    (made.folder / "mine.yaml").write_text(CONFIG)
    write_rows(made.folder / "data/savage2025/uti.csv", 80, "dysuria")
    made.run(TRAIN)
    return made


def test_a_file_that_gives_way_to_an_older_one_is_read_again(project):
    data, older = project.folder / "data/savage2025/uti.csv", project.folder / "older.csv"
    write_rows(older, 80, "no pain")
    os.utime(older, (0, 0))
    subprocess.run(["cp", "-p", older, data], check=True)
    assert data.stat().st_mtime == 0 and project.planned(TRAIN) == READ | SPLIT
    project.run(TRAIN)
    assert "no pain" in (project.folder / SOURCE).read_text() and project.planned(TRAIN) == set()


def test_a_touched_file_of_any_size_is_read_once(project):
    data = project.folder / "data/savage2025/uti.csv"
    write_rows(data, 80, "dysuria " * 3000)
    assert data.stat().st_size > 1_500_000
    project.run(TRAIN)
    for path in (data, *(project.folder / "results").rglob("*.jsonl")):
        os.utime(path)
    for arguments in ([], ["--profile", "slurm"]):
        assert project.planned(TRAIN, *arguments) == set(), arguments


def test_two_settings_that_change_places_are_a_change(project):
    """64 rows and seed 42 become 42 rows and seed 64."""
    generated = "splits: {train: 40, eval: 8, dev: 4, test: 12}, source: {kind: synthetic, generator: uti}"
    project.edit("mine.yaml", "splits: {train: 40, eval: 8, dev: 4, test: 12}", generated)
    project.run(SOURCE)
    project.edit("mine.yaml", "train: 40, eval: 8", "train: 18, eval: 8")
    project.edit("mine.yaml", "run_name: mine", "run_name: mine\nseed: 64\nseeds: [64]")
    assert project.planned(SOURCE) == READ


def test_another_order_of_keys_is_no_change(project):
    project.edit("mine.yaml", "{train: 40, eval: 8, dev: 4, test: 12}", "{test: 12, dev: 4, train: 40, eval: 8}")
    assert project.planned(TRAIN) == set()


def test_a_file_that_takes_a_stand_ins_place_is_read_and_its_loss_is_seen(project):
    data, away = project.folder / "data/savage2025/uti.csv", project.folder / "away.csv"
    project.edit("mine.yaml", "when_missing: error", "when_missing: synthetic")
    assert project.planned(TRAIN) == set()
    shutil.move(data, away)
    assert project.planned(TRAIN) == READ | SPLIT
    project.run(TRAIN)
    shutil.move(away, data)
    assert project.planned(TRAIN) == READ | SPLIT


def test_checksums_are_those_of_sha256sum(tmp_path):
    (tmp_path / "tokenizer").mkdir()
    for name in ("model.safetensors", "tokenizer/vocab.json", "run.json"):
        (tmp_path / name).write_text(name)
    write_checksums(tmp_path, without=["run.json"])
    done = subprocess.run(["sha256sum", "-c", "--strict", CHECKSUMS], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["model.safetensors: OK", "tokenizer/vocab.json: OK"]


def test_a_start_reads_a_file_again_where_anything_of_it_changed(tmp_path):
    path, kept = tmp_path / "rows.csv", tmp_path / "cache.json"
    path.write_text("one")
    assert StartCache(kept).sha256(path) == sha256(path) and not kept.exists()  # too new to be known by its times
    time.sleep(2.1)
    first = StartCache(kept).sha256(path)
    assert kept.exists()
    times = path.stat()
    path.write_text("two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # same size, same time
    assert StartCache(kept).sha256(path) == sha256(path) != first
    kept.write_text("{")
    assert StartCache(kept).sha256(path) == sha256(path)


def test_what_differs_is_told_with_both_values():
    made = {"model": {"dtype": "float32", "quantization": {"type": "nf4"}}, "max_new_tokens": 6, "versions": {}}
    wanted = {"code": "1", "model": {"dtype": "bfloat16"}, "max_new_tokens": 6}
    assert differences(made, wanted) == [
        "model.dtype: made with 'float32', the config says 'bfloat16'",
        "model.quantization.type: made with 'nf4', the config says nothing",
    ]
    assert differences({}, {"seed": 42}) == ["seed: made with nothing, the config says 42"]
    assert differences({"labels": ["a", "b"], "empty": {}}, {"labels": ("a", "b"), "empty": {}}) == []


def test_snakemakes_record_of_a_file_is_found(project):
    metadata = project.folder / ".snakemake/metadata"
    assert read_json(record_file(TRAIN, metadata))["rule"] == "split_dataset"


def test_mixed_versions_are_named(tmp_path):
    files = {
        "uti/llama/predictions/base.json": "5.23.0",
        "uti/llama/predictions/dpo.json": "5.24.0",
        "uti/llama/dpo/best/run.json": "5.24.0",
        "meqsum/llama/predictions/base.json": "5.24.0",
    }
    for name, found in files.items():
        write_json(tmp_path / name, {"versions": {"python": "3.11.7", "transformers": found}})
    assert mixed_versions(tmp_path / name for name in files) == [
        "uti/llama: transformers 5.23.0 (answers of base), 5.24.0 (answers of dpo, training of dpo)"
    ]
