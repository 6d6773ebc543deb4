"""Files are compared by their content: an older file in another's place is a change, a touched file is none."""

import os
import shutil
import subprocess
import time

import pytest

from clinical_dpo.checksums import CHECKSUMS, write_checksums
from clinical_dpo.io import read_json, sha256, write_json
from clinical_dpo.start_cache import StartCache, files_version
from clinical_dpo.training.run_record import mixed_versions
from clinical_dpo.unrecorded_results import differences, record_file
from tests.helpers.workflow import Project

CONFIG = """
run_name: mine
allow_generated: true
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
    project = Project.copy(tmp_path, "mine.yaml")
    (project.folder / "mine.yaml").write_text(CONFIG)
    write_rows(project.folder / "data/savage2025/uti.csv", 80, "dysuria")
    project.run(TRAIN)
    return project


def test_a_file_that_an_older_file_replaces_is_read_again(project):
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


def test_two_settings_that_exchange_their_values_are_a_change(project):
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


def test_a_file_that_replaces_generated_rows_is_read_and_its_loss_is_a_change(project):
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


def test_the_cache_keeps_no_digest_of_a_file_that_was_just_written(tmp_path):
    """Another write in the same instant would leave its times as they are."""
    path, cache = tmp_path / "rows.csv", tmp_path / "cache.json"
    path.write_text("one")
    assert StartCache(cache).sha256(path) == sha256(path) and not cache.exists()


def test_a_file_that_changed_with_its_size_and_time_kept_is_read_again(tmp_path):
    path, cache = tmp_path / "rows.csv", tmp_path / "cache.json"
    path.write_text("one")
    time.sleep(2.1)
    first = StartCache(cache).sha256(path)
    assert cache.exists()
    times = path.stat()
    path.write_text("two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert StartCache(cache).sha256(path) == sha256(path) != first


def test_a_value_is_computed_once_for_each_version_of_its_files(tmp_path):
    cache, computed = tmp_path / "cache.json", []

    def value_at(version):
        def compute():
            computed.append(version)
            return f"value {len(computed)}"

        return StartCache(cache).of_version("key", version, compute)

    assert [value_at(version) for version in ("a", "a", "b", "a", None)] == [f"value {n}" for n in (1, 1, 2, 3, 4)]
    assert value_at("a") == "value 3"  # a value without a version is not saved


def test_the_version_of_files_changes_with_each_of_them(tmp_path):
    files = [tmp_path / name for name in ("a.py", "b.py")]
    for file in files:
        file.write_text("x = 1")
    assert files_version(files) is None  # they have just changed
    time.sleep(2.1)
    version = files_version(files)
    assert version and files_version(files[::-1]) == version != files_version(files[:1])
    os.utime(files[1], (1, 1))
    time.sleep(2.1)
    assert files_version(files) not in (version, None)


def test_a_damaged_cache_is_an_empty_cache(tmp_path):
    path, cache = tmp_path / "rows.csv", tmp_path / "cache.json"
    path.write_text("one")
    cache.write_text("{")
    assert StartCache(cache).sha256(path) == sha256(path)


@pytest.mark.parametrize(
    ("made_with", "settings", "lines"),
    [
        (
            {"model": {"dtype": "float32", "quantization": {"type": "nf4"}}, "max_new_tokens": 6, "versions": {}},
            {"code": "1", "model": {"dtype": "bfloat16"}, "max_new_tokens": 6},
            [("model.dtype", "'float32'", "'bfloat16'"), ("model.quantization.type", "'nf4'", "no value")],
        ),
        ({}, {"seed": 42}, [("seed", "no value", "42")]),
        ({"labels": ["a", "b"], "empty": {}}, {"labels": ("a", "b"), "empty": {}}, []),
    ],
)
def test_differences_name_the_key_and_both_values(made_with, settings, lines):
    differing = differences(made_with, settings)
    assert len(differing) == len(lines)
    assert all(word in line for line, words in zip(differing, lines, strict=True) for word in words)


def test_the_path_of_snakemakes_record_of_a_file_is_known(project):
    metadata = project.folder / ".snakemake/metadata"
    assert read_json(record_file(TRAIN, metadata))["rule"] == "split_dataset"


def test_mixed_versions_are_named(tmp_path):
    files = {
        "uti/llama/predictions/base.json": "5.23.0",
        "uti/llama/predictions/dpo.json": "5.24.0",
        "uti/llama/dpo/best/run.json": "5.24.0",
        "meqsum/llama/predictions/base.json": "5.24.0",
    }
    for name, version in files.items():
        write_json(tmp_path / name, {"versions": {"python": "3.11.7", "transformers": version}})
    assert mixed_versions(tmp_path / name for name in files) == [
        "uti/llama: transformers 5.23.0 (answers of base), 5.24.0 (answers of dpo, training of dpo)"
    ]
