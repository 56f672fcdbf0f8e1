from pathlib import Path

import pytest

from colorize_cli.system import file_systems
from colorize_cli.system.file_systems import is_network_share

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:40 / /mnt/nas rw - nfs4 server:/export rw
41 40 8:2 / /mnt/nas/local rw master:1 - xfs /dev/sdb1 rw
42 22 0:42 / /mnt/my\\040share rw - cifs //server/share rw
43 22 0:43 / /home/me/cloud rw - fuse.sshfs host: rw
44 22 8:3 / /mnt/over rw - nfs server:/old rw
45 44 8:3 / /mnt/over rw - btrfs /dev/sdc1 rw
broken
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="mounts are told by Linux")
@pytest.mark.parametrize(
    ("folder", "is_share"),
    [
        ("/home/me/colored", False),
        ("/mnt/nas", True),
        ("/mnt/nas/a/b", True),
        ("/mnt/nasty", False),
        ("/mnt/nas/local/a", False),
        ("/mnt/my share/colored", True),
        ("/home/me/cloud/x", True),
        ("/mnt/over/x", False),
    ],
)
def test_shares_are_known_by_the_innermost_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, is_share: bool
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    monkeypatch.setattr(file_systems, "_MOUNTS", mounts)
    assert is_network_share(Path(folder)) == is_share


def test_without_a_list_of_mounts_nothing_is_a_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_systems, "_MOUNTS", tmp_path / "nowhere")
    assert not is_network_share(tmp_path)
