import io
import tarfile
from pathlib import Path

import pytest

from colorize_cli.errors import UsageError
from training.data.shards import half_of, iter_photos, set_of


def write_shard(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def write_tree(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_members_of_a_shard_come_in_the_order_they_lie_in(tmp_path: Path) -> None:
    members = {"zoo/2.webp": b"two", "art/1.JPG": b"one", "zoo/deep/3.png": b"three"}
    shard = write_shard(tmp_path / "photos-000.tar", members)
    assert list(iter_photos([shard])) == list(members.items())


def test_other_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    members = {"a/1.webp": b"1", "a/1.json": b"{}", "a/._1.webp": b"mac", "__x/README": b""}
    shard = write_shard(tmp_path / "s.tar", members)
    folder = write_tree(tmp_path / "f", {"a/1.jpg": b"1", ".cache/2.jpg": b"2", "a/notes": b""})
    assert [name for name, _ in iter_photos([shard, folder])] == ["a/1.webp", "a/1.jpg"]


def test_a_folder_is_walked_in_sorted_order_with_its_shards(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "photos", {"b/2.png": b"2", "b/1.png": b"1", "top.jpg": b"t"})
    write_shard(folder / "c.tar", {"c/9.webp": b"9"})
    names = [name for name, _ in iter_photos([folder])]
    assert names == ["b/1.png", "b/2.png", "c/9.webp", "photos/top.jpg"]


def test_a_photo_without_a_folder_takes_the_name_of_what_holds_it(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "faces.tar", {"1.webp": b"1", "./2.webp": b"2"})
    single = write_tree(tmp_path / "box", {"3.bmp": b"3"}) / "3.bmp"
    names = [name for name, _ in iter_photos([shard, single])]
    assert names == ["faces/1.webp", "faces/2.webp", "box/3.bmp"]
    assert [set_of(name) for name in names] == ["faces", "faces", "box"]


def test_paths_with_spaces_brackets_and_non_ascii_names(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "köln [1]", {"sét x/ü [a].jpg": b"1"})
    assert list(iter_photos([folder])) == [("sét x/ü [a].jpg", b"1")]


def test_a_missing_path_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere does not exist"):
        iter_photos([tmp_path, tmp_path / "nowhere"])


def test_no_photos_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No photographs"):
        list(iter_photos([write_tree(tmp_path / "f", {"a.txt": b""})]))


@pytest.mark.parametrize("keep", [700, 1024, 1100, 1536])
def test_a_shard_that_was_cut_off_is_refused(tmp_path: Path, keep: int) -> None:
    # One member takes 512 bytes of header and 512 of content: in the second member's content,
    # just before its header, inside its header, just after it.
    members = {"a/1.webp": b"x" * 512, "a/2.webp": b"y" * 512}
    whole = write_shard(tmp_path / "whole.tar", members).read_bytes()
    short = tmp_path / "short.tar"
    short.write_bytes(whole[:keep])
    with pytest.raises(UsageError, match=r"short\.tar"):
        list(iter_photos([short]))


def test_a_file_that_is_no_tar_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fake.tar"
    path.write_bytes(b"not a tar file" * 100)
    with pytest.raises(UsageError, match=r"fake\.tar is no uncompressed tar"):
        list(iter_photos([path]))


def test_the_halves_are_fixed_and_of_equal_size() -> None:
    # SHA-256 of nothing begins with e3, of "abc" with ba, of "1" with 6b.
    assert [half_of(data) for data in (b"", b"abc", b"1")] == ["report", "report", "tune"]
    halves = [half_of(str(number).encode()) for number in range(2000)]
    assert 900 < halves.count("tune") < 1100
