"""What people type without looking: files, streams, lists, other spellings, one sample alone."""

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made.pictures import encode, grey, opened

from colorize_cli.cli.app import main
from colorize_cli.imaging.lab import lab_from_rgb, lightness
from colorize_cli.photos.read import read_photo

Run = Callable[..., tuple[int, bytes, str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a.png").write_bytes(encode(grey(), "PNG"))
    Path("scans").mkdir()
    for k, name in enumerate(("1.jpg", "2.png", "[x] é ?.jpg")):
        kind = "PNG" if name.endswith("png") else "JPEG"
        Path("scans", name).write_bytes(encode(np.roll(grey(), k + 1, axis=1), kind))
    return tmp_path


@pytest.fixture
def colorize(tiny_bundle: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run the command line here; return its exit code, standard output and standard error."""

    def run(*words: str) -> tuple[int, bytes, str]:
        code = main([*words, "--model", str(tiny_bundle), "--device", "cpu", "--steps", "2"])
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return run


class Stdin:
    """Standard input that holds bytes, or is a terminal."""

    def __init__(self, data: bytes = b"", *, is_terminal: bool = False) -> None:
        self.buffer = io.BytesIO(data)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def feed(monkeypatch: pytest.MonkeyPatch, data: bytes = b"", *, is_terminal: bool = False) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(data, is_terminal=is_terminal))


def files_of(folder: str) -> dict[str, bytes]:
    """The colourings in an output folder."""
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in found
        if not path.name.startswith(".colorize")
    }


def here() -> set[str]:
    return {path.as_posix() for path in Path().rglob("*") if path.is_file()}


# A file.


def test_a_file_for_out_is_that_file_and_nothing_else_is_there(colorize: Run) -> None:
    before = here()
    code, out, err = colorize("a.png", "--out", "deep/er/b.jpg")
    assert (code, out) == (0, b"")
    assert "into deep/er/b.jpg" in err
    assert here() - before == {"deep/er/b.jpg"}
    assert opened(Path("deep/er/b.jpg").read_bytes()).format == "JPEG"
    colorize("a.png", "--out", "folder", "--format", "jpg")
    assert Path("folder/a.jpg").read_bytes() == Path("deep/er/b.jpg").read_bytes()


def test_a_file_that_is_there_stays_unless_it_is_to_be_overwritten(colorize: Run) -> None:
    Path("b.png").write_bytes(b"mine")
    code, _, err = colorize("a.png", "--out", "b.png")
    assert code == 1
    assert "b.png is there already: name another --out, or --overwrite to replace it" in err
    assert Path("b.png").read_bytes() == b"mine"
    assert colorize("a.png", "--out", "b.png", "--overwrite")[0] == 0
    assert opened(Path("b.png").read_bytes()).mode == "RGB"


def test_a_file_that_comes_meanwhile_stays(colorize: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from colorize_cli.batch.asked import single_file

    write = single_file.SingleFile._write

    def late(self: single_file.SingleFile, path: Path, data: bytes, source: Path) -> None:
        path.write_bytes(b"mine")
        write(self, path, data, source)

    monkeypatch.setattr(single_file.SingleFile, "_write", late)
    code, _, err = colorize("a.png", "--out", "b.png")
    assert code == 1
    assert "b.png is there already" in err
    assert Path("b.png").read_bytes() == b"mine"
    assert here() & {"b.png"} == {"b.png"}
    assert not list(Path().glob(".*.part"))


@pytest.mark.parametrize("link", ["itself", "hard", "symbolic"])
def test_the_photograph_itself_is_never_written_to(colorize: Run, link: str) -> None:
    before = Path("a.png").read_bytes()
    name = "a.png" if link == "itself" else "b.png"
    if link == "hard":
        Path(name).hardlink_to("a.png")
    elif link == "symbolic":
        Path(name).symlink_to("a.png")
    code, _, err = colorize("a.png", "--out", name, "--overwrite")
    assert code == 2
    assert f"--out {name} is the photograph itself" in err
    assert Path("a.png").read_bytes() == before


def test_several_samples_of_one_photo_get_numbers(colorize: Run) -> None:
    before = here()
    assert colorize("a.png", "--out", "b.png", "--samples", "2")[0] == 0
    assert here() - before == {"b.1.png", "b.2.png"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a.png", "scans/1.jpg", "--out", "b.png"), "name a folder for more of them, as b, or"),
        (("scans", "--out", "b.png"), "b.png/ where it is to be called so"),
        (("a.png", "--out", "b.heic"), "ends with .png instead"),
        (("a.png", "--out", "b.pgm"), "ends with .ppm instead"),
        (("a.png", "--out", "b.png", "--format", "jpg"), "leave --format out"),
        (("a.png", "--out", "b.png", "--name", "x{ext}"), "has a name already"),
        (("a.png", "--out", "b.png", "--restore"), "--restore is of folders"),
        (("a.png", "--out", "b.png", "--quality", "80"), "no meaning for png"),
        (("nowhere.png", "--out", "b.png"), "nowhere.png: no such file"),
        (("a.png",), "name where the colourings go, with --out"),
        (("--out", "out"), "name the photographs"),
        (("a.png", "--out", "s3://bucket/x"), "is a URL: nothing is ever sent"),
        (("https://example.org/a.jpg", "--out", "out"), "it is a URL, and nothing is ever fetched"),
        (("-", "a.png", "--out", "out"), "comes alone"),
        (("-", "--out", "out"), "has no name of its own: name a file with --out, out/photo.png"),
        (("a.png", "--out", "-", "--samples", "2"), "takes one colouring: choose it with --sample"),
        (("scans", "--out", "-"), "standard output takes one photo"),
        (("a.png", "--out", "-", "--log", "-"), "name a file for --log"),
        (("a.png", "--out", "out", "--sample", "2", "--samples", "4"), "leave one of them out"),
        (("a.png", "--out", "out", "--files-from", "none.txt"), "No such file"),
        (("a.png", "--out", "out", "--saturation", "nan"), "--saturation"),
        (("a.png", "--out", "out", "--saturation", "-1"), "--saturation"),
        (("a.png", "--out", "out", "--quality", "101"), "--quality"),
        (("a.png", "--out", "out", "--quality", "80"), "no meaning for these photographs"),
        (
            ("a.png", "--out", "out", "--quality", "80", "--format", "tif"),
            "no meaning for --format",
        ),
        (("scans", "--out", "out", "--name", "x{ext}"), "one name for 3 photographs"),
        (("scans", "--out", "out", "--name", "{stem}{n}{ext}"), "there is no {n}"),
    ],
)
def test_what_cannot_be_is_said_with_what_to_do_and_writes_nothing(
    colorize: Run, words: tuple[str, ...], said: str
) -> None:
    before = here()
    code, out, err = colorize(*words)
    assert (code, out) == (2, b"")
    assert said in err
    assert "Traceback" not in err
    assert here() == before


def test_a_slash_or_a_folder_that_is_there_makes_a_folder(colorize: Run) -> None:
    assert colorize("a.png", "--out", "x.png/")[0] == 0
    assert Path("x.png/a.png").is_file()
    assert colorize("scans", "--out", "x.png")[0] == 0  # it is one now
    assert Path("x.png/2.png").is_file()


def test_a_dry_run_says_what_a_file_becomes_and_writes_nothing(colorize: Run) -> None:
    before = here()
    assert colorize("a.png", "--out", "b.png", "--dry-run")[:2] == (0, b"a.png\tb.png\twrite\n")
    assert here() == before


# Standard input and output.


def test_a_dash_reads_standard_input_and_writes_standard_output(
    colorize: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    colorize("a.png", "--out", "b.png")
    before = here()
    for words in (("-",), ("-", "--out", "-"), ("-", "-o", "-")):
        feed(monkeypatch, Path("a.png").read_bytes())
        code, out, err = colorize(*words)
        assert code == 0
        assert out == Path("b.png").read_bytes()
        assert "into standard output" in err
    feed(monkeypatch, Path("a.png").read_bytes())
    assert colorize("-", "--out", "c.png", "-v")[0] == 0
    assert Path("c.png").read_bytes() == Path("b.png").read_bytes()
    assert colorize("a.png", "--out", "-")[1] == Path("b.png").read_bytes()
    assert here() - before == {"c.png"}


def test_the_format_of_standard_output_is_the_photos_or_what_is_named(
    colorize: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words, format in (
        ((), "JPEG"),
        (("--format", "PNG"), "PNG"),
        (("--format", "tif"), "TIFF"),
    ):
        feed(monkeypatch, Path("scans/1.jpg").read_bytes())
        assert opened(colorize("-", *words)[1]).format == format


def test_a_log_calls_a_photo_on_standard_input_a_dash(
    colorize: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(monkeypatch, Path("a.png").read_bytes())
    colorize("-", "--log", "run.jsonl")
    line = json.loads(Path("run.jsonl").read_text())
    assert (line["input"], line["outputs"][0]["path"]) == ("-", "-")


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [(b"", 2, "standard input is empty"), (b"no photo at all", 1, "failed -: not a JPEG")],
)
def test_what_is_no_photo_on_standard_input_is_said(
    colorize: Run, monkeypatch: pytest.MonkeyPatch, data: bytes, code: int, said: str
) -> None:
    feed(monkeypatch, data)
    found, out, err = colorize("-")
    assert (found, out) == (code, b"")
    assert said in err


def test_a_terminal_neither_gives_nor_takes_a_picture(
    colorize: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(monkeypatch, is_terminal=True)
    assert "which is a terminal here: lead one into it" in colorize("-")[2]
    assert "which is a terminal here" in colorize("--files-from", "-", "--out", "out")[2]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, err = colorize("a.png", "--out", "-")
    assert (code, out) == (2, b"")
    assert "a terminal, which shows no pictures" in err


def test_a_reader_that_goes_away_ends_the_run_with_words(
    colorize: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from colorize_cli.batch.asked import single_file

    def closed(data: bytes) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(single_file, "write_stdout_bytes", closed)
    code, _, err = colorize("a.png", "--out", "-")
    assert code == 1
    assert "standard output did not take the picture: Broken pipe" in err


# Lists of photographs.


@pytest.mark.parametrize("end", ["\n", "\r\n", "\0"])
@pytest.mark.parametrize("is_stdin", [False, True])
def test_a_list_names_photographs_from_the_current_folder(
    colorize: Run, monkeypatch: pytest.MonkeyPatch, end: str, is_stdin: bool
) -> None:
    listed = os.fsencode(end.join(["scans/[x] é ?.jpg", "scans/2.png", ""]))
    Path("lists").mkdir()
    Path("lists/l.txt").write_bytes(listed)
    feed(monkeypatch, listed)
    name = "-" if is_stdin else "lists/l.txt"
    code, _, err = colorize("a.png", "--files-from", name, "--out", "out")
    assert code == 0
    assert set(files_of("out")) == {"a.png", "2.png", "[x] é ?.jpg"}, err


def test_what_a_list_names_and_is_not_there_is_said_and_stops_nothing(colorize: Run) -> None:
    Path("l.txt").write_text("scans/1.jpg\nscans/gone.jpg\nhttps://example.org/b.jpg\n")
    code, _, err = colorize("--files-from", "l.txt", "--out", "out")
    assert code == 1
    assert "failed scans/gone.jpg: no such file" in err
    assert "it is a URL" in err
    assert set(files_of("out")) == {"1.jpg"}


# Spellings.


@pytest.mark.parametrize("command", [(), ("run",), ("info",), ("status",), ("compare",)])
def test_h_is_help_everywhere(command: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "-h"]) == 0
    short = capfd.readouterr().out
    assert main([*command, "--help"]) == 0
    assert capfd.readouterr().out == short
    assert short.startswith("Usage: colorize")


def test_other_spellings_are_understood(colorize: Run) -> None:
    Path("colour.png").write_bytes(encode(np.dstack([grey(), 255 - grey(), grey()]), "PNG"))
    words = ("-o", "out", "--on-color", "skip", "--format", "jpeg", "--quiet")
    assert colorize("a.png", "colour.png", *words) == (0, b"", "")
    assert set(files_of("out")) == {"a.jpg"}
    words = ("-o", "out2", "--on-colour", "recolor", "--format", "TIF", "--verbose")
    code, _, err = colorize("a.png", "colour.png", *words)
    assert code == 0
    assert "done a.png -> out2/a.tif" in err.replace(os.sep, "/")
    assert set(files_of("out2")) == {"a.tif", "colour.tif"}


# What changes pixels.


def test_one_sample_alone_has_the_bytes_that_it_has_among_all(colorize: Run) -> None:
    colorize("scans", "--out", "all", "--samples", "3")
    code, _, err = colorize("scans", "--out", "one", "--sample", "3")
    assert code == 0
    assert "3 photos, sample 3 of each" in err
    third = {name: data for name, data in files_of("all").items() if ".3." in name}
    assert files_of("one") == third
    assert len(third) == 3
    code, _, err = colorize("scans", "--out", "one", "--sample", "3")
    assert "skipped       3" in err
    colorize("scans", "--out", "one", "--samples", "3")  # what is missing is made
    assert files_of("one") == files_of("all")
    colorize("a.png", "--out", "third.png", "--sample", "3")
    colorize("a.png", "--out", "all-a", "--samples", "3")
    assert Path("third.png").read_bytes() == Path("all-a/a.3.png").read_bytes()
    colorize("a.png", "--out", "first", "--sample", "1")
    assert set(files_of("first")) == {"a.png"}


def test_one_of_the_chosen_samples_alone_is_the_one_among_all(colorize: Run) -> None:
    colorize("a.png", "--out", "all", "--samples", "2", "--candidates", "4")
    colorize("a.png", "--out", "one", "--sample", "2", "--candidates", "4", "--log", "l.jsonl")
    assert files_of("one") == {"a.2.png": files_of("all")["a.2.png"]}
    assert len(json.loads(Path("l.jsonl").read_text())["chosen"]) == 1


def test_one_sample_leaves_a_single_colouring_its_name(colorize: Run) -> None:
    colorize("a.png", "--out", "out")
    colorize("a.png", "--out", "out", "--sample", "2")
    assert set(files_of("out")) == {"a.png", "a.2.png"}


def chroma_of(data: bytes) -> float:
    pixels = read_photo(data).pixels  # without channels where it is grey
    lab = lab_from_rgb(pixels if pixels.ndim == 3 else np.dstack([pixels] * 3))
    return float(np.hypot(lab[..., 1], lab[..., 2]).mean())


def test_saturation_scales_the_colours_and_keeps_the_lightness(colorize: Run) -> None:
    pictures = {}
    for factor in ("0", "0.5", "1"):
        colorize("a.png", "--out", f"s{factor}.png", "--saturation", factor, "--no-mark")
        pictures[factor] = Path(f"s{factor}.png").read_bytes()
    colorize("a.png", "--out", "plain.png", "--no-mark")
    assert pictures["1"] == Path("plain.png").read_bytes()
    assert chroma_of(pictures["0"]) < 0.5
    # More than a half: at 1 some of it is beyond what sRGB can show.
    half, whole = chroma_of(pictures["0.5"]), chroma_of(pictures["1"])
    assert whole / 2 - 0.5 < half < whole - 0.5
    before = lightness(grey())
    for data in pictures.values():
        assert np.abs(lightness(read_photo(data).pixels) - before).mean() < 0.5


def test_what_is_named_of_saturation_and_quality_is_made_again_and_then_kept(
    colorize: Run,
) -> None:
    colorize("scans/1.jpg", "--out", "out")
    plain = files_of("out")
    code, _, err = colorize("scans/1.jpg", "--out", "out", "--saturation", "0.5", "--quality", "40")
    assert code == 0
    assert "saturation 1, now 0.5" in err
    assert "quality 0, now 40" in err
    other = files_of("out")
    assert len(other["1.jpg"]) < len(plain["1.jpg"])
    assert "skipped       1" in colorize("scans/1.jpg", "--out", "out")[2]
    colorize("scans/1.jpg", "--out", "out", "--overwrite")  # as in the last run
    assert files_of("out") == other
    back = ("--saturation", "1", "--quality", "0")
    assert "done       1" in colorize("scans/1.jpg", "--out", "out", *back)[2]
    assert files_of("out") == plain


@pytest.mark.parametrize("format", ["jpg", "webp"])
def test_quality_is_that_of_the_file(colorize: Run, format: str) -> None:
    sizes = []
    for quality in ("20", "90", "0"):
        colorize("a.png", "-o", f"{quality}.{format}", "--quality", quality)
        sizes.append(Path(f"{quality}.{format}").stat().st_size)
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3
    colorize("a.png", "-o", f"usual.{format}")
    assert Path(f"usual.{format}").read_bytes() == Path(f"0.{format}").read_bytes()


# Names.


def test_files_are_called_by_the_template(colorize: Run) -> None:
    words = ("scans", "--out", "out", "--name", "{stem}_colour{ext}")
    assert colorize(*words)[0] == 0
    assert set(files_of("out")) == {"1_colour.jpg", "2_colour.png", "[x] é ?_colour.jpg"}
    assert "skipped       3" in colorize(*words)[2]
    colorize(*words, "--samples", "2")
    assert "1_colour.1.jpg" in files_of("out")
    assert "1_colour.2.jpg" in files_of("out")
    assert "1_colour.jpg" not in files_of("out")
    _, _, err = colorize("scans", "--out", "out", "--samples", "2")
    assert "gave other names (name {stem}_colour{ext}, now {stem}{ext})" in err
    assert {"1.1.jpg", "1_colour.1.jpg"} <= set(files_of("out"))


def test_photos_that_would_share_a_templates_name_are_told_apart(colorize: Run) -> None:
    Path("scans/1.png").write_bytes(encode(grey(), "PNG"))
    colorize("scans", "--out", "out", "--name", "c-{stem}{ext}", "--format", "png")
    assert {"c-1.jpg.png", "c-1.png.png", "c-2.png"} <= set(files_of("out"))
