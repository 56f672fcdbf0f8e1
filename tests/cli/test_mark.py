"""The files of a run say what made them, unless it is told to leave that out."""

from pathlib import Path

import numpy as np
import pytest
from made.pictures import encode, grey, opened
from made.xmp_values import properties

from colorize_cli.cli.app import main
from colorize_cli.model.bundle import load_bundle
from colorize_cli.photos.mark import OWN


def test_a_run_without_marks_into_a_folder_with_them_is_told(
    tiny_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--out", "out", "--model", str(tiny_bundle), "--steps", "1"]
    for name, more, said in (
        ("a", [], ""),
        ("b", ["--no-mark"], "this run into out leaves out what made its files, the last one not"),
        ("c", ["--no-mark"], ""),
        ("d", [], "the last run into out leaves out what made its files, this one not"),
    ):
        Path(f"{name}.png").write_bytes(encode(np.roll(grey(), len(name), axis=1), "PNG"))
        assert main([f"{name}.png", *words, *more]) == 0
        err = " ".join(capfd.readouterr().err.split())
        assert said in err
        assert ("leaves out" in err) == bool(said)


def test_files_are_marked_and_reproducible_and_the_pixels_are_those_without_a_mark(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.png").write_bytes(encode(grey(), "PNG"))
    words = ["a.png", "--samples", "2", "--seed", "5", "--model", str(tiny_bundle)]
    for out, more in (("marked", []), ("again", []), ("bare", ["--no-mark"])):
        assert main([*words, "--out", out, *more]) == 0
    for k in ("1", "2"):
        data = Path("marked", f"a.{k}.png").read_bytes()
        assert Path("again", f"a.{k}.png").read_bytes() == data
        image, bare = opened(data), opened(Path("bare", f"a.{k}.png").read_bytes())
        found = properties(image.info["XML:com.adobe.xmp"].encode())
        assert found[f"{{{OWN}}}Bundle"] == load_bundle(str(tiny_bundle)).digest
        assert (found[f"{{{OWN}}}Seed"], found[f"{{{OWN}}}Sample"]) == ("5", k)
        assert "XML:com.adobe.xmp" not in bare.info
        np.testing.assert_array_equal(np.asarray(image), np.asarray(bare))
