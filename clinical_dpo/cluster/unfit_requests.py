"""Refuse a run, before its first job is submitted, if Slurm could never run some of its jobs.

Without this check such jobs would fail or wait forever.

Partitions and nodes are read with `scontrol show partition` and `scontrol show node`, which need no accounting
database. `sbatch --test-only`, which submits nothing, shows whether an account may be used.
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

SlurmRecord = Mapping[str, str]  # a partition or node: key -> value, as scontrol prints them
SHOW = ("scontrol", "--oneliner", "show")
FOR_ONE_RUN = "--default-resources slurm_partition=NAME slurm_account=NAME"


@dataclass(frozen=True)
class Request:
    """The resources that the jobs of a rule request at their first attempt."""

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
    def from_job(cls, rule: str, threads: int, resources: Mapping[str, Any]) -> "Request":
        """Collect the resources that a Snakemake job requests from Slurm.

        Args:
            rule: name of the job's rule.
            threads: threads of the job, which become the requested CPUs.
            resources: resources of the job. The keys are the names that Snakemake's Slurm plugin expects.
        """
        names = (resources.get(key) for key in ("slurm_partition", "slurm_account", "qos"))
        partition, account, qos = (str(name) if name else None for name in names)
        numbers = (int(resources.get(key) or 0) for key in ("mem_mb", "runtime"))
        model = resources.get("gpu_model")
        return cls(rule, partition, account, qos, int(resources.get("gpu") or 0), model, threads, *numbers)


@dataclass(frozen=True)
class RetryPolicy:
    """How a request grows when a failed job is submitted again; see `time_and_memory.scaled_request`."""

    retries: int
    max_minutes: int
    max_mem_mb: int

    def minutes(self, first: int) -> int:
        """Return the minutes that a job requests at its last attempt, if it requests `first` minutes at its first."""
        return max(first, scaled_request(first, self.retries + 1, self.max_minutes))

    def mem_mb(self, first: int) -> int:
        """Return the memory (MB) that a job requests at its last attempt, if it requests `first` MB at its first."""
        return max(first, scaled_request(first, self.retries + 1, self.max_mem_mb))


def refuse_unfit_requests(
    requests: Collection[Request], folders: Iterable[Path], policy: RetryPolicy, shared_disk: bool = False
) -> None:
    """Refuse a run with requests that Slurm cannot meet. Without Slurm, do nothing.

    Args:
        requests: requests of all jobs to submit.
        folders: folders that every node must see.
        policy: how requests grow with retries.
        shared_disk: whether other nodes see this host's disks by other means than NFS. This host cannot detect that.

    Raises:
        UserError: a request cannot be met, or another host cannot see a folder. The message lists each problem once,
            with the setting to change.
    """
    if not requests:
        return
    partitions, nodes = slurm_records("partition"), slurm_records("node")
    problems = [*unmet_requests(requests, partitions, nodes, policy), *refused_accounts(requests)] if partitions else []
    if hosts := other_hosts(requests, partitions, nodes):
        problems += hidden_folders(folders, min(hosts), shared_disk)
    if problems:
        head = "Slurm cannot run these jobs. Change these settings (docs/slurm.md says where to set compute.*):"
        raise UserError("\n  ".join([head, *problems]))


def other_hosts(
    requests: Iterable[Request], partitions: Sequence[SlurmRecord], nodes: Sequence[SlurmRecord]
) -> set[str]:
    """Names of the hosts, other than this host, on which the requested jobs may run."""
    requested = {name for request in requests for name in _partitions(request, partitions)}
    candidates = [node for node in nodes if requested & set(node.get("Partitions", "").split(","))]
    return {node["NodeHostName"] for node in candidates} - {socket.gethostname().split(".")[0]}


def _partitions(request: Request, partitions: Iterable[SlurmRecord]) -> list[str]:
    """The partitions that a request names, or the default partition. Slurm may run the job in any of them."""
    if request.partition:
        return request.partition.split(",")
    return [partition["PartitionName"] for partition in partitions if partition.get("Default") == "YES"]


def slurm_records(kind: str) -> list[SlurmRecord]:
    """The partitions or nodes that Slurm shows to this user; empty without Slurm.

    Args:
        kind: partition or node.

    Raises:
        UserError: Slurm does not answer within a minute.
    """
    try:
        done = subprocess.run([*SHOW, kind], capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return []
    except subprocess.TimeoutExpired:
        raise UserError("scontrol does not answer within a minute. Start again when Slurm answers.") from None
    return parse_records(done.stdout) if done.returncode == 0 else []


def parse_records(output: str) -> list[SlurmRecord]:
    """Parse the output of `scontrol --oneliner show`, which has one partition or node per line."""
    lines = (dict(re.findall(r"(\S+?)=(\S*)", line)) for line in output.splitlines())
    return [line for line in lines if {"PartitionName", "NodeName"} & set(line)]


def unmet_requests(
    requests: Iterable[Request], partitions: Sequence[SlurmRecord], nodes: Sequence[SlurmRecord], policy: RetryPolicy
) -> list[str]:
    """Describe why requests cannot be met, each problem once.

    Args:
        requests: requests of the jobs.
        partitions: partitions from `parse_records`.
        nodes: nodes from `parse_records`. If Slurm hides the nodes, the list is empty, and nodes are not checked.
        policy: how requests grow with retries.
    """
    by_name = {partition["PartitionName"]: partition for partition in partitions}
    problems: dict[tuple[str, str], str] = {}  # (partition, kind) -> message about the largest request
    for request in sorted(requests, key=lambda request: (-request.minutes, -request.mem_mb, request.rule)):
        named = _partitions(request, partitions)
        per_partition = [dict(_problems(request, name, by_name, nodes, policy)) for name in named]
        if all(per_partition):  # a single partition without a problem is enough
            for name, by_kind in zip(named, per_partition, strict=False):
                problems = {(name, kind): problem for kind, problem in by_kind.items()} | problems
    return list(problems.values())


def _problems(
    request: Request,
    name: str,
    partitions: Mapping[str, SlurmRecord],
    nodes: Sequence[SlurmRecord],
    policy: RetryPolicy,
) -> Iterator[tuple[str, str]]:
    """Yield (kind, message) of each problem that a request has in one partition.

    Args:
        request: the request.
        name: name of the partition.
        partitions: name -> partition.
        nodes: all nodes.
        policy: how requests grow with retries.
    """
    if name not in partitions:
        yield (
            "name",
            f"partition '{name}' is not known to Slurm. Known: {', '.join(partitions)}. Set slurm_partition in "
            f"slurm/config.yaml, or for one run: {FOR_ONE_RUN}",
        )
        return
    partition = partitions[name]
    limit, last = _minutes(partition.get("MaxTime", "")), policy.minutes(request.minutes)
    if limit is not None and last > limit:
        retried = f", and up to {last} at a retry" if last > request.minutes else ""
        yield (
            "time",
            f"partition '{name}' allows {limit} minutes per job, but rule '{request.rule}' requests "
            f"{request.minutes}{retried}. Set compute.max_runtime to {limit}, or use another partition.",
        )
    allowed, denied = (partition.get(key, "").split(",") for key in ("AllowAccounts", "DenyAccounts"))
    if request.account and (request.account in denied or not {"", "ALL", request.account} & set(allowed)):
        hint = f" It allows: {', '.join(allowed)}." if not {"", "ALL"} & set(allowed) else ""
        yield (
            "account",
            f"partition '{name}' does not allow account '{request.account}'.{hint} Set slurm_account in "
            f"slurm/config.yaml, or for one run: {FOR_ONE_RUN}",
        )
    partition_nodes = [node for node in nodes if name in node.get("Partitions", "").split(",")]
    if problem := _no_node(request, name, partition_nodes, policy):
        yield "node", problem


def _no_node(request: Request, name: str, nodes: Sequence[SlurmRecord], policy: RetryPolicy) -> str | None:
    """The first reason why no node of a partition can run the job; None if a node can, or if `nodes` is empty."""
    if not nodes:
        return None
    wanted = f"{request.gpu_model or ''} GPU".strip()
    with_gpu = [node for node in nodes if _has_gpus(node, request)]
    if not with_gpu:
        kinds = sorted({kind or "GPUs without a kind" for node in nodes for kind, _ in _gpus(node)})
        other = "If an available kind is enough, set compute.gpu_model to that kind, or to null for any kind."
        return (
            f"no node of partition '{name}' has {request.gpus} {wanted}, which rule '{request.rule}' requests. "
            f"Available: {', '.join(kinds) or 'no GPU'}. Use another partition.{f' {other}' if kinds else ''}"
        )
    with_cpus = [node for node in with_gpu if int(node.get("CPUTot", request.cpus)) >= request.cpus]
    if not with_cpus:
        most = max(int(node["CPUTot"]) for node in with_gpu)
        return (
            f"no node of partition '{name}' has {request.cpus} CPUs, which rule '{request.rule}' requests. Set "
            f"compute.threads to {most} or fewer."
        )
    last, most = policy.mem_mb(request.mem_mb), max(int(node.get("RealMemory", sys.maxsize)) for node in with_cpus)
    if last > most:
        retried = f", and up to {last} at a retry" if last > request.mem_mb else ""
        return (
            f"no node of partition '{name}' has more than {most} MB of memory, but rule '{request.rule}' requests "
            f"{request.mem_mb}{retried}. Set compute.max_mem_mb to {most}, or use another partition."
        )
    return None


def _gpus(node: SlurmRecord) -> list[tuple[str, int]]:
    """Kind and number of a node's GPUs. The kind is empty if Slurm's configuration names none."""
    return [(kind, int(count)) for kind, count in re.findall(r"(?:^|,)gpu:(?:([^:,(]+):)?(\d+)", node.get("Gres", ""))]


def _has_gpus(node: SlurmRecord, request: Request) -> bool:
    """Whether a node has as many GPUs of the requested kind as the request needs."""
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
    """Slurm's error messages about accounts or QoS that the requests may not use."""
    problems = []
    for partition, account, qos in sorted({(each.partition, each.account, each.qos) for each in requests}, key=str):
        names = {"partition": partition, "account": account, "qos": qos}
        options = [f"--{key}={value}" for key, value in names.items() if value]
        command = ["sbatch", "--test-only", "--time=1", *options, "--wrap=true"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode and re.search(r"account|qos", done.stderr, re.IGNORECASE):
            message = done.stderr.strip().splitlines()[-1]
            wait = "If other jobs have reached this limit, wait until they have ended. Otherwise: "
            problems.append(
                f"{' '.join(options) or 'no account'}: {message}. {wait if 'limit' in message else ''}Set "
                f"slurm_account (and qos) in slurm/config.yaml, or for one run: {FOR_ONE_RUN}"
            )
    return problems
