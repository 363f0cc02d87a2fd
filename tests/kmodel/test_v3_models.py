"""Every V3 model by others: expected outputs on the lcg input and on pictures (shared models' README)."""

from __future__ import annotations

import io
import json
import pathlib
import zipfile
from typing import Any

import numpy as np
import pytest
from PIL import Image

from .builder import swap_words
from .conftest import Runtime

LCG = ["iris", "mnist", "ld5", "mask", "yolo20", "mbnet751"]


def lcg(count: int) -> bytes:
    state, out = 1, bytearray()
    for _ in range(count):
        state = (1664525 * state + 1013904223) & 0xFFFFFFFF
        out.append(state >> 24)
    return bytes(out)


def kfpkg_member(path: pathlib.Path, suffix: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(next(n for n in archive.namelist() if n.endswith(suffix)))


def planar(image: Image.Image) -> bytes:
    pixels = np.asarray(image)
    return (pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)).tobytes()


@pytest.mark.parametrize("name", LCG)
def test_lcg(runtime: Runtime, shared_models: pathlib.Path, name: str) -> None:
    model = (shared_models / f"v3_{name}.kmodel").read_bytes()
    expected = np.fromfile(shared_models / f"v3_{name}.lcg.y0.bin", "<f4")
    if name == "iris":
        data = (np.frombuffer(lcg(4), np.uint8).astype(np.float32) / np.float32(255)).tobytes()
    else:
        shape = json.loads((shared_models / "expected.json").read_text())[f"v3_{name}.kmodel"]["input"]["shape"]
        data = lcg(int(np.prod(shape)))
    out = runtime.job(model, data).outputs[0].f32
    if name in ("mask", "yolo20"):
        assert np.array_equal(out, expected)  # integer up to one product and one sum
    else:
        np.testing.assert_allclose(out, expected, rtol=2e-6, atol=1e-6)


def check_pictures(runtime: Runtime, model: bytes, entries: list[dict[str, Any]], folder: pathlib.Path) -> None:
    for entry in entries:
        image = Image.open(folder / entry["image"])
        image = image.convert("L" if entry["how"].startswith("grayscale") else "RGB")
        if "every pixel repeated 4x4" in entry["how"]:
            image = image.resize((4 * image.width, 4 * image.height), Image.Resampling.NEAREST)
        if "pasted at x 96, y 56" in entry["how"]:
            canvas = Image.new("RGB", (320, 240))
            canvas.paste(image, (96, 56))
            image = canvas
        for out, expected in zip(runtime.job(model, planar(image)).outputs, entry["outputs"], strict=True):
            values = out.f32
            assert values.size == expected["count"]
            np.testing.assert_allclose(values[:6], expected["first"], rtol=1e-5, atol=1e-7)
            assert values.min() == pytest.approx(expected["min"], rel=1e-5)
            assert values.max() == pytest.approx(expected["max"], rel=1e-5)
            assert values.mean() == pytest.approx(expected["mean"], rel=1e-5)
            assert values.argmax() == expected["argmax"]


@pytest.mark.parametrize("name", ["v3_mnist.kmodel", "v3_yolo20.kmodel", "v3_mbnet751.kmodel", "v3_ld5.kmodel"])
def test_pictures(runtime: Runtime, shared_models: pathlib.Path, name: str) -> None:
    entry = json.loads((shared_models / "expected.json").read_text())[name]
    check_pictures(runtime, (shared_models / name).read_bytes(), entry["images"], shared_models)


def test_face(runtime: Runtime, shared_models: pathlib.Path) -> None:
    name = "v3_face_at_0x300000.kfpkg"
    entry = json.loads((shared_models / "expected.json").read_text())[name]
    model = kfpkg_member(shared_models / name, ".kmodel")
    check_pictures(runtime, model, entry["images"], shared_models)


def test_word_swapped(runtime: Runtime, shared_models: pathlib.Path) -> None:
    plain = kfpkg_member(shared_models / "v3_face_at_0x300000.kfpkg", ".kmodel")
    with zipfile.ZipFile(io.BytesIO((shared_models / "v3_face_be_at_0x600000.kfpkg").read_bytes())) as archive:
        members = [archive.read(n) for n in archive.namelist()]
    swapped = next(m for m in members if m[:4] == b"\0\0\0\3")
    data = lcg(230400)
    answer = runtime.job(swapped, data)
    assert answer.raw["info"]["swapped"] == 1
    assert answer.outputs[0].data == runtime.job(plain, data).outputs[0].data
    assert swap_words(plain) == swapped


def test_iris_known_answer(runtime: Runtime, shared_models: pathlib.Path) -> None:
    model = (shared_models / "v3_iris.kmodel").read_bytes()
    out = runtime.job(model, np.array([5.1, 3.8, 1.9, 0.4], np.float32).tobytes()).outputs[0]
    np.testing.assert_allclose(out.f32, [16.0778, 5.60766, -2.07175], rtol=1e-5)
    assert out.shape == (1, 1, 3)


def test_figures(runtime: Runtime, shared_models: pathlib.Path) -> None:
    """The numbers of spec kmodel.md 6.1 and 9.3."""
    mnist = runtime.job((shared_models / "v3_mnist.kmodel").read_bytes(), lcg(784))
    info = mnist.raw["info"]
    assert (info["file"], info["main"], info["kpu_rows"] * 64) == (208072, 14112, 8960)
    assert [layer["name"] for layer in mnist.raw["layers"]][:4] == [
        "K210_CONV",
        "K210_CONV",
        "DEQUANTIZE",
        "TENSORFLOW_FLATTEN",
    ]
    assert mnist.raw["layers"][0]["kpu"] == [0, 1, 1, 144]
    mask = runtime.job((shared_models / "v3_mask.kmodel").read_bytes(), lcg(230400))
    assert (mask.raw["info"]["main"], mask.raw["info"]["kpu_rows"] * 64) == (97280, 2097152)
    assert mask.outputs[0].shape == (10, 8, 35)
    assert mask.raw["layers"][5]["out"] == [10, 8, 256]


def test_kpu_layers_are_queued(runtime: Runtime, shared_models: pathlib.Path) -> None:
    """16 KPU layers in a row with nothing for the CPU between them: one call."""
    answer = runtime.job((shared_models / "v3_yolo20.kmodel").read_bytes(), lcg(230400))
    assert answer.raw["stats"]["calls"] == 1


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_set_layers(runtime: Runtime, shared_models: pathlib.Path, count: int) -> None:
    """The result of a layer is what the whole run hands to the next one."""
    model = (shared_models / "v3_mnist.kmodel").read_bytes()
    out = runtime.job(model, lcg(784), layers=count).outputs
    assert len(out) == 1
    assert (out[0].shape, out[0].type) == {
        1: ((14, 14, 16), 0),
        2: ((7, 7, 32), 0),
        3: ((7, 7, 32), 1),
        7: ((4, 4, 32), 0),
    }[count]
    if count == 3:
        before = runtime.job(model, lcg(784), layers=2).outputs[0].u8
        np.testing.assert_allclose(out[0].f32, before * np.float32(0.0166970), rtol=1e-4)


def test_set_layers_beyond_the_end(runtime: Runtime, shared_models: pathlib.Path) -> None:
    code, detail = runtime.job((shared_models / "v3_mnist.kmodel").read_bytes(), lcg(784), layers=12).error
    assert (code, detail) == (2011, "12 layers, the model has 11")


@pytest.mark.parametrize("name", ["refuse_v5_prerelease.kmodel", "refuse_v6_head.bin"])
def test_refused(runtime: Runtime, shared_models: pathlib.Path, name: str) -> None:
    code, detail = runtime.load_error((shared_models / name).read_bytes())
    assert code == 2002
    assert ("pre-release" if "v5" in name else "version 6 is not for the K210") in detail
