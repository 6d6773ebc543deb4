"""Folders that the other nodes of a cluster do not see, known from this host's mounts and NFS exports."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

SYSTEM = Path("/")
MOUNTS = "proc/self/mounts"  # none on a system without it, and then nothing is said
EXPORTS = ("etc/exports", "etc/exports.d/*.exports", "var/lib/nfs/etab")
OF_ONE_HOST = ("tmpfs", "ramfs", "overlay", "squashfs")  # file systems that no other host can see
DISKS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs")  # that other hosts see only where this one exports them
ENTRY = re.compile(r'^\s*(?:"([^"]+)"|([^\s#"]\S*))', re.MULTILINE)  # the folder that a line of exports begins with


def hidden_folders(folders: Iterable[Path], other_host: str, shared_disk: bool) -> list[str]:
    """What to say of the folders that jobs on other hosts would look for in vain.

    Args:
        folders: what every node must see; they need not be there yet.
        other_host: one on which jobs may run.
        shared_disk: whether disks are shared in a way that cannot be seen here.
    """
    mounts = "".join(_texts(MOUNTS))
    exports = [entry for pattern in EXPORTS for text in _texts(pattern) for entry in exported(text)]
    problems = []
    for folder in folders:
        place, kind = mount_of(folder, mounts)
        told = (
            f"{folder} is on a file system of this host ({kind}), and jobs run on others, such as {other_host}. Move "
            "it to one that all nodes see under the same path"
        )
        if kind in OF_ONE_HOST:
            problems.append(f"{told}.")
        elif kind in DISKS and not shared_disk and not _is_exported(folder, place, exports):
            problems.append(f"{told}; if they see this one, other than by NFS, set compute.shared_disk to true.")
    return problems


def mount_of(folder: Path, mounts: str) -> tuple[Path, str | None]:
    """Where the file system of a folder is mounted, and its type.

    Args:
        folder: need not be there yet.
        mounts: text of /proc/self/mounts.
    """
    kinds = {}
    for line in mounts.splitlines():
        _, place, kind, *_ = line.split(" ")
        kinds[_unescaped(place)] = kind
    places = _upwards(folder)
    return next(((place, kinds[place]) for place in places if place in kinds), (places[-1], None))


def exported(table: str) -> list[Path]:
    """Folders of a table of NFS exports, such as /etc/exports."""
    return [_unescaped(quoted or bare) for quoted, bare in ENTRY.findall(table)]


def _is_exported(folder: Path, place: Path, exports: Iterable[Path]) -> bool:
    """Whether the folder or one above it is, on the file system that is mounted at `place`."""
    return any(export in _upwards(folder) and place in (export, *export.parents) for export in exports)


def _upwards(folder: Path) -> tuple[Path, ...]:
    folder = Path(os.path.realpath(folder))
    return folder, *folder.parents


def _unescaped(path: str) -> Path:
    return Path(path.replace("\\040", " "))


def _texts(pattern: str) -> list[str]:
    """Of the files that can be read."""
    return [
        path.read_text(encoding="utf-8", errors="surrogateescape")
        for path in SYSTEM.glob(pattern)
        if os.access(path, os.R_OK)
    ]
