"""Requests that a cluster cannot meet, told from what real Slurms print; and that they are told before the start."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from clinical_dpo.cluster.unfit_requests import Growth, Request, misfits, parse_described, refuse_unfit_requests
from clinical_dpo.errors import UserError

# Slurm 22.05, cut to what is read and some of what is not.
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
GROWTH = Growth(retries=1, max_minutes=2880, max_mem_mb=240_000)


def found(*requests, growth=GROWTH, partitions=PARTITIONS, nodes=NODES):
    return misfits(requests, parse_described(partitions), parse_described(nodes), growth)


def asking(**changes):
    return found(replace(JOB, **changes))


def test_what_fits_is_not_spoken_of():
    assert found(JOB) == []
    assert asking(partition=None) == []  # the default one
    assert asking(partition="private", account="lab") == asking(partition="gpu", gpu_model="3g.20gb", gpus=2) == []
    assert asking(partition="gpu", gpu_model=None, gpus=6) == []  # of any kind
    assert asking(partition="brief,gpu") == []  # one of those named is enough


def test_an_unknown_partition_is_told_with_those_there_are():
    (problem,) = found(*(replace(JOB, partition="gpus", rule=rule) for rule in ("train_sft", "train_dpo")))
    assert (
        "'gpus' is not known" in problem and "gpu, brief, day, private, cpu" in problem and "slurm_partition" in problem
    )


def test_a_run_time_above_the_limit_is_told_with_what_to_set():
    """Slurm itself takes such a job, and lets it wait for ever."""
    (problem,) = found(replace(JOB, partition="brief"), replace(JOB, partition="brief", rule="train_sft", minutes=60))
    assert "20 minutes" in problem and "train_dpo asks for 300, and up to 600" in problem
    assert "compute.max_runtime to 20" in problem
    (retried,) = asking(partition="day", gpu_model="h100", minutes=1000)
    assert "1440 minutes" in retried and "up to 2000" in retried
    capped = replace(GROWTH, max_minutes=1440)
    assert found(replace(JOB, partition="day", gpu_model="h100", minutes=1000), growth=capped) == []


def test_a_kind_of_gpu_that_is_not_there_is_told_with_those_there_are():
    (problem,) = asking(gpu_model="v100")
    assert "1 v100 GPU" in problem and "3g.20gb, a100, h100" in problem and "compute.gpu_model" in problem
    (none,) = asking(partition="cpu")
    assert "There: no GPU" in none
    (unkind,) = found(replace(JOB, partition="unkind"), partitions="PartitionName=unkind MaxTime=UNLIMITED")
    assert "GPUs without a kind" in unkind
    assert asking(partition="day", gpu_model="h100", gpus=5) != []


def test_cpus_and_memory_count_on_nodes_that_have_the_gpu():
    (cpus,) = asking(cpus=32)
    assert "32 CPUs" in cpus and "compute.threads to 16" in cpus
    (memory,) = asking(mem_mb=100_000)
    assert "128000 MB" in memory and "100000, and up to 200000" in memory and "compute.max_mem_mb to 128000" in memory
    assert found(replace(JOB, mem_mb=100_000), growth=replace(GROWTH, max_mem_mb=128_000)) == []


def test_an_account_that_a_partition_does_not_take_is_told():
    (problem,) = asking(partition="private", account="other")
    assert "account 'other'" in problem and "allows: study, lab" in problem and "slurm_account" in problem
    (denied,) = asking(partition="day", gpu_model="h100", account="guest")
    assert "account 'guest'" in denied


def test_everything_is_told_at_once():
    assert len(asking(partition="brief", gpu_model="v100", account="other")) == 2
    assert len(asking(partition="brief,cpu")) == 2


def test_nothing_is_said_of_nodes_that_slurm_hides():
    assert found(replace(JOB, gpu_model="v100"), nodes="") == []


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Programs that print what they are given; the host's name is none of the nodes'."""
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


def test_an_account_that_slurm_refuses_is_told_in_its_words(slurm, tmp_path):
    said = "allocation failure: Invalid account or account/partition combination specified"
    slurm(f'echo "$@" >> {tmp_path}/asked; echo "sbatch: error: {said}" >&2; exit 1')
    with pytest.raises(UserError, match=r"--partition=gpu --account=mine: .*Invalid account.*slurm_account"):
        refuse_unfit_requests([replace(JOB, account="mine"), replace(JOB, account="mine", mem_mb=1)], [], GROWTH)
    (asked,) = (tmp_path / "asked").read_text().splitlines()
    assert "--test-only" in asked and "--account=mine" in asked


def test_what_sbatch_says_of_anything_else_is_left_to_slurm(slurm):
    """Drained nodes are waited for."""
    slurm('echo "allocation failure: Requested node configuration is not available" >&2; exit 1')
    refuse_unfit_requests([JOB], [], GROWTH)


def test_without_slurm_nothing_is_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    refuse_unfit_requests([JOB], [tmp_path], GROWTH)
    refuse_unfit_requests([], [tmp_path], GROWTH)


def test_a_folder_that_other_nodes_do_not_see_stops_the_start(slurm, tmp_path, monkeypatch):
    """Once, before a job and its retries would look for it in vain."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mounts").write_text("/dev/vda / ext4 rw 0 0\n")
    monkeypatch.setattr("clinical_dpo.cluster.shared_folders.SYSTEM", tmp_path)
    slurm(nodes=NODES)
    with pytest.raises(UserError, match=r"/srv/study .*ext4.*such as big"):
        refuse_unfit_requests([JOB], [Path("/srv/study")], GROWTH)
    refuse_unfit_requests([JOB], [Path("/srv/study")], GROWTH, shared_disk=True)
    refuse_unfit_requests([replace(JOB, partition="private")], [Path("/srv/study")], GROWTH)  # this host's alone
    slurm()
    refuse_unfit_requests([JOB], [Path("/srv/study")], GROWTH)
