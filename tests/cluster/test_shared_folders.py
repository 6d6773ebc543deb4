"""Folders that other nodes cannot see are detected from mounts and exports in the formats of Linux."""

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
    """A function that writes the files of a host below a folder that replaces the root."""
    monkeypatch.setattr(shared_folders, "ROOT_FOLDER", tmp_path)

    def write_files(**texts):
        for name, text in {"proc/self/mounts": MOUNTS, **texts}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write_files


def hidden(folder, shared_disk=False):
    return hidden_folders([Path(folder)], "node1", shared_disk)


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        *(("/srv/study", "ext4"), ("/tmp/study", "tmpfs"), ("/home/a/study", "nfs4")),
        *(("/data/big disk/study", "beegfs"), ("/export/scratch/a", "xfs"), ("/", "ext4")),
    ],
)
def test_the_file_system_of_a_folder_is_that_of_the_innermost_mount(folder, kind):
    assert mount_of(Path(folder), MOUNTS)[1] == kind


def test_a_mount_point_may_contain_a_blank_and_may_be_unknown():
    assert mount_of(Path("/data/big disk/study"), MOUNTS)[0] == Path("/data/big disk")
    assert mount_of(Path("/srv"), "")[1] is None


def test_the_folders_of_a_table_of_exports_are_parsed():
    assert exported(EXPORTS) == [Path("/export"), Path("/srv/two words"), Path("/opt/with blank")]
    assert exported("") == exported("# /export *(rw)\n") == []


def test_a_folder_that_all_nodes_see_is_accepted(host):
    host(**{"etc/exports": EXPORTS})
    shared = ("/home/a/study", "/data/big disk/study", "/export/study", "/srv/two words/study")
    assert [hidden(folder) for folder in shared] == [[]] * len(shared)


@pytest.mark.parametrize("table", ["etc/exports", "etc/exports.d/study.exports", "var/lib/nfs/etab"])
def test_exports_are_read_from_every_table(host, table):
    host(**{table: "/export\t10.0.0.0/24(rw,sync)\n"})
    assert hidden("/export/study") == []


def test_a_disk_without_an_export_is_refused_with_the_mend(host):
    host()
    (problem,) = hidden("/export/study")
    parts = ("/export/study", "(xfs)", "such as node1", "set compute.shared_disk to true")
    assert [part for part in parts if part not in problem] == []


def test_an_export_does_not_include_a_disk_that_is_mounted_below_it(host):
    host(**{"etc/exports": EXPORTS})
    (problem,) = hidden("/export/scratch/study")
    assert "(xfs)" in problem


def test_the_setting_shared_disk_accepts_a_disk(host):
    host()
    assert hidden("/srv/study", shared_disk=True) == []


def test_the_setting_shared_disk_does_not_accept_memory(host):
    host()
    (problem,) = hidden("/tmp/study", shared_disk=True)
    assert "(tmpfs)" in problem and "shared_disk" not in problem


def test_every_folder_is_accepted_on_a_system_without_a_list_of_mounts(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_folders, "ROOT_FOLDER", tmp_path)
    assert hidden("/srv/study") == []
