"""The arm "SFT longer": the chosen SFT model is trained further with the SFT loss, for comparison with DPO.

The new adapter has the rank of DPO's adapter. It is trained without dropout, as TRL trains DPO.
"""

from collections.abc import Mapping
from pathlib import Path

import torch

from clinical_dpo.training.run import prepare
from clinical_dpo.training.settings import Run
from clinical_dpo.training.sft import train_on_answers
from clinical_dpo.training.sft_ranks import policy_from_sft, refuse_eight_bit_optimizer


def train(run: Run, files: Mapping[str, str]) -> None:
    """Train the "SFT longer" model of a job: the chosen SFT model, trained further with the SFT loss.

    Args:
        run: settings and output folder of the training.
        files: paths of the job's input files. `train` and `eval` have prompts with reference answers. `sft` is a file
            in the folder of the SFT model.
    """
    train_sft_longer(run, files["train"], files["eval"], sft=str(Path(files["sft"]).parent))


def train_sft_longer(run: Run, train_rows: str, eval_rows: str, sft: str) -> None:
    """Train the SFT model further on prompts with reference answers, and write the new model's files into `run.out`.

    Args:
        run: settings and output folder of the training.
        train_rows, eval_rows: JSON Lines files of prompts with reference answers (prompt, completion).
        sft: folder of the chosen SFT model.

    Raises:
        UserError: a prompt fills max_length, or an answer is empty, or the SFT model is a LoRA adapter and the
            optimizer has an eight-bit state. Such an optimizer would change the adapter's weights, which must stay
            frozen.
    """
    refuse_eight_bit_optimizer(run, sft)
    prepared = prepare(run, {"train": train_rows, "eval": eval_rows}, ["completion"], [sft])
    torch.manual_seed(run.settings["seed"])
    policy = policy_from_sft(run, sft, {**run.settings["lora"], "dropout": 0.0})
    train_on_answers(run, prepared, policy)
