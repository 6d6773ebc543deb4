"""The steps and tokens of runs that are matched by steps, and runs that ended in their warm-up."""

from clinical_dpo.io import write_json
from clinical_dpo.training.run_record import ended_in_warmup, matched_runs


def test_steps_and_tokens_of_sft_longer_stand_beside_dpos(tmp_path):
    runs = {"uti/llama/sft": (500, 9), "uti/llama/dpo": (80, 61004), "uti/llama/sft_longer": (80, 30112)}
    runs |= {"qa/llama/sft": (500, 9), "qa/llama/dpo": (80, 9)}  # a task without the arm
    files = [tmp_path / f"{name}/best/run.json" for name in runs]
    for path, (steps, tokens) in zip(files, runs.values(), strict=True):
        write_json(path, {"steps": steps, "tokens_seen": tokens})
    answers = tmp_path / "uti/llama/predictions/sft_longer.json"
    assert matched_runs([answers, *files]) == [
        "uti, llama: after SFT, the arm 'SFT longer' is trained for 80 steps and 30,112 tokens, and DPO for 80 steps "
        "and 61,004 tokens"
    ]


def test_runs_that_ended_in_their_warm_up_are_named(tmp_path):
    runs = {"uti/llama/sft": (10, 30), "uti/llama/dpo": (31, 30), "uti/llama/sft_longer": (30, 30), "qa/m/sft": (9, 0)}
    files = [tmp_path / f"{name}/best/run.json" for name in runs]
    for path, (steps, warmup) in zip(files, runs.values(), strict=True):
        write_json(path, {"steps": steps, "settings": {"warmup_steps": warmup}})
    assert ended_in_warmup([tmp_path / "uti/llama/predictions/sft.json", *files]) == [
        "uti, llama, SFT (10 steps of training, 30 of warm-up)",
        "uti, llama, SFT longer (30 steps of training, 30 of warm-up)",
    ]
