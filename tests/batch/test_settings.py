"""What a run makes colourings with: as given, else as in the last run, else as the model has it."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from made.messages import Told
from made.settings import run_settings

from colorize_cli.batch.asked.differences import tell_differences, tell_given
from colorize_cli.batch.settings import Options, drawn, settle
from colorize_cli.errors import UsageError

OUT = Path("out")
BUNDLE: Any = SimpleNamespace(
    digest="m0" * 32,
    path=Path("/models/m0"),
    working_size=320,
    views={},
    family=SimpleNamespace(steps=20),
)
LAST = run_settings(model_digest=BUNDLE.digest)


def options(**given: Any) -> Options:
    return Options(paths=(Path("in"),), out=OUT, **given)


def test_without_a_last_run_the_model_decides() -> None:
    settings = settle(options(), None, BUNDLE)
    assert (settings.seed, settings.size, settings.steps, settings.candidates) == (0, 320, 20, 0)
    assert (settings.model, settings.device, settings.batch) == ("default", "auto", 0)
    assert not settings.precision


def test_what_is_not_given_is_that_of_the_last_run() -> None:
    settings = settle(options(), LAST, BUNDLE)
    assert (settings.seed, settings.size, settings.steps, settings.candidates) == (7, 96, 5, 3)
    assert settings.device == "cpu"
    assert drawn(settings.samples, settings.candidates, None) == (3, 0)


def test_what_is_given_counts_zero_too() -> None:
    given = options(seed=0, size=128, steps=9, candidates=0, batch=4, device="cuda")
    settings = settle(given, LAST, BUNDLE)
    assert (settings.seed, settings.size, settings.steps, settings.candidates) == (0, 128, 9, 0)
    assert (settings.device, settings.batch) == ("cuda", 4)
    assert drawn(settings.samples, settings.candidates, None) == (1, 0)


def test_one_of_the_samples_is_drawn_alone_unless_it_is_chosen() -> None:
    assert drawn(samples=3, candidates=0, only=2) == (1, 2)
    assert drawn(samples=3, candidates=8, only=2) == (8, 0)


@pytest.mark.parametrize(
    ("given", "device"), [(None, "cuda"), ("auto", "auto"), ("openvino", "openvino")]
)
def test_a_device_that_is_to_be_chosen_wins_over_the_users_own_but_not_over_the_last(
    given: str | None, device: str
) -> None:
    asked = options(device=given, usual={"device": "cuda"})
    assert settle(asked.without_last_run(), None, BUNDLE).device == device
    kept = "openvino" if given == "openvino" else LAST.device
    assert settle(asked, LAST, BUNDLE).device == kept


def test_the_size_may_be_a_name_and_a_folder_keeps_to_what_it_was_begun_with() -> None:
    seeing: Any = SimpleNamespace(**vars(BUNDLE) | {"views": {"auto": None}})
    assert settle(options(), None, seeing).size == "auto"
    assert settle(options(), LAST, seeing).size == 96
    last = run_settings(model_digest=BUNDLE.digest, size="fine")
    assert settle(options(), last, seeing).size == "fine"
    now = settle(options(size="fast"), last, seeing)
    messages = Told()
    tell_given(messages, OUT, last, options(size="fast"))
    assert now.size == "fast"
    assert "size fine, now fast" in str(messages.said)


@pytest.mark.parametrize("name", ["fast", "auto", "fine"])
def test_where_a_model_sees_all_photos_in_one_size_every_name_is_that_size(name: Any) -> None:
    last = replace(LAST, size=BUNDLE.working_size)
    assert settle(options(size=name), last, BUNDLE).size == BUNDLE.working_size


def test_size_and_steps_of_another_model_do_not_count() -> None:
    other = SimpleNamespace(**vars(BUNDLE) | {"digest": "m1" * 32})
    settings = settle(options(model="/models/m0"), LAST, other)  # type: ignore[arg-type]
    assert (settings.seed, settings.size, settings.steps) == (7, 320, 20)
    assert settings.model == str(Path("/models/m0").absolute())


def test_fewer_candidates_than_samples_are_refused_given_or_recorded() -> None:
    with pytest.raises(UsageError, match="4 samples cannot be chosen from 2"):
        options(candidates=2, samples=4)
    with pytest.raises(UsageError, match="4 samples cannot be chosen from 3"):
        settle(options(samples=4), LAST, BUNDLE)


def test_between_cpus_the_batch_makes_no_difference_and_what_is_unknown_none_either() -> None:
    for changes, said in (
        ({"device": "cpu", "batch": 9}, ""),
        ({"device": "cuda", "batch": 9, "precision": ""}, "(device cpu, now cuda, batch 2, now 9)"),
        ({"precision": "bf16"}, "(precision fp32, now bf16)"),
    ):
        messages = Told()
        tell_differences(messages, OUT, LAST, replace(LAST, **changes))  # type: ignore[arg-type]
        assert [how for how, _ in messages.said] == ["warn"] * bool(said)
        assert all(f"other settings {said}" in text for _, text in messages.said)


def test_other_versions_are_a_note_and_other_names_a_warning() -> None:
    messages = Told()
    tell_differences(messages, OUT, LAST, replace(LAST, versions={"numpy": "2"}, format="png"))
    (_, names), (how, versions) = messages.said
    assert "other names (format keep, now png)" in names
    assert how == "note"
    assert "other versions (numpy 1, now 2)" in versions


def test_where_nothing_is_made_only_what_is_given_is_compared() -> None:
    messages = Told()
    tell_given(messages, OUT, LAST, options())
    assert not messages.said
    tell_given(messages, OUT, LAST, options(seed=8, device="cuda", model="other"))
    ((how, text),) = messages.said
    assert how == "warn"
    assert "(seed 7, now 8, device cpu, now cuda, model default, now other)" in text


@pytest.mark.parametrize("number", [math.nan, math.inf, 0, -1])
@pytest.mark.parametrize("name", ["white", "max_megapixels", "max_memory"])
def test_a_number_that_is_none_or_not_above_zero_is_refused(name: str, number: float) -> None:
    with pytest.raises(UsageError, match="--" + name.replace("_", "-")):
        Options((Path("scans"),), Path("out"), **{name: number})  # type: ignore[arg-type]
