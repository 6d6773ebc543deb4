"""Jobs that a Slurm cluster could never run, found before the first is submitted: each would fail at every try, or wait
for ever.

What the cluster has is read off `scontrol show partition` and `scontrol show node`, which need no accounting database.
Whether an account may be used only Slurm itself knows: it is asked with `sbatch --test-only`, which submits nothing.
"""

import re
import socket
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clinical_dpo.cluster.shared_folders import hidden_folders
from clinical_dpo.cluster.time_and_memory import scaled_request
from clinical_dpo.errors import UserError

Described = Mapping[str, str]  # key -> value, as scontrol prints them
SHOW = ("scontrol", "--oneliner", "show")
FOR_ONE_RUN = "--default-resources slurm_partition=NAME slurm_account=NAME"


@dataclass(frozen=True)
class Request:
    """What the jobs of a rule ask for at their first attempt."""

    rule: str
    partition: str | None
    account: str | None
    qos: str | None
    gpus: int
    gpu_model: str | None
    cpus: int
    mem_mb: int
    minutes: int

    @classmethod
    def of(cls, rule: str, threads: int, resources: Mapping[str, Any]) -> "Request":
        """From a job's rule, threads and resources, named as Snakemake's Slurm plugin names them."""
        names = (resources.get(key) for key in ("slurm_partition", "slurm_account", "qos"))
        partition, account, qos = (str(name) if name else None for name in names)
        numbers = (int(resources.get(key) or 0) for key in ("mem_mb", "runtime"))
        model = resources.get("gpu_model")
        return cls(rule, partition, account, qos, int(resources.get("gpu") or 0), model, threads, *numbers)


@dataclass(frozen=True)
class Growth:
    """What a job that fails asks for when it is tried again, as `time_and_memory.scaled_request` has it."""

    retries: int
    max_minutes: int
    max_mem_mb: int

    def minutes(self, first: int) -> int:
        """At the last attempt."""
        return max(first, scaled_request(first, self.retries + 1, self.max_minutes))

    def mem_mb(self, first: int) -> int:
        """At the last attempt."""
        return max(first, scaled_request(first, self.retries + 1, self.max_mem_mb))


def refuse_unfit_requests(
    requests: Collection[Request], folders: Iterable[Path], growth: Growth, shared_disk: bool = False
) -> None:
    """Stop before anything is submitted where a request cannot be met. Nothing is said where there is no Slurm.

    Args:
        requests: of all jobs that are to be submitted.
        folders: what every node must see.
        growth: how requests grow.
        shared_disk: whether other nodes see this host's disks in a way that is not to be seen here.

    Raises:
        UserError: everything that is wrong, each once, with what to set.
    """
    if not requests:
        return
    partitions, nodes = described("partition"), described("node")
    found = [*misfits(requests, partitions, nodes, growth), *refused_accounts(requests)] if partitions else []
    if hosts := other_hosts(requests, partitions, nodes):
        found += hidden_folders(folders, min(hosts), shared_disk)
    if found:
        told = "Slurm could not run these jobs (docs/slurm.md says where compute.* is set):"
        raise UserError("\n  ".join([told, *found]))


def other_hosts(requests: Iterable[Request], partitions: Sequence[Described], nodes: Sequence[Described]) -> set[str]:
    """Hosts on which the requests' jobs may run, but for this one."""
    asked = {name for request in requests for name in _partitions(request, partitions)}
    of_asked = [node for node in nodes if asked & set(node.get("Partitions", "").split(","))]
    return {node["NodeHostName"] for node in of_asked} - {socket.gethostname().split(".")[0]}


def _partitions(request: Request, partitions: Iterable[Described]) -> list[str]:
    """Those a request names, any of which may take it, or the default one."""
    if request.partition:
        return request.partition.split(",")
    return [partition["PartitionName"] for partition in partitions if partition.get("Default") == "YES"]


def described(kind: str) -> list[Described]:
    """Partitions or nodes, as far as Slurm shows them to this user."""
    try:
        done = subprocess.run([*SHOW, kind], capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return []
    except subprocess.TimeoutExpired:
        raise UserError("scontrol does not answer within a minute. Start again when Slurm does.") from None
    return parse_described(done.stdout) if done.returncode == 0 else []


def parse_described(listed: str) -> list[Described]:
    """What `scontrol --oneliner show` prints, one mapping a line."""
    lines = (dict(re.findall(r"(\S+?)=(\S*)", line)) for line in listed.splitlines())
    return [line for line in lines if {"PartitionName", "NodeName"} & set(line)]


def misfits(
    requests: Iterable[Request], partitions: Sequence[Described], nodes: Sequence[Described], growth: Growth
) -> list[str]:
    """What is wrong with the requests, each problem once.

    Args:
        requests: of the jobs.
        partitions: from `parse_described`.
        nodes: from `parse_described`; none where Slurm hides them, and then nothing is said of them.
        growth: how requests grow.
    """
    by_name = {partition["PartitionName"]: partition for partition in partitions}
    problems: dict[tuple[str, str], str] = {}  # the greatest request of a kind stands for all
    for request in sorted(requests, key=lambda request: (-request.minutes, -request.mem_mb, request.rule)):
        named = _partitions(request, partitions)
        of_each = [dict(_misfits(request, name, by_name, nodes, growth)) for name in named]
        if all(of_each):  # Slurm takes any partition of several
            for name, told in zip(named, of_each, strict=False):
                problems = {(name, kind): problem for kind, problem in told.items()} | problems
    return list(problems.values())


def _misfits(
    request: Request, name: str, partitions: Mapping[str, Described], nodes: Sequence[Described], growth: Growth
) -> Iterator[tuple[str, str]]:
    """(kind, problem) of one request in one partition."""
    if name not in partitions:
        yield (
            "name",
            f"partition '{name}' is not known to Slurm. There are: {', '.join(partitions)}. Set slurm_partition in "
            f"slurm/config.yaml, or for one run: {FOR_ONE_RUN}",
        )
        return
    partition = partitions[name]
    limit, last = _minutes(partition.get("MaxTime", "")), growth.minutes(request.minutes)
    if limit is not None and last > limit:
        again = f", and up to {last} when it is tried again" if last > request.minutes else ""
        yield (
            "time",
            f"partition {name} lets a job run {limit} minutes; {request.rule} asks for {request.minutes}{again}. Set "
            f"compute.max_runtime to {limit}, or take another partition.",
        )
    allowed, denied = (partition.get(key, "").split(",") for key in ("AllowAccounts", "DenyAccounts"))
    if request.account and (request.account in denied or not {"", "ALL", request.account} & set(allowed)):
        those = f" It allows: {', '.join(allowed)}." if not {"", "ALL"} & set(allowed) else ""
        yield (
            "account",
            f"partition {name} does not take jobs of account '{request.account}'.{those} Set slurm_account in "
            f"slurm/config.yaml, or for one run: {FOR_ONE_RUN}",
        )
    of_partition = [node for node in nodes if name in node.get("Partitions", "").split(",")]
    if problem := _no_node(request, name, of_partition, growth):
        yield "node", problem


def _no_node(request: Request, name: str, nodes: Sequence[Described], growth: Growth) -> str | None:
    """Why no node of a partition could take the job, the first reason of several."""
    if not nodes:
        return None
    wanted = f"{request.gpu_model or ''} GPU".strip()
    with_gpu = [node for node in nodes if _has_gpus(node, request)]
    if not with_gpu:
        there = sorted({kind or "GPUs without a kind" for node in nodes for kind, _ in _gpus(node)})
        return (
            f"no node of partition {name} has {request.gpus} {wanted}, which {request.rule} asks for. There: "
            f"{', '.join(there) or 'no GPU'}. Set compute.gpu_model (null for any), or take "
            "another partition."
        )
    roomy = [node for node in with_gpu if int(node.get("CPUTot", request.cpus)) >= request.cpus]
    if not roomy:
        most = max(int(node["CPUTot"]) for node in with_gpu)
        return (
            f"no node of partition {name} has {request.cpus} CPUs, which {request.rule} asks for. Set compute.threads "
            f"to {most} or fewer."
        )
    last, most = growth.mem_mb(request.mem_mb), max(int(node.get("RealMemory", sys.maxsize)) for node in roomy)
    if last > most:
        again = f", and up to {last} when it is tried again" if last > request.mem_mb else ""
        return (
            f"no node of partition {name} has more than {most} MB of memory; {request.rule} asks for {request.mem_mb}"
            f"{again}. Set compute.max_mem_mb to {most}, or take another partition."
        )
    return None


def _gpus(node: Described) -> list[tuple[str, int]]:
    """Kind and count of a node's GPUs; the kind is empty where Slurm was told none."""
    return [(kind, int(count)) for kind, count in re.findall(r"(?:^|,)gpu:(?:([^:,(]+):)?(\d+)", node.get("Gres", ""))]


def _has_gpus(node: Described, request: Request) -> bool:
    if not request.gpus:
        return True
    counts = [count for kind, count in _gpus(node) if request.gpu_model in (None, kind)]
    return sum(counts) >= request.gpus


def _minutes(limit: str) -> int | None:
    """Whole minutes of Slurm's [days-]hours:minutes:seconds; None for no limit."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", limit)
    days, hours, minutes, _ = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    return (days * 24 + hours) * 60 + minutes if match else None


def refused_accounts(requests: Iterable[Request]) -> list[str]:
    """What Slurm says against the accounts and QoS of the requests, where it knows of any."""
    problems = []
    for partition, account, qos in sorted({(each.partition, each.account, each.qos) for each in requests}, key=str):
        asked = {"partition": partition, "account": account, "qos": qos}
        options = [f"--{key}={value}" for key, value in asked.items() if value]
        command = ["sbatch", "--test-only", "--time=1", *options, "--wrap=true"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode and re.search(r"account|qos", done.stderr, re.IGNORECASE):
            said = done.stderr.strip().splitlines()[-1]
            problems.append(
                f"{' '.join(options) or 'no account'}: {said}. Set slurm_account (and qos) in slurm/config.yaml, or "
                f"for one run: {FOR_ONE_RUN}"
            )
    return problems
