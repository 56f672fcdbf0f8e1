"""Each reader of untrusted files is fuzzed for some seconds, two at a time: nothing crashes."""

import os
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

SECONDS = int(os.environ.get("FUZZ_SECONDS", "20"))
SEED = 1  # so that a change fails for what it changed; `make fuzz` has another each time
HERE = Path(__file__).parent


def load_runner() -> Any:
    spec = spec_from_file_location("fuzz_run", HERE / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUNNER = load_runner()


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("atheris"), reason="atheris has no wheel for this platform")
def test_no_reader_crashes_hangs_or_takes_more_memory_than_it_may(tmp_path: Path) -> None:
    def fuzzed(target: str) -> tuple[str, int, str]:
        process = RUNNER.start(target, SECONDS, tmp_path / target, tmp_path / "findings", SEED)
        output, _ = process.communicate()
        return target, process.returncode, output

    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(fuzzed, RUNNER.TARGETS))
    if failed := [f"{target}:\n{output[-4000:]}" for target, code, output in runs if code]:
        pytest.fail("\n\n".join(failed), pytrace=False)  # an assertion would cut the output short
    few = {target: count for target, _, output in runs if (count := RUNNER.executions(output)) < 20}
    assert few == {}


def test_there_is_a_corpus_for_every_target_and_it_is_small() -> None:
    assert {path.name for path in (HERE / "corpus").iterdir()} == set(RUNNER.TARGETS)
    assert sum(path.stat().st_size for path in (HERE / "corpus").rglob("*")) < 1 << 20
