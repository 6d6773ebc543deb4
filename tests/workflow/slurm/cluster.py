"""A Slurm cluster of one node on this machine, with a GPU that exists only in its configuration.

Controller, node daemon and munge use one folder and their own ports (SLURM_CONF points there), so that a Slurm that is
already installed here is neither read nor changed. All of them run as root.
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.debian import PATH

PACKAGES = ("slurm-wlm", "slurm-wlm-basic-plugins", "munge")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
LONGEST = 1800  # seconds until a wait has failed; a run of a minute takes ten where other tests use all cores
# MinJobAge: a test reads jobs that ended, on a slow machine after the default of five minutes.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=2
MinJobAge=3600
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=20
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/finished.txt
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=1000000 Gres=gpu:a100:1 State=UNKNOWN
PartitionName=gpu Nodes={host} Default=YES MaxTime=INFINITE PriorityTier=1 State=UP
PartitionName=urgent Nodes={host} MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF State=UP
PartitionName=brief Nodes={host} MaxTime=20 PriorityTier=1 State=UP
PartitionName=private Nodes={host} MaxTime=INFINITE AllowAccounts=study PriorityTier=1 State=UP
"""
# A job's step starts without the job's SLURM_ variables, so this sets the cluster's configuration. The step's command,
# which begins with the first word that is not an option, runs in a network namespace without a network.
SRUN = """\
#!/bin/sh
options=
while [ "${{1#-}}" != "$1" ]; do options="$options $1"; shift; done
SLURM_CONF={folder}/slurm.conf exec {srun} $options {isolated} "$@"
"""
ISOLATED = ("unshare", "--net")


def can_isolate() -> bool:
    """Whether a process may run in its own network namespace here; containers often forbid it."""
    return subprocess.run([*ISOLATED, "true"], capture_output=True).returncode == 0


def wait_for(condition: Callable[[], object], description: str) -> None:
    """Return as soon as `condition()` is true; raise AssertionError after LONGEST seconds."""
    end = time.monotonic() + LONGEST
    while not condition():
        assert time.monotonic() < end, f"not true after {LONGEST} s: {description}"
        time.sleep(0.2)


@dataclass(frozen=True)
class Cluster:
    """The cluster on its only node."""

    folder: Path
    host: str

    @classmethod
    def start(cls, folder: Path) -> "Cluster":
        """Configure and start all daemons; return when the node takes jobs.

        Args:
            folder: an empty folder with a short path, since the path of munge's socket is limited.
        """
        cluster = cls(folder, socket.gethostname().split(".")[0])
        ports = dict(zip(("controller_port", "node_port"), _free_ports(2), strict=True))
        configuration = CONFIGURATION.format(folder=folder, host=cluster.host, **ports)
        (folder / "slurm.conf").write_text(configuration)
        (folder / "gres.conf").write_text(f"NodeName={cluster.host} Name=gpu Type=a100 File=/dev/null\n")
        (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nConstrainCores=no\nConstrainRAMSpace=no\n")
        wrapper = folder / "bin/srun"
        wrapper.parent.mkdir()
        isolated = " ".join(ISOLATED) if can_isolate() else ""
        wrapper.write_text(SRUN.format(folder=folder, srun=shutil.which("srun", path=PATH), isolated=isolated))
        wrapper.chmod(0o755)
        (folder / "munge.key").write_bytes(secrets.token_bytes(128))
        (folder / "munge.key").chmod(0o600)
        for name in ("state", "spool"):
            (folder / name).mkdir()
        files = {name: f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")}
        try:
            cluster.run("munged", "--force", f"--socket={folder}/munge.socket", *files.values())
            cluster.start_controller()
            cluster.start_node()
        except BaseException:
            cluster.stop()
            raise
        return cluster

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment of a process that uses this cluster."""
        path = f"{self.folder}/bin{os.pathsep}{PATH}"
        return os.environ | {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def run(self, *command: str) -> str:
        """Run a command, assert that it succeeds, and return its output."""
        done = subprocess.run(
            command, capture_output=True, text=True, env=self.environment, timeout=60, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def start_controller(self) -> None:
        """Start slurmctld."""
        self.run("slurmctld")
        wait_for(self.answers, "slurmctld answers")

    def start_node(self) -> None:
        """Start slurmd and wait until the node takes jobs."""
        self.run("slurmd")
        wait_for(lambda: self.node_state() in ("idle", "mixed", "allocated"), "the node is up")

    def answers(self) -> bool:
        """Whether the controller answers."""
        return subprocess.run(["scontrol", "show", "job"], capture_output=True, env=self.environment).returncode == 0

    def node_state(self) -> str:
        """State of the node by sinfo, without the mark of a node that does not respond."""
        return self.run("sinfo", "--noheader", "--format=%T").split("\n")[0].rstrip("*")

    def jobs(self, *states: str) -> list[dict[str, str]]:
        """Jobs that the controller remembers, oldest first, with scontrol's fields; all jobs, or those in `states`."""
        lines = self.run("scontrol", "show", "job", "--details", "--oneliner").splitlines()
        jobs = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines if line.startswith("JobId=")]
        return [job for job in jobs if not states or job["JobState"] in states]

    def kill(self, daemon: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to `slurmctld` or `slurmd` and wait for its end."""
        path = self.folder / f"{daemon}.pid"
        pid = int(path.read_text())
        os.kill(pid, number)
        wait_for(lambda: not _alive(pid), f"{daemon} ends")
        path.unlink(missing_ok=True)

    def cancel_all(self) -> None:
        """Cancel every job and wait until none runs."""
        self.run("scancel", "--user=root")
        wait_for(lambda: not self.jobs("PENDING", "RUNNING", "COMPLETING"), "all jobs end")

    def stop(self) -> None:
        """Cancel all jobs and end all daemons."""
        if self.answers():
            self.cancel_all()
        for daemon in ("slurmd", "slurmctld", "munge"):
            if (self.folder / f"{daemon}.pid").exists():
                self.kill(daemon, signal.SIGTERM)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports
