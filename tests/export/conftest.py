"""Networks that are alike are traced once for all tests here: it takes most of a minute each."""

import hashlib
from collections.abc import Iterator

import pytest
from onnx import ModelProto
from torch import nn

import export.run
import export.trace
from export.trace import OPSET, trace
from training.networks import backbone

Traced = dict[str, dict[str, bytes]]


@pytest.fixture(scope="session", autouse=True)
def traced() -> Iterator[Traced]:
    """Give what was traced, by what decides it, as bytes; whoever clears it has it traced anew."""
    made: Traced = {}

    def trace_once(network: nn.Module, family: str, opset: int = OPSET) -> dict[str, ModelProto]:
        key = hashlib.sha256(f"{family} {opset} {network}".encode())
        for name, tensor in network.state_dict().items():
            key.update(f"{name} {tensor.dtype}".encode() + tensor.numpy().tobytes())
        if key.hexdigest() not in made:
            graphs = trace(network, family, opset)
            made[key.hexdigest()] = {name: g.SerializeToString() for name, g in graphs.items()}
        stored = made[key.hexdigest()].items()
        return {name: ModelProto.FromString(data) for name, data in stored}

    with pytest.MonkeyPatch.context() as patch:
        for module in (export.run, export.trace):
            patch.setattr(module, "trace", trace_once)
        yield made


@pytest.fixture(scope="module")
def shallow_backbone() -> Iterator[None]:
    """Give each of the backbone's stages one block, which traces in a third of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backbone, "_STAGES", [(1, *stage[1:]) for stage in backbone._STAGES])
        yield
