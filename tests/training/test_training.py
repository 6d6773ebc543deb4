"""Training runs: resuming, layouts, epochs, records and refusals."""

import contextlib
import dataclasses
import io
import re

import pytest
from transformers import TrainerCallback

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_csv, read_json
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.tokenization.tokens import tokenize_completion
from clinical_dpo.training import run as training
from clinical_dpo.training.dpo import train_dpo
from clinical_dpo.training.sft import train_sft
from tests.helpers.training_cases import (
    dpo_data,
    dpo_run,
    largest_differences,
    logged_file,
    rows,
    sft_data,
    sft_run,
    trained_study,
)

pytestmark = pytest.mark.parametrize("tiny_base", ["mistral"], indirect=True)  # with a window


@pytest.fixture(scope="module")
def study(tiny_base, tmp_path_factory):
    return trained_study(tiny_base, tmp_path_factory.mktemp("study"))


TOKEN_MEANS = ("entropy", "mean_token_accuracy")  # TRL averages them over the tokens of a batch


def stage_functions(stage, folder):
    """Functions that train a stage and construct its run, and the input files of that training."""
    if stage == "sft":
        return train_sft, sft_run, sft_data(folder)
    return train_dpo, dpo_run, dpo_data(folder)


class Killed(Exception):
    pass


class KillAt(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise Killed


@pytest.fixture(scope="module", params=["sft", "dpo"])
def resumed(request, study, tmp_path_factory):
    """The stage, a folder with an unbroken run and the same run killed and resumed, and the resumed run's output."""
    stage, (base, folder), out = request.param, study, tmp_path_factory.mktemp(request.param)
    train, make, data = stage_functions(stage, folder)
    train(make(base, out / "unbroken", eval_steps=2), *data)
    train_and_save = training.train_and_save

    def train_killed(run, prepared, trainer, branches, **more):
        trainer.add_callback(KillAt(5))
        train_and_save(run, prepared, trainer, branches, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"clinical_dpo.training.{stage}.train_and_save", train_killed)
        with pytest.raises(Killed):
            train(make(base, out / "killed", eval_steps=2), *data)
    assert not (out / "killed").exists()
    with contextlib.redirect_stdout(io.StringIO()) as output:
        train(make(base, out / "killed", eval_steps=2, save_steps=2), *data)  # another save_steps has no effect
    return stage, out, output.getvalue()


def test_a_resumed_run_ends_with_the_weights_and_the_log_of_an_unbroken_one(resumed):
    _, out, _ = resumed
    for file in ("adapter_model.safetensors", "log.csv"):
        assert (out / "killed" / file).read_bytes() == (out / "unbroken" / file).read_bytes()
    killed, unbroken = (read_json(out / name / "run.json") for name in ("killed", "unbroken"))
    assert killed["resumed_from_step"] == 3
    assert killed["tokens_seen"] == unbroken["tokens_seen"] > 0
    assert not (out / "killed.checkpoints").exists()


def test_a_resumed_run_writes_the_progress_of_its_remaining_steps(resumed):
    stage, _, output = resumed
    assert output.startswith("Resumed after step 3 of 8.")
    assert re.findall(r"^step (\d) of 8 .* s/step, [\d:]+ left$", output, re.MULTILINE) == list("45678")
    expected = output.count("loss") if stage == "dpo" else 0
    assert output.count("reward accuracy") == output.count("reward margin") == expected


def test_a_run_killed_before_its_files_are_written_takes_no_further_step(study, tmp_path, monkeypatch):
    """8 steps at 6 steps an epoch: the second epoch has steps left, which a resumed trainer could take."""
    base, folder = study
    settings = {"lr_scheduler_type": "constant", "warmup_steps": 0, "save_steps": 4}
    train_sft(sft_run(base, tmp_path / "unbroken", **settings), *sft_data(folder))
    with monkeypatch.context() as patch:
        patch.setattr("clinical_dpo.training.run.save_trained", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            train_sft(sft_run(base, tmp_path / "killed", **settings), *sft_data(folder))
    train_sft(sft_run(base, tmp_path / "killed", **settings), *sft_data(folder))
    records = [read_json(tmp_path / name / "run.json") for name in ("killed", "unbroken")]
    assert [(record["steps"], record["resumed_from_step"]) for record in records] == [(8, 4), (8, 0)]
    file = "adapter_model.safetensors"
    assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "unbroken" / file).read_bytes()


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_a_run_that_evaluates_at_its_end_only_has_the_same_weights(study, tmp_path, stage):
    """With dropout in SFT, whose random numbers an evaluation must not take."""
    base, folder = study
    train, make, data = stage_functions(stage, folder)
    logs = {}
    for name, eval_steps in (("curve", 2), ("end", None)):
        train(make(base, tmp_path / name, eval_steps=eval_steps), *data)
        logs[name] = read_csv(tmp_path / name / "log.csv")
    file = "adapter_model.safetensors"
    assert (tmp_path / "curve" / file).read_bytes() == (tmp_path / "end" / file).read_bytes()
    steps = {name: [int(row["step"]) for row in log if row["split"] == "eval"] for name, log in logs.items()}
    assert steps == {"curve": [0, 2, 4, 6, 8], "end": [8]}
    assert [row for row in logs["curve"] if row["split"] == "train" or row["step"] == "8"] == logs["end"]


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_the_size_of_an_eval_batch_changes_no_metric(study, tmp_path, stage):
    """8 rows with answers of different lengths: in batches of 8, of 3, 3 and 2, and of 1."""
    base, folder = study
    train, make, data = stage_functions(stage, folder)
    for size in (8, 3, 1):
        run = dataclasses.replace(make(base, tmp_path / str(size), steps=3), eval_batch_size=size)
        train(run, *data)
    expected, *logs = [logged_file(tmp_path / str(size) / "log.csv")["eval"] for size in (8, 3, 1)]
    for log in logs:
        differences = largest_differences(expected, log)
        if stage == "dpo":
            differences = {name: value for name, value in differences.items() if name not in TOKEN_MEANS}
        assert {"loss"} <= set(differences) and max(differences.values()) < 2e-5, differences


def test_a_checkpoint_of_other_code_is_not_resumed(study, tmp_path, monkeypatch):
    """A resumed run would keep weights of the earlier code."""
    base, folder = study
    run = sft_run(base, tmp_path / "run", save_steps=4)
    with monkeypatch.context() as patch:
        patch.setattr("clinical_dpo.training.run.save_trained", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            train_sft(dataclasses.replace(run, code="before"), *sft_data(folder))
    train_sft(dataclasses.replace(run, code="after"), *sft_data(folder))
    assert read_json(tmp_path / "run/run.json")["resumed_from_step"] == 0


def test_a_checkpoint_of_other_settings_is_not_resumed(study, tmp_path):
    base, folder = study
    stale = tmp_path / "run.checkpoints/checkpoint-3"
    stale.mkdir(parents=True)
    (stale.parent / "digest.json").write_text('"other"')
    train_sft(sft_run(base, tmp_path / "run"), *sft_data(folder))
    assert read_json(tmp_path / "run/run.json")["resumed_from_step"] == 0
    for file in ("adapter_model.safetensors", "log.csv"):  # the same run in another folder gives equal bytes
        assert (tmp_path / "run" / file).read_bytes() == (folder / "sft" / file).read_bytes()


@pytest.mark.parametrize("stage", [pytest.param("sft", marks=pytest.mark.slow), "dpo"])
def test_the_padded_layout_computes_the_same_metrics(study, tmp_path, stage):
    base, folder = study
    train, make, data = stage_functions(stage, folder)
    for layout in ("flat", "padded"):
        lora = {"rank": 4, "alpha": 16, "dropout": 0.0}
        train(make(base, tmp_path / layout, layout=layout, optimizer="sgd", learning_rate=0.1, lora=lora), *data)
    flat, padded = (logged_file(tmp_path / layout / "log.csv") for layout in ("flat", "padded"))
    for split in ("train", "eval"):
        assert max(largest_differences(flat[split], padded[split]).values()) < 2e-5
    shares = {layout: read_json(tmp_path / layout / "run.json")["padding_share"] for layout in ("flat", "padded")}
    assert shares["flat"] == 0 and 0.05 < shares["padded"] < 0.6


@pytest.mark.parametrize("stage", ["sft", pytest.param("dpo", marks=pytest.mark.slow)])
def test_the_length_of_a_run_can_be_set_in_epochs(study, tmp_path, stage):
    """24 rows in steps of 4 are 6 steps an epoch; a linear schedule without warm-up depends on the number of steps."""
    base, folder = study
    settings = {"epochs": 1.5, "lr_scheduler_type": "linear", "warmup_steps": 0, "learning_rate": 1e-3}
    train, make, data = stage_functions(stage, folder)
    train(make(base, tmp_path / "run", None, **settings), *data)
    assert read_json(tmp_path / "run/run.json")["steps"] == 9
    log = [row for row in read_csv(tmp_path / "run/log.csv") if row["split"] == "train"]
    assert [float(row["epoch"]) for row in log] == pytest.approx([step / 6 for step in range(1, 10)], abs=1e-3)
    assert [float(row["learning_rate"]) for row in log] == pytest.approx([1e-3 * (1 - i / 9) for i in range(9)])


def test_a_probe_writes_its_eval_curve_and_no_weights(study, tmp_path):
    base, folder = study
    run = dataclasses.replace(sft_run(base, tmp_path / "probe"), probe=True)
    train_sft(run, *sft_data(folder))
    assert sorted(path.name for path in (tmp_path / "probe").iterdir()) == ["log.csv", "run.json"]
    evals = [int(row["step"]) for row in read_csv(tmp_path / "probe/log.csv") if row["split"] == "eval"]
    assert evals == [0, 3, 6, 8]


def test_the_record_of_a_run_holds_settings_inputs_and_versions(study):
    _, folder = study
    run = read_json(folder / "sft/run.json")
    assert (
        run["evaluations"] == 4 and 0 < run["evaluation_seconds"] < run["wall_seconds"] and run["loading_seconds"] > 0
    )
    assert run["steps"] == 8 and run["seed"] == 42 and run["tokens_seen"] > 0 and run["padding_share"] == 0
    assert run["lengths"]["train"]["rows"] == 24 and run["lengths"]["train"]["truncated"] == 0
    assert {path.rsplit("/", 1)[1] for path in run["inputs"]} == {"train.jsonl", "eval.jsonl"}
    assert {"torch", "trl", "peft"} <= set(run["versions"])


def test_a_prompt_longer_than_max_length_is_refused(study, tmp_path):
    base, folder = study
    with pytest.raises(UserError, match=r"train\.jsonl.*row 1 \(id 'r0'\): .*max_length.*Raise max_length"):
        train_sft(sft_run(base, tmp_path / "run", max_length=12), *sft_data(folder))
    assert not (tmp_path / "run").exists()


def test_the_answer_follows_the_prompt_of_the_chat_template(study):
    base, _ = study
    tokenizer = load_tokenizer(base)
    row = rows(1)[0]
    full = tokenizer.apply_chat_template(row["prompt"] + row["completion"], return_dict=True)["input_ids"]
    prompt = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=True)["input_ids"]
    assert tokenize_completion(row, tokenizer, "completion") == (prompt, full[len(prompt) :])
    assert full[-1] == tokenizer.eos_token_id and full.count(tokenizer.bos_token_id) == 1
