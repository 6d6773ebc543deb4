"""Runs with the Slurm profile on the test cluster, which tests observe and disturb."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.workflow import Project
from tests.workflow.slurm.cluster import LONGEST, Cluster, wait_for

CONFIG = "tests/workflow/config/slurm.yaml"
MODEL = "results/cluster/models/tiny-mistral/SHA256SUMS"
BEST = "results/cluster/uti/tiny-mistral/sft/best/run.json"
SFT = "results/cluster/uti/tiny-mistral/sft/lr1e-03/adapter"
LLAMA = "results/cluster/models/tiny-llama/SHA256SUMS"
DPO = "results/cluster/uti/tiny-mistral/dpo/lr5e-04_beta0.1/adapter"
PROFILE = (  # as users type it, with more frequent checks of job states than a real cluster should get
    *("--profile", "slurm", "--slurm-init-seconds-before-status-checks", "3"),
    *("--max-status-checks-per-second", "10"),
)
WEIGHTS = "adapter_model.safetensors"
OUTSIDE_SLURM = {"CUDA_VISIBLE_DEVICES": "0"}  # without Slurm, jobs that request a GPU need this variable
# Python imports this at its start, since the copy of the project is on the path of every script. It slows training, so
# that tests can disturb it, and imitates small memory: TEST_MEMORY=STEP:ROWS fails at a step if a batch has more rows.
SITECUSTOMIZE = """\
import os
import sys
import time

if any(".train.py" in word for word in sys.orig_argv):
    import torch
    from transformers import TrainerCallback

    from clinical_dpo.training import run as training

    class Hindrance(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            time.sleep(float(os.environ.get("TEST_STEP_SECONDS", 0)))
            step, rows = map(int, os.environ.get("TEST_MEMORY", "-1:0").split(":"))
            if state.global_step == step and args.per_device_train_batch_size > rows:
                raise torch.OutOfMemoryError("CUDA out of memory.")

    train_and_save = training.train_and_save

    def train_hindered(run, prepared, trainer, branches, **options):
        trainer.add_callback(Hindrance())
        train_and_save(run, prepared, trainer, branches, **options)

    training.train_and_save = train_hindered
"""


@dataclass(frozen=True)
class Attempt:
    """A running Snakemake that trains the SFT trial on the cluster."""

    project: Project
    cluster: Cluster
    process: subprocess.Popen[str]

    @property
    def checkpoints(self) -> Path:
        """Folder of the training's checkpoints."""
        return self.project.folder / f"{SFT}.checkpoints"

    def until_checkpoint(self, step: int = 2) -> None:
        """Return when training has saved a checkpoint at `step` or later."""
        wait_for(lambda: self._saved() >= step, f"checkpoint {step} is saved")

    def end(self) -> str:
        """Wait for the end, assert success, and return the output."""
        status, text = self.outcome()
        assert status == 0, text[-6000:]
        return text

    def outcome(self) -> tuple[int, str]:
        """Wait for the end and return exit status and output; raise AssertionError after LONGEST seconds."""
        try:
            text, _ = self.process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            self.process.kill()
            text, _ = self.process.communicate()
            raise AssertionError(f"not ended after {LONGEST} s; printed:\n{text[-6000:]}") from None
        return self.process.returncode, text

    def states(self) -> list[str]:
        """States of the training jobs, oldest first."""
        return [job["JobState"] for job in self.jobs()]

    def jobs(self) -> list[dict[str, str]]:
        """Training jobs of this folder that the controller remembers, oldest first."""
        jobs = self.cluster.jobs()
        return [
            job
            for job in jobs
            if "rule_train_wildcards" in job.get("Comment", "") and job["WorkDir"] == str(self.project.folder)
        ]

    def _saved(self) -> int:
        steps = [
            int(path.parent.name.split("-")[1]) for path in self.checkpoints.glob("checkpoint-*/trainer_state.json")
        ]
        return max(steps, default=0)


@dataclass(frozen=True)
class Template:
    """A project with its base model and data, and the weights of an undisturbed training."""

    project: Project
    weights: bytes
    children: list[subprocess.Popen[str]] = field(default_factory=list)

    @classmethod
    def prepare(cls, folder: Path) -> "Template":
        """Build the base model, train once without Slurm, and delete the training."""
        project = Project.copy(folder, CONFIG)
        (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
        dataclasses.replace(project, environment=OUTSIDE_SLURM).run(f"{SFT}/run.json")
        weights = (folder / SFT / WEIGHTS).read_bytes()
        shutil.rmtree((folder / SFT).parent)
        return cls(project, weights)

    def copy(self, folder: Path) -> None:
        """Copy the project to `folder`, unless that exists."""
        if not folder.exists():
            shutil.copytree(self.project.folder, folder, symlinks=True)

    def start(self, cluster: Cluster, folder: Path, *arguments: str, **environment: str) -> Attempt:
        """Start Snakemake with the Slurm profile on the copy in `folder`."""
        self.copy(folder)
        project = Project(folder, CONFIG, {**cluster.environment, **environment})
        command = [sys.executable, "-m", "snakemake", f"{SFT}/run.json", *PROFILE, *arguments, "--configfile", CONFIG]
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"HF_HUB_OFFLINE": "1"} | project.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.children.append(process)
        return Attempt(project, cluster, process)

    def stop_all(self) -> None:
        """Kill every Snakemake that still runs."""
        for process in self.children:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()

    def check(self, attempt: Attempt, same_weights: bool = True) -> dict[str, object]:
        """Assert that a finished training has the expected files, and return its record.

        Args:
            attempt: the run.
            same_weights: whether the weights must equal those of the undisturbed training, or differ from them.
        """
        folder = attempt.project.folder / SFT
        record = json.loads((folder / "run.json").read_text())
        assert record["steps"] == 12 and record["gradient_checkpointing"] is False
        assert not attempt.checkpoints.exists()
        assert ((folder / WEIGHTS).read_bytes() == self.weights) == same_weights
        return record
