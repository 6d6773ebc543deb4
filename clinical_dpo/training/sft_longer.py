"""The arm "SFT longer": the chosen SFT model is trained further with the SFT loss, where DPO uses the DPO loss.

The new adapter has the rank of DPO's adapter and is trained without dropout, as TRL trains DPO.
"""

from collections.abc import Mapping
from pathlib import Path

import torch

from clinical_dpo.training.run import prepare
from clinical_dpo.training.settings import Run
from clinical_dpo.training.sft import train_on_answers
from clinical_dpo.training.sft_ranks import policy_from_sft, refuse_eight_bit_optimizer


def train(run: Run, files: Mapping[str, str]) -> None:
    """Train the model of a job.

    Args:
        run: the run.
        files: the job's input files: the task rows `train` and `eval`, and `sft`, a file in the folder of the SFT
            model.
    """
    train_sft_longer(run, files["train"], files["eval"], sft=str(Path(files["sft"]).parent))


def train_sft_longer(run: Run, train_rows: str, eval_rows: str, sft: str) -> None:
    """Train one trial on task rows, and write its files into `run.out`.

    Args:
        run: the run.
        train_rows, eval_rows: JSON Lines of task rows (prompt, completion).
        sft: folder of the chosen SFT model.

    Raises:
        UserError: a prompt fills max_length, an answer is empty, or the optimizer would change the frozen SFT ranks.
    """
    refuse_eight_bit_optimizer(run, sft)
    prepared = prepare(run, {"train": train_rows, "eval": eval_rows}, ["completion"], [sft])
    torch.manual_seed(run.settings["seed"])
    policy = policy_from_sft(run, sft, {**run.settings["lora"], "dropout": 0.0})
    train_on_answers(run, prepared, policy)
