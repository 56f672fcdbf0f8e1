import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from colorize_cli.cli import options
from colorize_cli.errors import EXIT_ENVIRONMENT, DeviceError, UsageError
from colorize_cli.runtimes import cuda, tensorrt
from colorize_cli.runtimes import ort as ort_runtime
from colorize_cli.runtimes.find_device import problem, resolve
from colorize_cli.runtimes.ort import PROBE, open_session
from colorize_cli.runtimes.runtime import RUNTIMES, DeviceName
from colorize_cli.system.gpu import Gpu, find_gpu

needs_no_gpu = pytest.mark.skipif(find_gpu() is not None, reason="there is a GPU here")
needs_gpu_wheel = pytest.mark.skipif(
    "CUDAExecutionProvider" not in ort.get_available_providers(),
    reason="this onnxruntime was built without CUDA",
)
H200 = Gpu("NVIDIA H200", compute_capability="9.0", driver_cuda=13)


class FakeSession:
    """A session that keeps or drops the provider it was asked for, as onnxruntime does."""

    keeps = True
    result = 2.0
    opened: list[list[Any]]

    def __init__(self, model: bytes, options: Any, providers: list[Any], **_: Any) -> None:
        type(self).opened.append(providers)
        names = [name for name, _ in providers]
        self.providers = names if self.keeps else ["CPUExecutionProvider"]

    def get_providers(self) -> list[str]:
        return self.providers

    def run(self, names: Any, feed: Any) -> list[Any]:
        return [np.full(1, self.result, np.float32)]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[FakeSession]:
    """A machine with a GPU on which everything works."""
    session = type("Session", (FakeSession,), {"opened": []})
    names = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: names)
    monkeypatch.setattr(ort, "cuda_version", "13.0", raising=False)
    monkeypatch.setattr(ort, "InferenceSession", session)
    monkeypatch.setattr(cuda, "find_gpu", lambda: H200)
    monkeypatch.setattr(cuda.ort, "preload_dlls", lambda: None)
    monkeypatch.setattr(cuda, "preload_wheel", lambda package, libraries: None)
    monkeypatch.setattr(cuda, "_missing_library", lambda name: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return session


def test_the_cpu_always_works() -> None:
    device = resolve("cpu", threads=1)

    assert (device.name, device.threads, device.note) == ("cpu", 1, None)
    assert (device.lanes, device.is_gpu) == (1, False)
    assert device.description == f"CPU (1 thread, onnxruntime {ort.__version__})"


def test_an_unknown_device_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="auto, cpu, cuda, tensorrt"):
        resolve("tpu")


def test_the_probe_is_the_model_that_it_says() -> None:
    model = onnx.load_from_string(PROBE)

    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Add"]


@needs_no_gpu
def test_without_a_gpu_auto_takes_the_cpu_and_says_why() -> None:
    device = resolve("auto")

    assert device.name == "cpu"
    assert device.note is not None


@needs_no_gpu
@pytest.mark.parametrize("name", ["cuda", "tensorrt"])
def test_a_named_device_that_cannot_run_is_an_error(name: str) -> None:
    with pytest.raises(
        DeviceError, match=f"--device {name} cannot run here.*no NVIDIA GPU"
    ) as caught:
        resolve(name)
    assert caught.value.exit_code == EXIT_ENVIRONMENT


@needs_no_gpu
@needs_gpu_wheel
@pytest.mark.parametrize(
    ("name", "fix"),
    [("cuda", r"pip install .*\[cuda\]"), ("tensorrt", r"pip install .*\[tensorrt\]")],
)
def test_missing_libraries_are_named_with_the_extra_that_brings_them(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: Any, fix: str
) -> None:
    # Providers are listed and libraries are missing: the truth of a machine without the extra.
    monkeypatch.setattr(cuda, "find_gpu", lambda: H200)

    why_not = problem(name)

    assert why_not is not None
    assert why_not.startswith("NVIDIA H200 was found, but a library is missing (libcu")
    assert re.search(fix, why_not)
    assert capfd.readouterr() == ("", "")  # onnxruntime's own words are kept off the terminal


def test_auto_takes_a_gpu_that_works(gpu: type[FakeSession]) -> None:
    device = resolve("auto")

    assert device.name == "cuda"
    assert device.description == f"CUDA (NVIDIA H200, onnxruntime {ort.__version__})"
    ((first, options), (second, _)) = gpu.opened[0]
    assert (first, second) == ("CUDAExecutionProvider", "CPUExecutionProvider")
    assert options["use_tf32"] == "0"
    assert len(gpu.opened) == 1  # proven once


def test_a_provider_that_is_listed_but_dropped_does_not_count(gpu: type[FakeSession]) -> None:
    gpu.keeps = False

    assert problem("cuda") is not None
    assert resolve("cpu").name == "cpu"


def test_a_provider_that_computes_wrongly_does_not_count(gpu: type[FakeSession]) -> None:
    gpu.result = 0.0

    assert "wrong result; check the NVIDIA driver" in str(problem("cuda"))


def test_auto_falls_back_with_the_reason(
    gpu: type[FakeSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dropped(gpu):  # type: ignore[misc, valid-type]
        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    monkeypatch.setattr(ort, "InferenceSession", Dropped)
    monkeypatch.setattr(cuda, "_missing_library", lambda name: "libcudnn.so.9: not found")

    device = resolve("auto")

    assert device.name == "cpu"
    assert device.note is not None
    assert "libcudnn.so.9" in device.note
    assert "[cuda]" in device.note


def test_an_old_driver_is_told_from_a_missing_library(
    gpu: type[FakeSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda, "find_gpu", lambda: Gpu("NVIDIA T4", "7.5", driver_cuda=12))

    assert "update the NVIDIA driver" in str(problem("cuda"))


def test_a_wheel_without_cuda_is_told_from_two_wheels(
    gpu: type[FakeSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])

    monkeypatch.setattr(ort_runtime, "rival_wheels", lambda: ["onnxruntime"])
    assert "built without" in str(problem("cuda"))
    monkeypatch.setattr(ort_runtime, "rival_wheels", lambda: ["onnxruntime", "onnxruntime-gpu"])
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in str(problem("cuda"))


def test_a_broken_installation_is_told_with_its_repair() -> None:
    code = (
        "import sys, types\n"
        "sys.modules['onnxruntime'] = types.ModuleType('onnxruntime')\n"
        "from colorize_cli.errors import DeviceError\n"
        "try:\n"
        "    from colorize_cli.runtimes.find_device import resolve\n"
        "    resolve('cpu')\n"
        "except DeviceError as error:\n"
        "    print(error)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "broken" in done.stdout
    assert "pip install onnxruntime-gpu" in done.stdout


@pytest.mark.parametrize(
    ("precision", "compute", "said"),
    [
        (None, "fp32", "fp32"),
        (None, "bf16", "fp32"),
        (None, "int8", "int8"),
        ("fp32", "bf16", "fp32"),
        ("bf16", "fp32", "bf16"),
        ("bf16", "int8", "int8+bf16"),
    ],
)
def test_the_precision_that_is_said_is_the_one_that_runs(
    precision: Any, compute: str, said: str
) -> None:
    assert replace(resolve("cpu"), precision=precision).computes(compute) == said


def test_a_session_has_the_devices_threads() -> None:
    session = open_session(PROBE, resolve("cpu", threads=1))

    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


def test_what_is_no_model_is_an_error_of_ours() -> None:
    with pytest.raises(DeviceError, match="cannot open the model"):
        open_session(b"no model", resolve("cpu"))


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["cuda", "tensorrt"])
def test_a_gpu_computes(name: Any) -> None:
    why_not = problem(name)
    if why_not:
        pytest.skip(why_not)
    assert resolve(name).is_gpu


def test_the_command_line_offers_the_devices_that_have_a_runtime() -> None:
    assert (
        set(get_args(options.DeviceName)) == {"auto", *get_args(DeviceName)} == {"auto", *RUNTIMES}
    )


@needs_no_gpu
@pytest.mark.parametrize("name", ["cuda", "tensorrt"])
def test_the_cure_is_looked_up_only_where_it_is_told(
    name: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(extra: str) -> str:
        raise AssertionError(extra)

    monkeypatch.setattr(cuda, "install_commands", fail)
    monkeypatch.setattr(tensorrt, "install_commands", fail)
    assert "no NVIDIA GPU" in str(problem(name))
