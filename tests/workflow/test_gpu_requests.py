"""A run on a computer without a GPU stops before its first job if a model requests one."""

import yaml

from tests.helpers.workflow import Project


def test_models_that_request_a_gpu_are_refused_with_the_key_that_allows_cpus(tmp_path):
    project = Project.copy(tmp_path / "project", "gpu.yaml", CUDA_VISIBLE_DEVICES="")
    config = yaml.safe_load((project.folder / "config/demo.yaml").read_text())
    config.setdefault("overrides", {}).setdefault("models", {})["tiny-llama"] = {"gpu": 1}
    (project.folder / "gpu.yaml").write_text(yaml.safe_dump(config))
    answers = "results/demo/uti/{}/predictions/base.jsonl"
    done = project.snakemake(targets=[answers.format("tiny-llama"), answers.format("tiny-mistral")])
    assert done.returncode == 1
    assert "This computer has no GPU" in done.stderr and "config/models/tiny-llama.yaml requests one" in done.stderr
    assert "overrides: {models: {tiny-llama: {gpu: 0}}}" in done.stderr
    assert not (project.folder / "results/demo/models").exists()
