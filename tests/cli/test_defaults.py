"""The file of a user's own defaults: what it says counts, and what it cannot say is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from made.pictures import encode, grey
from made.records import run_records

from colorize_cli.cli.app import main
from colorize_cli.cli.defaults import defaults_file
from colorize_cli.runtimes.find_device import resolve

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("a.png").write_bytes(encode(grey(), "PNG"))
    monkeypatch.setenv("COLORIZE_CONFIG", str(tmp_path / "own.toml"))
    return tmp_path / "own.toml"


@pytest.fixture
def colorize(capfd: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        return code, *capfd.readouterr()

    return run


def names_in(folder: str) -> set[str]:
    return {path.name for path in Path(folder).iterdir() if not path.name.startswith(".")}


def test_what_the_file_says_counts_and_the_command_line_wins(
    colorize: Run, config: Path, tiny_bundle: Path
) -> None:
    config.write_text(
        f"model = '{tiny_bundle}'\nsamples = 2\nsteps = 2\ndevice = 'cpu'\nsaturation = 0.5\n"
        "on-color = 'skip'\nname = '{stem}_c{ext}'\nkeep_times = true\nquiet = true\n"
    )
    assert colorize("a.png", "--out", "out") == (0, "", "")
    assert names_in("out") == {"a_c.1.png", "a_c.2.png"}
    settings = run_records("out")[-1]
    assert (settings["steps"], settings["saturation"]) == (2, 0.5)
    assert Path("out/a_c.1.png").stat().st_mtime_ns == Path("a.png").stat().st_mtime_ns
    words = ("--samples", "1", "--saturation", "1", "--name", "{stem}{ext}")
    colorize("a.png", "--out", "other", *words)
    assert names_in("other") == {"a.png"}
    assert run_records("other")[-1]["saturation"] == 1


def test_a_folders_last_run_wins_over_the_file(
    colorize: Run, config: Path, tiny_bundle: Path
) -> None:
    config.write_text("")
    model = ("--model", str(tiny_bundle), "--device", "cpu", "--steps", "2", "--seed", "3")
    colorize("a.png", "--out", "out", *model)
    before = Path("out/a.png").read_bytes()
    config.write_text("seed = 9\nsaturation = 0\nsteps = 3\n")
    code, _, err = colorize("a.png", "--out", "out", "--restore")
    assert (code, Path("out/a.png").read_bytes()) == (0, before)
    assert "other settings" not in err
    Path("b.png").write_bytes(encode(255 - grey(), "PNG"))
    colorize("b.png", "--out", "out")
    assert [run_records("out")[-1][name] for name in ("seed", "saturation", "steps")] == [3, 1, 2]


def test_defaults_of_folders_are_not_for_a_file_or_one_sample(
    colorize: Run, config: Path, tiny_bundle: Path
) -> None:
    config.write_text(
        f"model = '{tiny_bundle}'\nsamples = 3\nsteps = 2\ndevice = 'cpu'\nformat = 'jpg'\n"
        "sheet = true\nquality = 50\nname = 'x{stem}{ext}'\n"
    )
    assert colorize("a.png", "--out", "b.png")[0] == 0
    assert colorize("a.png", "--out", "out", "--sample", "2")[0] == 0
    assert names_in(".") == {"a.png", "b.png", "own.toml", "out"}
    assert names_in("out") == {"xa.2.jpg", "colorize-sheet"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sampels = 2", "there is no option 'sampels': did you mean samples?"),
        ("[comprae]\nsamples = 2", "there is no command 'comprae': did you mean compare?"),
        ("[compare]\nsids = 2", "there is no option 'sids': did you mean side?"),
        ("samples = 0", "samples = 0: "),
        ("samples = 2.5", "samples = 2.5: "),
        ("samples = true", "samples = true: write a number"),
        ("samples = [1]", "samples = [1]: write a number"),
        ("keep-times = 'yes'", "keep-times = 'yes': write true or false"),
        ("format = 'bmp'", "format = 'bmp': "),
        ("size = 'huge'", "fast, auto, fine or a number"),
        ("overwrite = true", "overwrite is no default"),
        ("files-from = 'l'", "files-from is no default"),
        ("help = true", "help is no default"),
        ("samples = ", "cannot be used: "),
        ("samples = 1\nsamples = 2", "cannot be used: "),
    ],
)
def test_what_the_file_cannot_say_is_refused_by_its_name(
    colorize: Run, config: Path, text: str, said: str
) -> None:
    config.write_text(text)
    code, out, err = colorize("a.png", "--out", "out")
    assert (code, out) == (2, "")
    assert f"{config}" in err
    assert said in err
    assert not Path("out").exists()


def test_help_is_given_and_info_tells_whatever_the_file_says(
    colorize: Run, config: Path, tiny_bundle: Path
) -> None:
    config.write_text("sampels = 2")
    assert colorize("run", "--help")[0] == 0
    assert colorize("--version")[0] == 0
    code, out, _ = colorize("info", "--model", str(tiny_bundle))
    assert code == 3
    assert f"defaults   {config}: there is no option 'sampels': did you mean samples?" in out


def test_info_shows_what_the_file_says(colorize: Run, config: Path, tiny_bundle: Path) -> None:
    config.write_text(f"samples = 4\nmodel = '{tiny_bundle}'\n[compare]\nside = 100\n")
    code, out, _ = colorize("info")
    assert code == 0
    assert f"defaults   {config}\n           samples = 4\n" in out
    assert "           compare: side = 100" in out
    assert "model      tiny-encoder" in out
    facts = json.loads(colorize("info", "--json")[1])["defaults"]
    assert facts["settings"]["run"]["samples"] == 4
    assert (facts["file"], facts["problem"]) == (str(config), None)


def test_the_file_lies_where_programs_keep_what_users_configure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, colorize: Run
) -> None:
    monkeypatch.setenv("COLORIZE_CONFIG", "")
    assert defaults_file() is None
    monkeypatch.delenv("COLORIZE_CONFIG")
    for system, name in (("linux", "XDG_CONFIG_HOME"), ("win32", "APPDATA")):
        monkeypatch.setattr("colorize_cli.cli.defaults.sys.platform", system)
        monkeypatch.setenv(name, str(tmp_path / system))
        assert defaults_file() == tmp_path / system / "colorize" / "config.toml"
    monkeypatch.setenv("COLORIZE_CONFIG", "gone.toml")
    code, _, err = colorize("a.png", "--out", "out")
    assert code == 2
    assert "COLORIZE_CONFIG names gone.toml, which is not there" in err


def test_a_device_that_is_to_be_chosen_puts_the_files_own_aside(
    colorize: Run, config: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(f"model = '{tiny_bundle}'\nsteps = 2\ndevice = 'openvino'\n")
    chosen: list[str] = []

    def choose(requested: str, *more: object) -> object:
        chosen.append(requested)
        return resolve("cpu")

    monkeypatch.setattr("colorize_cli.batch.model_and_device.choose_device", choose)
    assert colorize("a.png", "--out", "out", "--device", "auto")[0] == 0
    assert chosen == ["auto"]
    assert run_records("out")[-1]["device"] == "cpu"
