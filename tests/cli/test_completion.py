"""Shells complete commands, options and their values, by what the program itself installs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(ROOT)!r})
from colorize_cli.__main__ import main
sys.exit(main())
"""
BASH = """
source "$HOME/.bash_completions/colorize.sh"
for line in "$@"; do
    read -ra COMP_WORDS <<< "$line"
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _colorize_completion colorize
    echo "${COMPREPLY[*]}"
done
"""
FISH = """
for line in $argv
    complete -C $line | string replace -r '\\t.*' '' | string join ' '
end
true
"""
ZSH = """
source $HOME/.zfunc/_colorize 2>/dev/null
compdef() { }
_arguments() { print -r -- "$@" }
_files() { print files }
for line in "$@"; do
    words=(${=line}); CURRENT=$#words
    _colorize_completion | tr '\\n' ' '; print
done
"""
SCRIPTS = {"bash": BASH, "fish": FISH, "zsh": ZSH}
LINES = ("colorize stat", "colorize a.png --samp", "colorize a.png --device cu", "colorize --on-c")
MEANT = ("status", "--samples", "cuda", "--on-color")


@pytest.mark.skipif(sys.platform == "win32", reason="shells are of Unix")
@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_shell_completes_what_is_installed_for_it(shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/colorize").write_text(PROGRAM)
    (tmp_path / "bin/colorize").chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "HOME": str(tmp_path), "PATH": path}
    env.pop("XDG_CONFIG_HOME", None)  # fish looks there, and the files go below the home folder

    def run(code: str, *words: str) -> str:
        name = [] if shell == "fish" else ["test"]
        words = (shell, "-c", code, *name, *words)
        done = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    # A second command keeps the shell from becoming the program, which looks for it above itself.
    assert f"{shell} completion installed" in run("colorize --install-completion; true")
    lines = run(SCRIPTS[shell], *LINES).splitlines()
    assert len(lines) == len(LINES), lines
    for line, meant in zip(lines, MEANT, strict=True):
        assert meant in line
    assert "export" not in lines[0]
