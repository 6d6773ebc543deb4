"""Folders that other nodes do not see, from mounts and exports as Linux writes them."""

from pathlib import Path

import pytest

from clinical_dpo.cluster import shared_folders
from clinical_dpo.cluster.shared_folders import exported, hidden_folders, mount_of

MOUNTS = """\
/dev/vda / ext4 rw,relatime 0 0
tmpfs /tmp tmpfs rw 0 0
server:/home /home nfs4 rw 0 0
beegfs /data/big\\040disk beegfs rw 0 0
/dev/vdb /export xfs rw,noquota 0 0
/dev/vdc /export/scratch xfs rw,noquota 0 0
"""
EXPORTS = """\
# nodes see these
/export 10.0.0.0/24(rw,sync,no_subtree_check) backup(ro)
"/srv/two words"\t*(rw) # the study
 /opt/with\\040blank *(ro)
"""


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A function that lays a host's files, found below a folder instead of the root."""
    monkeypatch.setattr(shared_folders, "SYSTEM", tmp_path)

    def lay(**texts):
        for name, text in {"proc/self/mounts": MOUNTS, **texts}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return lay


def hidden(folder, shared_disk=False):
    return hidden_folders([Path(folder)], "node1", shared_disk)


def test_the_file_system_of_a_folder_is_that_of_the_innermost_mount():
    folders = ("/srv/study", "/tmp/study", "/home/a/study", "/data/big disk/study", "/export/scratch/a", "/")
    kinds = [mount_of(Path(folder), MOUNTS)[1] for folder in folders]
    assert kinds == ["ext4", "tmpfs", "nfs4", "beegfs", "xfs", "ext4"]
    assert mount_of(Path("/data/big disk/study"), MOUNTS)[0] == Path("/data/big disk")
    assert mount_of(Path("/srv"), "")[1] is None


def test_folders_of_a_table_of_exports():
    assert exported(EXPORTS) == [Path("/export"), Path("/srv/two words"), Path("/opt/with blank")]
    assert exported("") == exported("# /export *(rw)\n") == []


def test_what_all_nodes_see_is_not_spoken_of(host):
    host(**{"etc/exports": EXPORTS})
    seen = ("/home/a/study", "/data/big disk/study", "/export/study", "/srv/two words/study")
    assert [hidden(folder) for folder in seen] == [[]] * len(seen)


@pytest.mark.parametrize("table", ["etc/exports", "etc/exports.d/study.exports", "var/lib/nfs/etab"])
def test_exports_are_read_wherever_they_stand(host, table):
    host()
    (told,) = hidden("/export/study")
    assert all(word in told for word in ("/export/study", "(xfs)", "such as node1", "compute.shared_disk to true"))
    host(**{table: "/export\t10.0.0.0/24(rw,sync)\n"})
    assert hidden("/export/study") == []


def test_a_disk_is_not_exported_with_the_one_it_is_mounted_on(host):
    host(**{"etc/exports": EXPORTS})
    (told,) = hidden("/export/scratch/study")
    assert "(xfs)" in told


def test_memory_is_never_shared_and_a_disk_may_be_said_to_be(host):
    host()
    assert hidden("/srv/study", shared_disk=True) == []
    (told,) = hidden("/tmp/study", shared_disk=True)
    assert "(tmpfs)" in told and "shared_disk" not in told


def test_nothing_is_said_on_a_system_that_does_not_tell_its_mounts(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_folders, "SYSTEM", tmp_path)
    assert hidden("/srv/study") == []
