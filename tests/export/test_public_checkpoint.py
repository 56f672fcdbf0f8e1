"""The tutorial's and the public Palette's checkpoints are read, and mean what they meant there."""

import math
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorize_cli.cli.app import main
from colorize_cli.diffusion.schedule import tutorial_20
from colorize_cli.errors import ModelError
from colorize_cli.model.bundle import load_bundle
from export.public_checkpoint import load_public
from export.source import from_checkpoint
from training.families.palette import build


class PublicBlock(nn.Module):
    """A residual block under the public names; `scale` is 0.5, 1 or 2."""

    def __init__(self, channels: int, out: int, emb: int, scale: float = 1) -> None:
        super().__init__()
        self.scale = scale
        self.in_layers = nn.Sequential(
            nn.GroupNorm(32, channels), nn.SiLU(), nn.Conv2d(channels, out, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(emb, 2 * out))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(32, out), nn.SiLU(), nn.Dropout(0.2), nn.Conv2d(out, out, 3, padding=1)
        )
        self.skip_connection = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)

    def resample(self, x: Tensor) -> Tensor:
        if self.scale < 1:
            return F.avg_pool2d(x, 2)
        return F.interpolate(x, scale_factor=2, mode="nearest") if self.scale > 1 else x

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        h = self.in_layers[2](self.resample(F.silu(self.in_layers[0](x))))
        scale, shift = self.emb_layers(emb)[..., None, None].chunk(2, dim=1)
        h = self.out_layers[0](h) * (1 + scale) + shift
        for layer in list(self.out_layers)[1:]:
            h = layer(h)
        return self.skip_connection(self.resample(x)) + h


class PublicAttention(nn.Module):
    """Attention of heads of 32 channels, each with its q, k and v next to each other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        n, c, height, width = x.shape
        heads = c // 32
        qkv = self.qkv(self.norm(x).flatten(2)).reshape(n * heads, 96, height * width)
        q, k, v = qkv.split(32, dim=1)
        weight = torch.einsum("bct,bcs->bts", q / 32**0.25, k / 32**0.25).softmax(dim=-1)
        out = torch.einsum("bts,bcs->bct", weight, v).reshape(n, c, -1)
        return x + self.proj_out(out).reshape(n, c, height, width)


class PublicUNet(nn.Module):
    """The public UNet for L and noisy ab: levels of 32 and 64 channels, a block at each."""

    def __init__(self, in_channels: int = 3, out_channels: int = 2) -> None:
        super().__init__()
        emb = 128
        self.cond_embed = nn.Sequential(nn.Linear(32, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.input_blocks = nn.ModuleList(
            [
                nn.ModuleList([nn.Conv2d(in_channels, 32, 3, padding=1)]),
                nn.ModuleList([PublicBlock(32, 32, emb)]),
                nn.ModuleList([PublicBlock(32, 32, emb, 0.5)]),
                nn.ModuleList([PublicBlock(32, 64, emb)]),
            ]
        )
        self.middle_block = nn.ModuleList(
            [PublicBlock(64, 64, emb), PublicAttention(64), PublicBlock(64, 64, emb)]
        )
        self.output_blocks = nn.ModuleList(
            [
                nn.ModuleList([PublicBlock(64 + 64, 64, emb)]),
                nn.ModuleList([PublicBlock(64 + 32, 64, emb), PublicBlock(64, 64, emb, 2)]),
                nn.ModuleList([PublicBlock(64 + 32, 32, emb)]),
                nn.ModuleList([PublicBlock(32 + 32, 32, emb)]),
            ]
        )
        self.out = nn.Sequential(
            nn.GroupNorm(32, 32), nn.SiLU(), nn.Conv2d(32, out_channels, 3, padding=1)
        )

    def forward(self, cond_and_x: Tensor, gamma: Tensor) -> Tensor:
        frequencies = torch.exp(-math.log(10_000) * torch.arange(16) / 16)
        angles = gamma[:, None] * frequencies
        emb = self.cond_embed(torch.cat([angles.cos(), angles.sin()], dim=1))
        h, skips = cond_and_x, []

        def through(stage: nn.Module, h: Tensor) -> Tensor:
            for layer in stage.children():
                h = layer(h) if isinstance(layer, nn.Conv2d) else layer(h, emb)
            return h

        for stage in self.input_blocks:
            h = through(stage, h)
            skips.append(h)
        h = through(self.middle_block, h)
        for stage in self.output_blocks:
            h = through(stage, torch.cat([h, skips.pop()], dim=1))
        return self.out(h)


@pytest.fixture(scope="module")
def unet() -> PublicUNet:
    torch.manual_seed(1)
    return PublicUNet().eval()


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def prefixed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return OrderedDict((prefix + name, tensor) for name, tensor in state.items())


def test_it_predicts_what_the_public_network_predicts(unet: PublicUNet, tmp_path: Path) -> None:
    checkpoint = load_public(saved(tmp_path / "best_model.pth", unet.state_dict()))
    network = build(checkpoint.recipe.network).eval()
    network.load_state_dict(checkpoint.state)
    rng = torch.Generator().manual_seed(0)
    noisy_ab = torch.randn(4, 2, 16, 24, generator=rng)
    L = torch.rand(2, 1, 16, 24, generator=rng) * 100
    gamma = torch.tensor([0.99, 0.7, 0.5, 0.4])
    with torch.no_grad():
        cond = (L / 50 - 1).repeat_interleave(2, dim=0)
        wanted = unet(torch.cat([cond, noisy_ab], dim=1), gamma)
        torch.testing.assert_close(network(noisy_ab, L, gamma), wanted, rtol=1e-4, atol=1e-5)
    assert wanted.std() > 0.05


def test_what_the_file_does_not_say_is_the_tutorials(unet: PublicUNet, tmp_path: Path) -> None:
    recipe = load_public(saved(tmp_path / "best_model.pth", unet.state_dict())).recipe
    assert (recipe.name, recipe.family) == ("best_model", "palette")
    assert recipe.network == {"channels": 32, "multipliers": [1, 2], "blocks": 1}
    assert (recipe.diffusion.schedule, recipe.diffusion.prediction) == ("tutorial-20", "eps")
    sampling = recipe.sampling
    assert (sampling.method, sampling.variance, sampling.steps) == ("ddpm", "posterior", 20)
    assert (sampling.clamp, sampling.limit, sampling.working_size) == ("static", 1.0, 128)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: prefixed(state, "denoise_fn.") | {"gammas": torch.rand(20)},
        lambda state: prefixed(state, "module.denoise_fn."),
        lambda state: {"epoch": 3, "model_state_dict": state, "optimizer": {"lr": 1e-4}},
        lambda state: {"model": {n: t * 0 for n, t in state.items()}, "model_ema": state},
    ],
    ids=["Palette", "data parallel", "nested", "averaged weights first"],
)
def test_wrappings_are_taken_off(wrap, unet: PublicUNet, tmp_path: Path) -> None:
    state = unet.state_dict()
    found = load_public(saved(tmp_path / "5_Network.pth", wrap(state))).state
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_half_precision_is_widened(unet: PublicUNet, tmp_path: Path) -> None:
    half = {name: tensor.half() for name, tensor in unet.state_dict().items()}
    found = load_public(saved(tmp_path / "half.pth", half)).state
    assert all(tensor.dtype == torch.float32 for tensor in found.values())


def without(name: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in state.items() if not key.startswith(name)}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: {"fc.weight": torch.zeros(1)}, "no weights of the palette family"),
        (lambda state: [1, 2], "no weights of the palette family"),
        (lambda state: {"a": state, "b": state}, "several networks"),
        (lambda state: without("middle_block.1", state), "lacks middle_block.1"),
        (lambda state: without("input_blocks.2", state), "widths"),
        (
            lambda state: state | {"input_blocks.3.1.norm.weight": torch.zeros(64)},
            r"has input_blocks\.3\.1",
        ),
        (lambda state: PublicUNet(6, 3).state_dict(), "RGB"),
    ],
)
def test_other_networks_are_refused_with_the_reason(
    change, says: str, unet: PublicUNet, tmp_path: Path
) -> None:
    path = saved(tmp_path / "other.pth", change(unet.state_dict()))
    with pytest.raises(ModelError, match=says):
        load_public(path)


class Trap:
    """Would make a file if it were unpickled the usual way."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_a_pickle_that_runs_code_is_not_run(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.pth", {"model": Trap(tmp_path / "ran")})
    with pytest.raises(ModelError, match="state_dict"):
        load_public(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "the file does not exist"),
        (b"", "is no checkpoint"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "is no checkpoint"),
        (b"PK\3\4 cut off", "damaged or no PyTorch checkpoint"),
        (b"\x80\2 cut off", "holds more than tensors"),
    ],
)
def test_files_that_are_missing_or_damaged_are_told(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "best_model.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=says) as told:
        load_public(path)
    assert "best_model.pth" in str(told.value)


def test_the_family_is_not_asked_for_where_there_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "photo.pth"
    with pytest.raises(ModelError, match="does not exist"):
        from_checkpoint(path, None, (), lambda line: None)
    path.write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    with pytest.raises(ModelError, match="is no checkpoint"):
        from_checkpoint(path, None, (), lambda line: None)


def test_a_pth_needs_its_family(
    unet: PublicUNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path / "best_model.pth", unet.state_dict())
    assert main(["export", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "--family palette" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_command_makes_a_bundle_of_it(
    unet: PublicUNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path / "best_model.pth", prefixed(unet.state_dict(), "denoise_fn."))
    arguments = ["--family", "palette", "--out", str(tmp_path / "out")]
    arguments += ["--set", "sampling.working_size=64"]
    assert main(["export", str(path), *arguments]) == 0
    assert "ends at gamma" in capsys.readouterr().err
    bundle = load_bundle(tmp_path / "out")
    assert (bundle.family.name, bundle.grid, bundle.working_size) == ("palette", 1, 64)
    sampling = bundle.family.sampling
    assert sampling["schedule"]["gammas"] == tutorial_20().gammas.tolist()
    assert sampling["ab_scale"] == 127.5
    assert bundle.parameters == sum(t.numel() for t in unet.state_dict().values())
