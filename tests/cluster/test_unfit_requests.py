"""Requests that a cluster cannot meet, by the output of real Slurms, are refused before the start."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from clinical_dpo.cluster.unfit_requests import (
    Request,
    RetryPolicy,
    parse_records,
    refuse_unfit_requests,
    unmet_requests,
)
from clinical_dpo.errors import UserError

# Output of Slurm 22.05, shortened; some fields are not read.
PARTITIONS = """\
PartitionName=gpu AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL Default=YES QoS=N/A MaxTime=UNLIMITED Nodes=vm State=UP
PartitionName=brief AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL Default=NO QoS=N/A MaxTime=00:20:00 Nodes=vm State=UP
PartitionName=day AllowGroups=ALL AllowAccounts=ALL DenyAccounts=guest Default=NO MaxTime=1-00:00:00 Nodes=big State=UP
PartitionName=private AllowGroups=ALL AllowAccounts=study,lab Default=NO QoS=N/A MaxTime=UNLIMITED Nodes=vm State=UP
PartitionName=cpu AllowGroups=ALL AllowAccounts=ALL Default=NO QoS=N/A MaxTime=UNLIMITED Nodes=thin State=UP
"""
NODES = """\
NodeName=vm CoresPerSocket=1 CPUTot=16 CPULoad=8.85 Gres=gpu:a100:1(S:0-1) NodeAddr=127.0.0.1 NodeHostName=vm \
OS=Linux 6.18.44 #1 SMP PREEMPT_DYNAMIC @0  RealMemory=128000 State=IDLE Partitions=gpu,brief,private  BootTime=2026
NodeName=big CPUTot=64 Gres=shard:8,gpu:h100:4,gpu:3g.20gb:2 NodeHostName=big RealMemory=500000 Partitions=gpu,day
NodeName=thin CPUTot=4 Gres=(null) NodeHostName=thin RealMemory=64000 Partitions=cpu
NodeName=plain CPUTot=16 Gres=gpu:2 NodeHostName=plain RealMemory=64000 Partitions=unkind
"""
OWN_NODE = NODES.splitlines()[0]
JOB = Request("train_dpo", "gpu", None, None, 1, "a100", 8, 50_000, 300)
POLICY = RetryPolicy(retries=1, max_minutes=2880, max_mem_mb=240_000)


def problems(*requests, policy=POLICY, partitions=PARTITIONS, nodes=NODES):
    return unmet_requests(requests, parse_records(partitions), parse_records(nodes), policy)


def job_problems(policy=POLICY, **changes):
    """Problems of JOB with other values."""
    return problems(replace(JOB, **changes), policy=policy)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"partition": None},  # the default partition
        {"partition": "private", "account": "lab"},
        {"partition": "gpu", "gpu_model": "3g.20gb", "gpus": 2},
        {"partition": "gpu", "gpu_model": None, "gpus": 6},  # of any kind
        {"partition": "brief,gpu"},  # Slurm uses either
    ],
)
def test_a_request_that_can_be_met_has_no_problem(changes):
    assert job_problems(**changes) == []


def test_an_unknown_partition_is_refused_once_with_the_known_ones():
    (problem,) = problems(*(replace(JOB, partition="gpus", rule=rule) for rule in ("train_sft", "train_dpo")))
    assert "'gpus' is not known" in problem and "gpu, brief, day, private, cpu" in problem
    assert "Set slurm_partition" in problem


def test_a_run_time_above_the_limit_is_refused_with_the_largest_request():
    """Slurm itself accepts such a job, and it waits for ever."""
    jobs = replace(JOB, partition="brief"), replace(JOB, partition="brief", rule="train_sft", minutes=60)
    (problem,) = problems(*jobs)
    assert "20 minutes" in problem and "'train_dpo' requests 300, and up to 600 at a retry" in problem
    assert "Set compute.max_runtime to 20" in problem


def test_a_run_time_above_the_limit_after_retries_is_refused():
    (problem,) = job_problems(partition="day", gpu_model="h100", minutes=1000)
    assert "1440 minutes" in problem and "up to 2000 at a retry" in problem


def test_retries_stay_within_the_configured_run_time():
    capped = replace(POLICY, max_minutes=1440)
    assert job_problems(capped, partition="day", gpu_model="h100", minutes=1000) == []


def test_an_unknown_kind_of_gpu_is_refused_with_the_known_ones():
    (problem,) = job_problems(gpu_model="v100")
    assert "1 v100 GPU" in problem and "3g.20gb, a100, h100" in problem and "set compute.gpu_model" in problem


def test_a_partition_without_a_gpu_is_refused():
    (problem,) = job_problems(partition="cpu")
    assert "Available: no GPU" in problem


def test_gpus_without_a_kind_are_named_so():
    (problem,) = problems(replace(JOB, partition="unkind"), partitions="PartitionName=unkind MaxTime=UNLIMITED")
    assert "GPUs without a kind" in problem


def test_more_gpus_than_a_node_has_are_refused():
    assert job_problems(partition="day", gpu_model="h100", gpus=5) != []


def test_cpus_count_on_nodes_with_the_gpu():
    (problem,) = job_problems(cpus=32)
    assert "32 CPUs" in problem and "Set compute.threads to 16" in problem


def test_memory_counts_on_nodes_with_the_gpu():
    (problem,) = job_problems(mem_mb=100_000)
    assert "128000 MB" in problem and "100000, and up to 200000 at a retry" in problem
    assert "Set compute.max_mem_mb to 128000" in problem


def test_retries_stay_within_the_configured_memory():
    assert job_problems(replace(POLICY, max_mem_mb=128_000), mem_mb=100_000) == []


def test_an_account_that_a_partition_does_not_allow_is_refused_with_those_it_allows():
    (problem,) = job_problems(partition="private", account="other")
    assert "account 'other'" in problem and "allows: study, lab" in problem and "Set slurm_account" in problem


def test_an_account_that_a_partition_denies_is_refused():
    (problem,) = job_problems(partition="day", gpu_model="h100", account="guest")
    assert "account 'guest'" in problem


def test_all_problems_are_refused_together():
    assert len(job_problems(partition="brief", gpu_model="v100", account="other")) == 2
    assert len(job_problems(partition="brief,cpu")) == 2


def test_nodes_that_slurm_hides_are_not_checked():
    assert problems(replace(JOB, gpu_model="v100"), nodes="") == []


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A function that installs fake programs of Slurm, with the output of `scontrol` and a script for `sbatch`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/bin")
    monkeypatch.setattr("socket.gethostname", lambda: "vm")

    def install(sbatch="exit 0", nodes=OWN_NODE):
        (tmp_path / "partition").write_text(PARTITIONS)
        (tmp_path / "node").write_text(nodes)
        for name, script in {"scontrol": f"cat {tmp_path}/$3", "sbatch": sbatch}.items():
            (programs / name).write_text(f"#!/bin/sh\n{script}\n")
            (programs / name).chmod(stat.S_IRWXU)

    return install


def test_an_account_that_slurm_refuses_is_refused_once_with_slurms_message(slurm, tmp_path):
    message = "allocation failure: Invalid account or account/partition combination specified"
    slurm(f'echo "$@" >> {tmp_path}/calls; echo "sbatch: error: {message}" >&2; exit 1')
    with pytest.raises(UserError, match=r"--partition=gpu --account=mine: .*Invalid account.*slurm_account"):
        refuse_unfit_requests([replace(JOB, account="mine"), replace(JOB, account="mine", mem_mb=1)], [], POLICY)
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert "--test-only" in call and "--account=mine" in call


def test_a_limit_of_the_account_that_other_jobs_have_reached_is_said_to_end_with_them(slurm):
    message = "sbatch: error: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
    slurm(f'echo "{message}" >&2; exit 1')
    with pytest.raises(UserError, match=r"submit limit.*wait until they have ended\. Otherwise: Set slurm_account"):
        refuse_unfit_requests([JOB], [], POLICY)


def test_other_messages_of_sbatch_do_not_stop_a_start(slurm):
    """A job can wait for drained nodes."""
    slurm('echo "allocation failure: Requested node configuration is not available" >&2; exit 1')
    refuse_unfit_requests([JOB], [], POLICY)


def test_without_slurm_every_request_is_accepted(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    refuse_unfit_requests([JOB], [tmp_path], POLICY)
    refuse_unfit_requests([], [tmp_path], POLICY)


@pytest.fixture
def local_disk(tmp_path, monkeypatch):
    """A folder on a disk of this host."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mounts").write_text("/dev/vda / ext4 rw 0 0\n")
    monkeypatch.setattr("clinical_dpo.cluster.shared_folders.ROOT_FOLDER", tmp_path)
    return Path("/srv/study")


def test_a_folder_that_other_nodes_cannot_see_is_refused(slurm, local_disk):
    slurm(nodes=NODES)
    with pytest.raises(UserError, match=r"/srv/study .*ext4.*such as big"):
        refuse_unfit_requests([JOB], [local_disk], POLICY)


def test_a_shared_disk_is_accepted(slurm, local_disk):
    slurm(nodes=NODES)
    refuse_unfit_requests([JOB], [local_disk], POLICY, shared_disk=True)


def test_a_local_folder_is_accepted_for_jobs_on_this_host(slurm, local_disk):
    slurm(nodes=NODES)
    refuse_unfit_requests([replace(JOB, partition="private")], [local_disk], POLICY)
    slurm(nodes=OWN_NODE)
    refuse_unfit_requests([JOB], [local_disk], POLICY)
