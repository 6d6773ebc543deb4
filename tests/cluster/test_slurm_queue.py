"""A start is refused while jobs of an earlier run are in Slurm's queue, and needs no Slurm."""

import stat
from pathlib import Path

import pytest

from clinical_dpo.cluster.slurm_queue import queued_jobs, refusal, refuse_queued_jobs
from clinical_dpo.errors import UserError

RUN = "0b6e3b5e-7b7f-4f0c-9e0c-111111111111"


def squeue_output(folder):
    return (
        f"11|{RUN}|rule_train_sft_wildcards_uti_llama3-8b-instruct_lr1e-05|{folder}\n"
        f"12|{RUN}|rule_build_base_model_wildcards_a|b|{folder}\n"
        f"13|other|rule_train_sft_wildcards_x|{folder}/elsewhere\n"
        f"14|notebook|(null)|{folder}\n"
        f"15|{RUN}|rule_all|{folder}\n"
    )


def fake_squeue(folder, monkeypatch, script):
    program = folder / "bin/squeue"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin")


def test_only_snakemakes_jobs_of_this_folder_count(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    jobs = queued_jobs(link, squeue_output(tmp_path), own_job="15")
    assert jobs == {"11": (RUN, "train_sft uti_llama3-8b-instruct_lr1e-05"), "12": (RUN, "build_base_model a|b")}


QUEUED = {str(job): (RUN if job < 8 else "later", "train_sft x") for job in range(9)}


def test_the_command_that_cancels_names_every_run_once():
    assert f"  scancel --me --name={RUN},later\n" in refusal(QUEUED)


def test_the_message_lists_five_jobs_and_the_number_of_the_others():
    assert refusal(QUEUED).count("train_sft x") == 5 and "and 4 more" in refusal(QUEUED)


def test_a_start_is_refused_while_jobs_of_its_folder_are_queued(tmp_path, monkeypatch):
    (tmp_path / "queue").write_text(squeue_output(tmp_path))
    fake_squeue(tmp_path, monkeypatch, f"cat {tmp_path}/queue")
    with pytest.raises(UserError, match=rf"scancel --me --name={RUN}"):
        refuse_queued_jobs(tmp_path, submits=True)
    refuse_queued_jobs(Path("/"), submits=True)


def test_a_start_without_slurm_is_accepted(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    refuse_queued_jobs(tmp_path, submits=True)


def test_a_slurm_that_fails_stops_only_a_run_that_submits_jobs(tmp_path, monkeypatch):
    fake_squeue(tmp_path, monkeypatch, "echo 'Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(UserError, match=r"squeue failed.*Unable to contact slurm controller"):
        refuse_queued_jobs(tmp_path, submits=True)
    refuse_queued_jobs(tmp_path, submits=False)
