"""Bundles that a stranger made to do harm: each is refused, within little memory."""

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from made.peaks import peak_megabytes
from made.tiny_bundles import tiny_fields, tiny_graphs

from colorize_cli.errors import ModelError
from colorize_cli.model.bundle import load_bundle, write_bundle
from colorize_cli.model.untrusted.graph_check import foreign_part
from colorize_cli.model.untrusted.onnx_wire import fields

MANIFEST = "bundle.json"


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_bundle(path)
    return str(caught.value)


def edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A palette bundle with a changed `bundle.json`."""
    write_bundle(folder, tiny_fields("palette"), tiny_graphs("palette"))
    fields = json.loads((folder / MANIFEST).read_text())
    change(fields)
    (folder / MANIFEST).write_text(json.dumps(fields))
    return folder


def changed_graph(change: Callable[[onnx.ModelProto], object]) -> bytes:
    model = onnx.load_from_string(tiny_graphs("palette")["denoiser.onnx"])
    change(model)
    data: bytes = model.SerializeToString()
    return data


def external(model: onnx.ModelProto) -> None:
    tensor = next(each for each in model.graph.initializer if each.name == "conv_out")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")


def external_constant(model: onnx.ModelProto) -> None:
    tensor = onnx.numpy_helper.from_array(np.ones(1, np.float32), "deep")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    node = onnx.helper.make_node("Constant", [], ["constant"], value=tensor)
    graph = onnx.helper.make_graph([node], "branch", [], [])
    branches = {"then_branch": graph, "else_branch": graph}
    model.graph.node.append(onnx.helper.make_node("If", ["zero"], ["unused"], **branches))


def custom_operator(model: onnx.ModelProto) -> None:
    node = onnx.helper.make_node("Run", ["noisy_ab"], ["unused"], domain="evil")
    model.graph.node.append(node)


def engine(model: onnx.ModelProto) -> None:
    options = {"embed_mode": 0, "ep_cache_context": "/tmp/evil.engine"}
    node = onnx.helper.make_node("EPContext", [], ["unused"], domain="com.microsoft", **options)
    model.graph.node.append(node)


def own_function(model: onnx.ModelProto) -> None:
    function = onnx.helper.make_function("evil", "F", ["x"], ["y"], [], [])
    model.functions.append(function)


def sparse(model: onnx.ModelProto) -> None:
    values = onnx.numpy_helper.from_array(np.ones(1, np.float32), "many")
    indices = onnx.numpy_helper.from_array(np.zeros(1, np.int64), "where")
    tensor = onnx.helper.make_sparse_tensor(values, indices, [1 << 40])
    model.graph.sparse_initializer.append(tensor)


def deep(model: onnx.ModelProto) -> None:
    for _ in range(12):
        inner = onnx.GraphProto(name="g", node=[*model.graph.node])
        node = onnx.helper.make_node("If", ["c"], ["z"], then_branch=inner)
        model.graph.ClearField("node")
        model.graph.node.append(node)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (external, "'conv_out', whose numbers lie in another file"),
        (external_constant, "whose numbers lie in another file"),
        (custom_operator, "the operator 'Run' of 'evil'"),
        (engine, "the operator 'EPContext' of 'com.microsoft'"),
        (own_function, "functions of its own"),
        (sparse, "a sparse tensor"),
        (deep, "more than 8 deep"),
        (lambda model: model.ClearField("graph"), "no graph"),
    ],
)
def test_a_graph_with_code_or_files_of_others_is_refused(
    tmp_path: Path, change: Callable[[onnx.ModelProto], object], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        write_bundle(tmp_path, tiny_fields("palette"), {"denoiser.onnx": changed_graph(change)})


def hidden(data: bytes, *path: int) -> bytes:
    """Give the last field of a path a tag whose bits above 32, which runtimes cut off, are set."""
    rebuilt, field = b"", path[0]
    for number, value in fields(memoryview(data)):
        key, content = number << 3 | (0 if isinstance(value, int) else 2), value
        if number == field and len(path) > 1:
            content = hidden(bytes(value), *path[1:])  # type: ignore[arg-type]
        elif number == field:
            key |= 1 << 32
        rebuilt += varint(key)
        if isinstance(content, int):
            rebuilt += varint(content)
        else:
            rebuilt += varint(len(content)) + bytes(content)
    return rebuilt


def varint(number: int) -> bytes:
    head = b""
    while number > 127:
        head, number = head + bytes([number & 127 | 128]), number >> 7
    return head + bytes([number])


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (custom_operator, (7, 1, 7)),
        (external, (7, 5, 13)),
        (external, (7, 5, 14)),
        (own_function, (25,)),
        (own_function, (7,)),
        (lambda model: None, (7, 5, 9)),
    ],
    ids=["domain", "external data", "location", "functions", "graph", "weights"],
)
def test_a_field_whose_number_a_runtime_cuts_short_is_refused(
    change: Callable[[onnx.ModelProto], object], path: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="number"):
        foreign_part(hidden(changed_graph(change), *path))


@pytest.mark.parametrize("family", ["encoder", "palette"])
def test_graphs_of_our_own_hold_nothing_foreign(family: str) -> None:
    assert [foreign_part(graph) for graph in tiny_graphs(family).values()].count(None) >= 1
    assert not any(map(foreign_part, tiny_graphs(family).values()))


@pytest.mark.parametrize("data", [b"\x80\x04K\x01.", b"PK\3\4", b"not a graph", b"\x0b\x0c"])
def test_what_is_no_graph_is_refused_before_a_runtime_sees_it(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ModelError, match=r"denoiser\.onnx (is no ONNX file|holds no graph)"):
        write_bundle(tmp_path, tiny_fields("palette"), {"denoiser.onnx": data})


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f["sampling"].update(ab_scale="inf"),
        lambda f: f["sampling"].update(eta="nan"),
        lambda f: f["sampling"].update(temperature=10**400),
        lambda f: f["sampling"].update(gains=[1e300]),
        lambda f: f["sampling"].update(gains="1111"),
        lambda f: f["sampling"].update(clamp={"kind": "static", "limit": 10**400}),
        lambda f: f["sampling"]["schedule"].update(gammas=["1.0", "0.5"]),
        lambda f: f["sampling"]["schedule"].update(gammas=[True, 0.5]),
        lambda f: f.update(working_size=True),
        lambda f: f.update(parameters=10**400),
        lambda f: f.update(training=[]),
        lambda f: f.update(network="x"),
        lambda f: f.update(name=["x"]),
        lambda f: f.update(name="n" * 10_000),
        lambda f: f.update(name="\x1b]0;owned\x07"),
        lambda f: f.update(license="free\u202eeerf"),
        lambda f: f["training"].update(data=["\x9b31m"]),
        lambda f: f["files"]["denoiser.onnx"].update(bytes=10**13),
        lambda f: f["files"]["denoiser.onnx"].update(bytes=-1),
        lambda f: f["files"]["denoiser.onnx"].update(bytes=True),
        lambda f: f["files"]["denoiser.onnx"].update(sha256=7),
        lambda f: f["files"]["denoiser.onnx"].update(sha256="0"),
        lambda f: f["files"].update({f"f{i}": f["files"]["denoiser.onnx"] for i in range(100)}),
        lambda f: f.update(files=[]),
        lambda f: f.update(views=[]),
        lambda f: f.update(views={"auto": {"working_size": 10**9, "from_side": 1}}),
        lambda f: f.update(views={"auto": {"working_size": True, "from_side": 1}}),
        lambda f: f.update(
            views={"auto": {"working_size": 64, "from_side": 1, "sampling": {"eta": "nan"}}}
        ),
    ],
)
def test_a_field_that_would_do_harm_later_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    assert MANIFEST in refused(edited(tmp_path, change))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, "\ufffe", "\0"])
def test_a_manifest_that_no_parser_ends_with_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    assert MANIFEST in refused(tmp_path)


def zipped(path: Path, members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def members(size: int = 0) -> dict[str, bytes]:
    """The files of a palette bundle, whose graph is said to have `size` bytes."""
    graph = tiny_graphs("palette")["denoiser.onnx"]
    entry = {"sha256": "0" * 64, "bytes": size or len(graph)}
    fields = {"format": 2, **tiny_fields("palette"), "files": {"denoiser.onnx": entry}}
    return {MANIFEST: json.dumps(fields).encode(), "denoiser.onnx": graph}


@pytest.mark.parametrize("kind", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_an_archive_of_another_compression_is_refused(tmp_path: Path, kind: int) -> None:
    assert "deflate" in refused(zipped(tmp_path / "b.zip", members(), kind))


def test_an_archive_of_many_members_is_refused_before_they_are_listed(tmp_path: Path) -> None:
    names = {f"{i:0120}": b"" for i in range(9000)}
    path = zipped(tmp_path / "b.zip", members() | names, zipfile.ZIP_STORED)
    assert "far more files" in refused(path)


def test_an_archive_that_hides_its_number_of_members_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip", members())
    data = path.read_bytes()
    end = data.rindex(b"PK\5\6")
    locator = b"PK\6\7" + struct.pack("<IQI", 0, 0, 1)
    path.write_bytes(data[:end] + locator + data[end:])
    assert "far more files" in refused(path)


def test_a_zip_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip", members(1 << 30) | {"denoiser.onnx": bytes(1 << 26)})
    assert path.stat().st_size < 100_000
    peak, message = peak_megabytes("refused_bundle", path)
    assert "unpack" in message
    assert peak < 60


def test_a_zip_bomb_that_declares_little_is_not_unpacked(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(1 << 26)) + packer.flush()
    path = zipped(tmp_path / "b.zip", members() | {"denoiser.onnx": b"?" * len(bomb)}, 0)
    data = bytearray(path.read_bytes().replace(b"?" * len(bomb), bomb))
    size = struct.pack("<II", len(bomb), 5000)
    for mark, kind, sizes in ((b"PK\3\4", 8, 18), (b"PK\1\2", 10, 20)):
        start = data.rindex(mark)
        struct.pack_into("<H", data, start + kind, zipfile.ZIP_DEFLATED)
        data[start + sizes : start + sizes + 8] = size
    path.write_bytes(data)
    peak, message = peak_megabytes("refused_bundle", path)
    assert "denoiser.onnx" in message
    assert peak < 60


def test_a_pipe_or_a_device_in_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    folder = edited(tmp_path / "b", lambda f: None)
    (folder / "denoiser.onnx").unlink()
    os.mkfifo(folder / "denoiser.onnx")
    assert "no regular file" in refused(folder)
    (folder / "denoiser.onnx").unlink()
    (folder / "denoiser.onnx").symlink_to("/dev/zero")
    assert "no regular file" in refused(folder)
