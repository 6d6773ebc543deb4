"""Detect folders that other nodes of a cluster cannot see.

The mounts and the NFS exports of this host show which folders these are.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

ROOT_FOLDER = Path("/")
MOUNTS = "proc/self/mounts"  # if this file does not exist, no folder counts as hidden
EXPORTS = ("etc/exports", "etc/exports.d/*.exports", "var/lib/nfs/etab")
HOST_ONLY = ("tmpfs", "ramfs", "overlay", "squashfs")  # file systems that no other host can see
DISKS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs")  # file systems that other hosts see only if they are exported
ENTRY = re.compile(r'^\s*(?:"([^"]+)"|([^\s#"]\S*))', re.MULTILINE)  # the folder at the start of a line of exports


def hidden_folders(folders: Iterable[Path], other_host: str, shared_disk: bool) -> list[str]:
    """A message for each folder that jobs on other hosts cannot see.

    Args:
        folders: folders that every node must see; they need not exist yet.
        other_host: name of another host on which jobs may run.
        shared_disk: whether other hosts see this host's disks without NFS. The user sets this (`compute.shared_disk`),
            because this host cannot detect it.
    """
    mounts = "".join(_texts(MOUNTS))
    exports = [entry for pattern in EXPORTS for text in _texts(pattern) for entry in exported(text)]
    problems = []
    for folder in folders:
        mount_point, kind = mount_of(folder, mounts)
        problem = (
            f"{folder} is on a file system of this host ({kind}), but jobs run on other hosts, such as {other_host}. "
            "Move the folder to a file system that all nodes see under the same path."
        )
        if kind in HOST_ONLY:
            problems.append(problem)
        elif kind in DISKS and not shared_disk and not _is_exported(folder, mount_point, exports):
            problems.append(
                f"{problem} If other hosts reach this disk by other means than NFS, set compute.shared_disk to true."
            )
    return problems


def mount_of(folder: Path, mounts: str) -> tuple[Path, str | None]:
    """The mount point and the type of a folder's file system. The type is None if it is unknown.

    Args:
        folder: the folder; it need not exist yet.
        mounts: text of /proc/self/mounts.
    """
    kinds = {}
    for line in mounts.splitlines():
        _, mount_point, kind, *_ = line.split(" ")
        kinds[_unescaped(mount_point)] = kind
    ancestors = _ancestors(folder)
    return next(((path, kinds[path]) for path in ancestors if path in kinds), (ancestors[-1], None))


def exported(table: str) -> list[Path]:
    """The folders in a table of NFS exports, such as /etc/exports."""
    return [_unescaped(quoted or bare) for quoted, bare in ENTRY.findall(table)]


def _is_exported(folder: Path, mount_point: Path, exports: Iterable[Path]) -> bool:
    """Whether an exported folder contains `folder` and is on the same file system (mounted at `mount_point`)."""
    return any(export in _ancestors(folder) and mount_point in (export, *export.parents) for export in exports)


def _ancestors(folder: Path) -> tuple[Path, ...]:
    """The folder's path without symbolic links, then the paths of all folders above it, the nearest first."""
    folder = Path(os.path.realpath(folder))
    return folder, *folder.parents


def _unescaped(path: str) -> Path:
    """Decode a path: the kernel and exportfs write a blank as \\040."""
    return Path(path.replace("\\040", " "))


def _texts(pattern: str) -> list[str]:
    """The texts of all readable files that match a pattern below ROOT_FOLDER."""
    return [
        path.read_text(encoding="utf-8", errors="surrogateescape")
        for path in ROOT_FOLDER.glob(pattern)
        if os.access(path, os.R_OK)
    ]
