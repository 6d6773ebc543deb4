"""The steps and tokens of runs that are matched by steps."""

from clinical_dpo.io import write_json
from clinical_dpo.training.run_record import matched_runs


def test_steps_and_tokens_of_sft_longer_stand_beside_dpos(tmp_path):
    runs = {"uti/llama/sft": (500, 9), "uti/llama/dpo": (80, 61004), "uti/llama/sft_longer": (80, 30112)}
    runs |= {"qa/llama/sft": (500, 9), "qa/llama/dpo": (80, 9)}  # a task without the arm
    files = [tmp_path / f"{name}/best/run.json" for name in runs]
    for path, (steps, tokens) in zip(files, runs.values(), strict=True):
        write_json(path, {"steps": steps, "tokens_seen": tokens})
    answers = tmp_path / "uti/llama/predictions/sft_longer.json"
    assert matched_runs([answers, *files]) == [
        "uti, llama: after SFT, the arm SFT longer is trained for 80 steps and 30,112 tokens, and DPO for 80 steps and "
        "61,004 tokens"
    ]
