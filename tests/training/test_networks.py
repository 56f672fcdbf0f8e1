import warnings

import onnxruntime as ort
import pytest
import torch
from torch import nn

from training.networks.palette import Palette, PaletteConfig
from training.networks.unet import Denoiser, DenoiserConfig

TINY_PALETTE = PaletteConfig(channels=32, multipliers=(1, 2), blocks=1)
TINY_DENOISER = DenoiserConfig(
    channels=(16, 32), blocks=(1, 1), attention=(1,), head_dim=16, groups=8, emb_dim=32
)


def randomise(network: nn.Module) -> None:
    """Give every parameter weight, the zero-initialised ones too."""
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        with torch.no_grad():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))


def noisy(rows: int, size: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(rows, 2, size, size, generator=generator), torch.linspace(0.1, 0.9, rows)


def palette_inputs(photos: int, rows: int) -> tuple[torch.Tensor, ...]:
    x_t, gamma = noisy(rows)
    L = 100 * torch.rand(photos, 1, 16, 16, generator=torch.Generator().manual_seed(2))
    return x_t, L, gamma


def denoiser_inputs(
    photos: int, rows: int
) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
    x_t, gamma = noisy(rows)
    generator = torch.Generator().manual_seed(2)
    shapes = ((16, 16), (32, 8))
    cond = [torch.randn(photos, c, size, size, generator=generator) for c, size in shapes]
    return x_t, cond, gamma


def test_palette_has_the_size_of_the_published_network_in_three_channels():
    with torch.device("meta"):
        network = Palette(PaletteConfig())
    assert sum(p.numel() for p in network.parameters()) == 62_639_042


def test_palette_has_the_names_and_shapes_of_the_public_checkpoints():
    with torch.device("meta"):
        state = Palette(PaletteConfig()).state_dict()
    expected = {
        "cond_embed.0.weight": (256, 64),
        "cond_embed.2.weight": (256, 256),
        "input_blocks.0.0.weight": (64, 3, 3, 3),
        "input_blocks.3.0.in_layers.2.weight": (64, 64, 3, 3),
        "input_blocks.4.0.skip_connection.weight": (128, 64, 1, 1),
        "input_blocks.11.0.out_layers.3.weight": (512, 512, 3, 3),
        "middle_block.1.qkv.weight": (1536, 512, 1),
        "middle_block.1.proj_out.weight": (512, 512, 1),
        "middle_block.2.emb_layers.1.weight": (1024, 256),
        "output_blocks.0.0.in_layers.0.weight": (1024,),
        "output_blocks.2.1.in_layers.2.weight": (512, 512, 3, 3),
        "output_blocks.11.0.in_layers.0.weight": (128,),
        "out.2.weight": (2, 64, 3, 3),
    }
    assert {name: tuple(state[name].shape) for name in expected} == expected
    blocks = {".".join(n.split(".")[:2]) for n in state if n.startswith(("input_", "output_"))}
    assert len(blocks) == 24


@pytest.mark.parametrize("groups", [16, 32])
def test_palette_attention_is_that_of_its_definition(groups):
    # Written per head and position, with the public order of channels: head, then q, k, v.
    network = Palette(PaletteConfig(channels=32, multipliers=(1, 2), blocks=1, groups=groups))
    randomise(network)
    attention = network.middle_block[1]
    x = torch.randn(1, 64, 2, 3, generator=torch.Generator().manual_seed(3))
    qkv = attention.qkv(attention.norm(x).flatten(2))[0]
    heads = []
    for head in qkv.reshape(2, 96, 6):
        q, k, v = head.split(32)
        heads.append(v @ torch.softmax(q.T @ k / 32**0.5, dim=1).T)
    expected = x + attention.proj_out(torch.cat(heads)[None]).reshape(x.shape)
    torch.testing.assert_close(attention(x), expected, rtol=1e-4, atol=1e-5)


def test_networks_predict_zero_before_training():
    assert Palette(TINY_PALETTE)(*palette_inputs(1, 2)).abs().max() == 0
    assert Denoiser(TINY_DENOISER)(*denoiser_inputs(1, 2)).abs().max() == 0


def test_every_sample_of_a_photo_is_conditioned_on_that_photo():
    palette, denoiser = Palette(TINY_PALETTE).eval(), Denoiser(TINY_DENOISER).eval()
    randomise(palette)
    randomise(denoiser)
    with torch.no_grad():
        x_t, L, gamma = palette_inputs(2, 6)
        together = palette(x_t, L, gamma)
        for row in range(6):
            rows, photo = slice(row, row + 1), slice(row // 3, row // 3 + 1)
            alone = palette(x_t[rows], L[photo], gamma[rows])
            torch.testing.assert_close(together[rows], alone, rtol=1e-4, atol=1e-5)
        x_t, cond, gamma = denoiser_inputs(2, 6)
        together = denoiser(x_t, cond, gamma)
        for row in range(6):
            rows, photo = slice(row, row + 1), slice(row // 3, row // 3 + 1)
            alone = denoiser(x_t[rows], [c[photo] for c in cond], gamma[rows])
            torch.testing.assert_close(together[rows], alone, rtol=1e-4, atol=1e-5)


def test_half_precision_weights_give_a_float32_prediction_close_to_the_full_one():
    palette, denoiser = Palette(TINY_PALETTE).eval(), Denoiser(TINY_DENOISER).eval()
    for network, inputs in ((palette, palette_inputs(1, 2)), (denoiser, denoiser_inputs(1, 2))):
        randomise(network)
        with torch.no_grad():
            full = network(*inputs)
            half = network.half()(*inputs)
        assert half.dtype == torch.float32
        assert (half - full).abs().max() < 0.02 * full.std()


@pytest.mark.slow
def test_palette_exports_with_any_number_of_photos_and_samples(tmp_path):
    network = Palette(TINY_PALETTE).eval()
    randomise(network)
    names, path = ["noisy_ab", "L", "gamma"], tmp_path / "denoiser.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            palette_inputs(2, 6),
            path,
            input_names=names,
            dynamic_shapes=({0: "rows"}, {0: "batch"}, {0: "rows"}),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    for photos, samples in ((1, 1), (1, 4), (2, 2), (3, 1)):
        inputs = palette_inputs(photos, photos * samples)
        feed = {n: x.numpy() for n, x in zip(names, inputs, strict=True)}
        got = torch.from_numpy(session.run(None, feed)[0])
        with torch.no_grad():
            torch.testing.assert_close(got, network(*inputs), rtol=1e-3, atol=1e-4)
