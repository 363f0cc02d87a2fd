"""Identification, reading and checking of model files: spec kmodel.md 1, 3, 7 and the dumps of 9.3."""

from __future__ import annotations

import io
import json
import pathlib
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from kpupy import kfpkg, models
from kpupy.cli import main
from kpupy.kmodel import build_v3, parse, tables, v3, v3_kpu, v3_main
from kpupy.kmodel.build_v3 import Builder, Kernel
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.parse import Kind
from kpupy.kmodel.tables import BnEntry
from kpupy.kmodel.v3 import ModelV3
from kpupy.kmodel.v3_base import LAYERS, UNDEFINED, Layer, Shape


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values) + bytes(64 - 4 * len(values))


IDENTITIES = [
    (words(3, 1, 0), Kind.V3, ""),
    (b"LDMK" + words(4, 0, 0)[:60], Kind.V4, ""),
    (b"LDMK" + words(5, 32, 0)[:60], Kind.V5, ""),
    (b"LDMK" + words(5, 24, 0)[:60], Kind.V5_PRERELEASE, "recompile with nncase 1.x"),
    (b"LDMK" + words(6, 32, 0)[:60], Kind.NEWER, "version 6 is not for the K210"),
    (b"LDMK" + words(3, 32, 0)[:60], Kind.BAD_VERSION, "version 3"),
    (words(1, 0, 0), Kind.PREVIEW, "V1"),
    (words(2, 0, 0), Kind.PREVIEW, "V2"),
    (words(0x2713, 64 - 8 - 8, 0)[:56], Kind.ENCRYPTED, "bound to one chip"),
    (words(0x2713, 64 - 8, 0), Kind.UNKNOWN, ""),  # 56 is no multiple of 16
    (words(0x2713, 32, 0), Kind.UNKNOWN, ""),  # not the file's size
    (words(0x12345678), Kind.CONFIG_BLOB, "not a kmodel"),
    (parse.swap_words(words(3, 1, 0)), Kind.SWAPPED, "kmodel V3"),
    (parse.swap_words(b"LDMK" + words(4, 0, 0)[:60]), Kind.SWAPPED, "kmodel V4"),
    (b"PK\3\4" + bytes(60), Kind.PACKAGE, "zip"),
    (words(3, 1, 7), Kind.OTHER_CHIP, "architecture 7"),
    (b"\0" + words(1000)[:4] + words(3, 1, 0), Kind.FLASHED, "kmodel V3 behind a 5-byte flash header"),
    (b"\1" + words(1000)[:4] + b"LDMK" + words(4, 0)[:60], Kind.FLASHED, "kmodel V4"),
    (b"\xff" * 64, Kind.EMPTY, "erased flash"),
    (bytes(64), Kind.UNKNOWN, "00 00 00 00"),
    (b"BM" + bytes(62), Kind.UNKNOWN, "42 4d"),
    (b"", Kind.UNKNOWN, "0 bytes"),
    (words(3, 1, 0)[:15], Kind.UNKNOWN, "15 bytes"),
]


@pytest.mark.parametrize(("data", "kind", "reason"), IDENTITIES)
def test_identify(data: bytes, kind: Kind, reason: str) -> None:
    found = parse.identify(data)
    assert found.kind is kind
    assert reason in found.reason
    if kind not in (Kind.V3, Kind.SWAPPED):
        with pytest.raises(KModelError):
            parse.parse(data)


def test_the_size_of_the_file_counts_not_that_of_its_head() -> None:
    assert parse.identify(words(0x2713, 160, 0), size=168).kind is Kind.ENCRYPTED


def test_files_that_must_be_refused(shared_models: pathlib.Path) -> None:
    with pytest.raises(KModelError, match="pre-release"):
        parse.parse((shared_models / "refuse_v5_prerelease.kmodel").read_bytes())
    with pytest.raises(KModelError, match="version 6 is not for the K210"):
        parse.parse((shared_models / "refuse_v6_head.bin").read_bytes())


V3_FILES = {  # name: layers, max_start_address, main memory, first output (spec kmodel.md 9.3 and the models' README)
    "v3_mnist.kmodel": (11, 32628, 14112, (14032, 40)),
    "v3_mask.kmodel": (10, 0, 97280, (83280, 11200)),
    "v3_iris.kmodel": (2, 32768, 56, (0, 12)),
}


@pytest.mark.parametrize("name", V3_FILES)
def test_headers_of_known_files(shared_models: pathlib.Path, name: str) -> None:
    model = parse.parse((shared_models / name).read_bytes())
    layers, start, main_memory, output = V3_FILES[name]
    assert (len(model.layers), model.max_start_address, model.main_memory) == (layers, start, main_memory)
    assert (model.outputs[0].address, model.outputs[0].size) == output


def test_dump_of_mnist(shared_models: pathlib.Path) -> None:
    model = parse.parse((shared_models / "v3_mnist.kmodel").read_bytes())
    assert [layer.position for layer in model.layers] == [
        124, 912, 6288, 6312, 6336, 207192, 207216, 207232, 208016, 208032, 208056,
    ]  # fmt: skip
    first, second, third = model.convolutions()
    r = first.record
    assert (r.kernel, first.in_shape(), first.out_shape(), r.pool_type) == (3, (1, 28, 28), (16, 14, 14), 1)
    assert (r.src_row, r.dst_row, first.to_main) == (32740, 32684, False)
    offsets = [(c.record_offset, c.weights_offset, c.bn_offset, c.act_offset) for c in (first, second, third)]
    assert offsets == [(152, 256, 512, 768), (936, 1152, 5760, 6144), (207256, 207360, 207744, 207872)]
    assert (second.to_main, second.out) == (True, 0)
    assert (third.to_main, third.out, third.record.src_row, third.record.dst_row) == (True, 13952, 32736, 32724)
    flatten, fc, quantize = model.layers[3], model.layers[4], model.layers[5]
    assert isinstance(flatten, v3_main.TensorflowFlatten)
    assert (flatten.source, flatten.out, flatten.width, flatten.height, flatten.channels) == (1568, 7840, 7, 7, 32)
    assert isinstance(fc, v3_main.FullyConnected)
    assert (fc.source, fc.out, fc.in_channels, fc.out_channels, fc.act) == (7840, 7712, 1568, 32, 1)
    assert isinstance(quantize, v3_main.Quantize)
    assert quantize.scale == pytest.approx(0.0437461, rel=1e-5)
    assert model.output_shape(0) == (10, 1, 1)


def test_dump_of_mask(shared_models: pathlib.Path) -> None:
    model = parse.parse((shared_models / "v3_mask.kmodel").read_bytes())
    loads = [c.record.loads for c in model.convolutions()]
    assert loads[3:6] == [3, 10, 40]
    pool = model.layers[5]
    assert isinstance(pool, v3_main.QuantizedMaxPool)
    assert (pool.in_height, pool.out_height, pool.source, pool.out) == (15, 8, 0, 76800)
    upload = model.layers[6]
    assert isinstance(upload, v3_kpu.Upload)
    assert (upload.source, upload.row) == (76800, 32256)
    assert model.output_shape(0) == (35, 8, 10)


@pytest.mark.parametrize("name", ["mnist", "mask", "iris", "yolo20", "mbnet751", "ld5"])
def test_writing_a_file_again_gives_the_same_bytes(shared_models: pathlib.Path, name: str) -> None:
    """The writer lays a model out as the vendor's compiler did (whose last padding may be missing)."""
    data = (shared_models / f"v3_{name}.kmodel").read_bytes()
    again = build_v3.write(parse.parse(data))
    assert again[: len(data)] == data
    assert again[len(data) :] == bytes(4 if name in ("iris", "yolo20") else 0)


def test_swapped_package_equals_the_plain_one(shared_models: pathlib.Path) -> None:
    plain = kfpkg.read(shared_models / "v3_face_at_0x300000.kfpkg")
    swapped = kfpkg.read(shared_models / "v3_face_be_at_0x600000.kfpkg")
    assert [(m.name, m.address) for m in plain] == [("facedetect.kmodel", 0x300000)]
    assert parse.swap_words(swapped[0].data) == plain[0].data
    assert parse.parse(swapped[0].data) == parse.parse(plain[0].data)


def test_swapping_pads_with_zeros_in_ascii() -> None:
    assert parse.swap_words(b"abcde") == b"dcba000e"


# A small model with a layer of every kind that has limits of its own.


def small_model() -> bytes:
    noise = np.random.default_rng(5)
    kernel = Kernel(
        noise.integers(0, 256, (4, 1, 3, 3)).astype(np.uint8), [BnEntry(9, 4, 5)] * 4, tables.linear_act(1, 3)
    )
    b = Builder()
    x = b.conv(b.input_map(Shape(1, 8, 8)), kernel, pool=1)
    block = b.to_main(x)
    pool = v3_main.QuantizedMaxPool(
        source=0, out=0, in_width=4, in_height=4, in_channels=4, out_width=2, out_height=2, out_channels=4,
        kernel_width=2, kernel_height=2, stride_width=2, stride_height=2, pad_width=0, pad_height=0,
    )  # fmt: skip
    block = b.step(pool, {"source": block}, 16, 1)
    block = b.step(v3_main.Requantize(source=0, out=0, count=16, table=bytes(range(256))), {"source": block}, 16, 1)
    block = b.remove_padding(b.to_main(b.conv(b.add_padding(block), fully_connected(noise))))
    block = b.global_average(b.dequantize(block, 0.5, -3.0), 3)
    weights = noise.normal(size=(2, 3)).astype(np.float32)
    block = b.fully_connected(block, weights, np.ones(2, np.float32))
    b.output(b.softmax(block))
    return b.build()


def fully_connected(noise: np.random.Generator) -> Kernel:
    weights = noise.integers(0, 256, (3, 16, 1, 1)).astype(np.uint8)
    return Kernel(weights, [BnEntry(9, 4, 5)] * 3, tables.linear_act(1, 5))


SMALL = small_model()
FIRST_BODY = 28 + 8 + 8 * 10


def test_the_small_model_is_as_built() -> None:
    model = parse.parse(SMALL)
    assert [layer.NAME for layer in model.layers] == [
        "K210_CONV", "QUANTIZED_MAX_POOL2D", "REQUANTIZE", "K210_ADD_PADDING", "K210_CONV", "K210_REMOVE_PADDING",
        "DEQUANTIZE", "GLOBAL_AVERAGE_POOL2D", "FULLY_CONNECTED", "SOFTMAX",
    ]  # fmt: skip
    assert model.warnings == []
    assert build_v3.write(model) == SMALL


def test_every_truncation_is_refused_but_for_the_last_padding() -> None:
    used = parse.parse(SMALL).layers[-1]
    end = used.position + used.used_size()
    assert len(SMALL) - end < 8
    for length in range(len(SMALL)):
        if length >= end:
            assert "padding" in parse.parse(SMALL[:length]).warnings[-1]
        else:
            with pytest.raises(KModelError):
                parse.parse(SMALL[:length])


def test_trailing_bytes_are_reported() -> None:
    assert parse.parse(SMALL + bytes(16)).warnings == ["16 bytes behind the model"]


def test_flipped_bytes_never_do_worse_than_an_error() -> None:
    for at in range(len(SMALL)):
        for value in (0, 1, 0x7F, 0x80, 0xFF):
            try:
                parse.parse(SMALL[:at] + bytes([value]) + SMALL[at + 1 :])
            except KModelError as error:
                assert str(error)


def patched(at: int, value: int) -> bytes:
    return SMALL[:at] + struct.pack("<I", value) + SMALL[at + 4 :]


@pytest.mark.parametrize(
    ("at", "value", "text"),
    [
        (12, 0, "layer count 0"),
        (12, 4097, "layer count 4097"),
        (12, 0xFFFFFFFF, "layer count 4294967295"),
        (12, 4000, "ends inside its tables"),
        (20, 0, "ends behind the main memory of 0"),
        (24, 0, "output count 0"),
        (24, 0x80000000, "output count 2147483648"),
        (28, 2, "output 0: address 2"),
        (28, 0xFFFFFFFC, "output 0 ends at"),
        (32, 0, "size 0"),
        (32, 6, "size 6"),
        (36, 26, r"layer 0 \(type 26\): layer type 26 is not supported: unknown"),
        (36, 10, r"layer 0 \(QUANTIZED_AVERAGE_POOL2D\).*not supported"),
        (40, 20, r"layer 0 \(K210_CONV\): body of 20 bytes is shorter than the 24"),
        (40, 0xFFFFFFF8, r"ends \d+ bytes behind the end of the file"),
    ],
)
def test_bad_headers(at: int, value: int, text: str) -> None:
    with pytest.raises(KModelError, match=text):
        parse.parse(patched(at, value))


def change(model: ModelV3, index: int, **fields: Any) -> None:
    layer = model.layers[index]
    for name, value in fields.items():
        target = layer.record if isinstance(layer, v3_kpu.Conv) and hasattr(layer.record, name) else layer
        setattr(target, name, value)


E_RULES: list[tuple[int, dict[str, Any], str]] = [
    (0, {"kernel_type": 2}, "kernel type 2"),
    (0, {"pool_type": 10}, "pool type 10"),
    (0, {"depthwise": 1}, "depthwise with 1 input and 4 output"),
    (0, {"out_width": 5}, "output 5x4 does not follow from input 8x8"),
    (0, {"in_group": 2}, "input group, row pitch and channel pitch are .2, 1, 8."),
    (0, {"in_channel_pitch": 9}, "input group"),
    (0, {"out_row_pitch": 2}, "output group"),
    (0, {"src_row": 32767}, "input rows 32767..32774 end behind the last row 32767"),
    (0, {"dst_row": 32765}, "output rows 32765..32768"),
    (0, {"loads": 2}, "2 weight loads of 36 bytes"),
    (0, {"para_size": 40}, "1 weight loads of 40 bytes"),
    (0, {"out": 1 << 20}, "output at 1048576 with 64 bytes ends behind the main memory"),
    (1, {"stride_width": 0}, "stride_width is 0"),
    (1, {"kernel_height": 0}, "kernel_height is 0"),
    (1, {"out_channels": 5}, "4 input channels, but 5 output channels"),
    (1, {"pad_width": 2}, "window lies outside the map: width 4"),
    (1, {"out_height": 4}, "window lies outside the map: height 4"),
    (1, {"in_width": 0xFFFFFFFF}, "elements"),
    (2, {"count": 0}, "input is empty"),
    (2, {"source": 0xFFFFFFFF}, "ends behind the main memory"),
    (3, {"row": 32753}, "KPU rows 32753..32768"),
    (3, {"channels": 0}, "channels is 0"),
    (5, {"channels": 200}, "input at .* with 3200 bytes"),
    (6, {"scale": 0.0}, "scale 0.0"),
    (6, {"scale": float("nan")}, "scale nan"),
    (6, {"bias": float("inf")}, "bias inf"),
    (6, {"out": 2}, "output at 2 is not a multiple of 4"),
    (7, {"kernel_size": 0}, "kernel_size is 0"),
    (8, {"act": 3}, "activation 3"),
    (8, {"in_channels": 0x40000000}, "weights and biases need"),
    (8, {"out_channels": 0}, "out_channels is 0"),
]


@pytest.mark.parametrize(("index", "fields", "text"), E_RULES)
def test_bad_layers(index: int, fields: dict[str, Any], text: str) -> None:
    model = parse.parse(SMALL)
    change(model, index, **fields)
    with pytest.raises(KModelError, match=text) as caught:
        parse.parse(build_v3.write(model))
    assert str(caught.value).startswith(f"layer {index} (")


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        (8, 16, "layer record at 16 points into the header"),
        (8, 0xFFFFFFF8, "layer record at 4294967288 with 96 bytes ends behind"),
        (12, 24, "weights at 24 points into the header"),
        (16, 0x7FFFFFF8, "BN table at 2147483640"),
        (16, FIRST_BODY + 200 | 1, "is not a multiple of 8"),
        (20, len(SMALL) - 143, "activation table at"),
    ],
)
def test_bad_table_offsets(field: int, value: int, text: str) -> None:
    position = parse.parse(SMALL).layers[0].position
    with pytest.raises(KModelError, match=text):
        parse.parse(patched(position + field, value))


def one_layer(layer: Layer, main_memory: int = 4096) -> bytes:
    return build_v3.write(ModelV3(1, 32768, main_memory, [v3.Output(0, 4)], [layer]))


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (v3_main.Concat(out=0, count=0), "reads nothing|empty"),
        (v3_main.Concat(out=0, count=3, parts=[(0, 4), (8, 4)]), "3 parts need 24 bytes"),
        (v3_main.Requantize(source=0, out=0, count=4, table=bytes(100)), "256 table entries need 256 bytes"),
        (
            v3_main.ChannelwiseDequantize(source=0, out=0, channels=3, channel_size=1, params=[(1.0, 0.0)] * 2),
            "3 scales and biases need 24",
        ),
        (
            v3_main.ResizeNearest(
                source=0, out=0, in_width=1, in_height=0, channels=1, out_width=1, out_height=1, align_corners=0
            ),
            "in_height is 0",
        ),
        (
            v3_main.QuantizedAdd(
                a=0, b=0, out=0, count=1, a_offset=0, a_mul=1, a_shift=64, b_offset=0, b_mul=1, b_shift=0,
                out_offset=0, out_mul=1, out_shift=0,
            ),
            "a_shift 64",
        ),
        (v3_kpu.Upload(source=0, row=32768, width=1, height=1, channels=1), "KPU rows 32768..32768"),
    ],
)  # fmt: skip
def test_bad_layers_of_other_kinds(layer: Layer, text: str) -> None:
    with pytest.raises(KModelError, match=text):
        parse.parse(one_layer(layer))


WARNINGS: list[tuple[Callable[[ModelV3], None], str]] = [
    (lambda m: change(m, 0, int_en=1), "int_en is 1"),
    (lambda m: change(m, 0, bypass_conv=1), "bypass_conv is 1"),
    (lambda m: change(m, 0, total_bytes=1), "stream lengths 16, 1"),
    (lambda m: change(m, 0, dst_row=m.convolutions()[0].record.src_row), "overlap input rows"),
    (lambda m: setattr(m, "flags", 3), "unknown flags 0x3"),
    (lambda m: setattr(m, "max_start_address", 5), "max_start_address is 5"),
]


@pytest.mark.parametrize(("alter", "text"), WARNINGS)
def test_oddities_are_warnings(alter: Callable[[ModelV3], None], text: str) -> None:
    model = parse.parse(SMALL)
    alter(model)
    assert any(text in warning for warning in parse.parse(build_v3.write(model)).warnings)


def test_sizes_of_the_fixed_parts() -> None:
    """Spec kmodel.md 3.3."""
    sizes = {
        1: 20, 2: 56, 5: 20, 7: 64, 8: 60, 9: 64, 11: 24, 12: 24, 13: 16, 14: 16, 15: 16, 16: 12, 17: 12, 18: 24,
        20: 24, 22: 36, 23: 36, 24: 20, 25: 16, 10240: 24, 10241: 16, 10242: 16, 10243: 24,
    }  # fmt: skip
    assert {number: cls.fixed_size() for number, cls in LAYERS.items()} == sizes
    assert not sizes.keys() & UNDEFINED.keys()
    assert sizes.keys() | UNDEFINED.keys() == {*range(26), *range(10240, 10244)}


INPUTS: list[tuple[Layer, tuple[int, int, int], bool]] = [
    (v3_main.Quantize(source=8, out=0, count=6, scale=1.0, bias=0.0), (6, 1, 1), True),
    (v3_kpu.AddPadding(source=8, row=0, channels=5), (5, 1, 1), False),
    (v3_kpu.Upload(source=8, row=0, width=4, height=3, channels=2), (2, 3, 4), False),
    (v3_main.TensorflowFlatten(source=8, out=0, width=4, height=3, channels=2), (2, 3, 4), True),
    (v3_main.Dequantize(source=8, out=0, count=7, scale=1.0, bias=0.0), (7, 1, 1), False),
]


@pytest.mark.parametrize(("layer", "shape", "is_float"), INPUTS)
def test_input_follows_from_the_first_layer(layer: Layer, shape: tuple[int, int, int], is_float: bool) -> None:
    wanted = parse.parse(one_layer(layer)).input
    assert (wanted.shape, wanted.is_float, wanted.address, wanted.row) == (shape, is_float, 8, None)


def package(listing: str, **members: bytes) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("flash-list.json", listing)
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return stream


def write_package(path: pathlib.Path, listing: str, **members: bytes) -> pathlib.Path:
    path.write_bytes(package(listing, **members).getvalue())
    return path


@pytest.mark.parametrize("address", ["0x300000", "3145728", '"0x300000"', " 0X300000"])
def test_package_addresses(tmp_path: pathlib.Path, address: str) -> None:
    listing = '\ufeff{"version": "0.1.1",\r\n"files": [{"address":%s, "bin": "m.kmodel", "sha256Prefix": false}]}'
    members = kfpkg.read(write_package(tmp_path / "a.kfpkg", listing % address, m_kmodel=SMALL))
    assert members == [kfpkg.Member("m.kmodel", 0x300000, False, False, SMALL)]
    assert models.read(tmp_path / "a.kfpkg") == SMALL


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([{"address": 0, "bin": "x.bin"}], "x.bin, which is not in the package"),
        ([{"address": 1 << 24, "bin": "m.kmodel"}], "do not fit the 16 MiB flash"),
        ([{"address": 0, "bin": "m.kmodel"}, {"address": 8, "bin": "m.kmodel"}], "runs into"),
        ([{"bin": "m.kmodel"}], "malformed"),
        ([{"address": "zero", "bin": "m.kmodel"}], "malformed"),
    ],
)
def test_bad_packages(tmp_path: pathlib.Path, entries: Any, text: str) -> None:
    path = write_package(tmp_path / "a.kfpkg", json.dumps({"files": entries}), m_kmodel=SMALL)
    with pytest.raises(kfpkg.PackageError, match=text):
        kfpkg.read(path)


def test_info_on_the_command_line(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.kmodel"
    path.write_bytes(SMALL)
    assert main(["model", "info", str(path)]) == 0
    text = capsys.readouterr().out
    assert "3x3 1x8x8 → 4x4x4, max 2x2" in text
    assert "SOFTMAX" in text
    assert main(["model", "info", "--json", str(path)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["input"] == {"shape": [1, 8, 8], "type": "u8"}
    assert [out["shape"] for out in told["outputs"]] == [[2, 1, 1]]
    assert told["layers"][0]["record"]["out_channels"] == 4
    path.write_bytes(b"\xff" * 4096)
    assert main(["model", "info", str(path)]) == 1
    assert "erased flash" in capsys.readouterr().err
