"""Every V4 model by others: expected outputs on the lcg input and on pictures (shared models' README)."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from .builder import swap_words
from .conftest import Runtime
from .test_v3_models import check_pictures, lcg

# With a file of all outputs; False: sums of products in f32, whose order may differ.
EXACT = {
    "iris": False, "maix_asr": True, "mask_small": True, "mnist112": False, "rfb320": True, "seg32": True,
    "seg32_conv": True, "seg32_tconv": True, "ultra_face": True, "yolo20": True,
}  # fmt: skip


def lcg_input(folder: pathlib.Path, name: str) -> bytes:
    entry = json.loads((folder / "expected.json").read_text())[f"v4_{name}.kmodel"]["input"]
    data = lcg(int(np.prod(entry["shape"])))
    if entry["dtype"] == "f32":
        return (np.frombuffer(data, np.uint8).astype(np.float32) / np.float32(255)).tobytes()
    return data


@pytest.mark.parametrize("name", EXACT)
def test_lcg(runtime: Runtime, shared_models: pathlib.Path, name: str) -> None:
    answer = runtime.job((shared_models / f"v4_{name}.kmodel").read_bytes(), lcg_input(shared_models, name))
    files = sorted(shared_models.glob(f"v4_{name}.lcg.y*.bin"))
    assert len(files) == len(answer.outputs)
    for out, file in zip(answer.outputs, files, strict=True):
        expected = np.fromfile(file, "<f4")
        if EXACT[name]:
            assert np.array_equal(out.f32, expected)
        else:
            np.testing.assert_allclose(out.f32, expected, rtol=2e-6, atol=1e-6)


def test_large_main_memory(runtime: Runtime, shared_models: pathlib.Path) -> None:
    """4 KB of file, 2.2 MB of main memory; of its 430,080 results only figures are at hand."""
    model = (shared_models / "v4_seg128_tiny.kmodel").read_bytes()
    out = runtime.job(model, lcg_input(shared_models, "seg128_tiny")).outputs[0]
    expected = json.loads((shared_models / "expected.json").read_text())["v4_seg128_tiny.kmodel"]["lcg"]["outputs"][0]
    assert out.f32.size == expected["count"]
    assert (out.f32.min(), out.f32.max()) == (expected["min"], expected["max"])
    assert out.f32.astype(np.float64).mean() == pytest.approx(expected["mean"], rel=1e-6)
    assert out.f32.argmax() == expected["argmax"]
    assert (out.shape, out.n) == ((160, 128, 21), 1)
    code, detail = runtime.job(model, memory_limit=2 << 20).error
    assert code == 2006
    assert "2178568 bytes in one piece for the work memory" in detail


@pytest.mark.parametrize("name", ["yolo20", "rfb320", "ultra_face", "mnist112"])
def test_pictures(runtime: Runtime, shared_models: pathlib.Path, name: str) -> None:
    entry = json.loads((shared_models / "expected.json").read_text())[f"v4_{name}.kmodel"]
    images = [image for image in entry["images"] if "outputs" in image]
    check_pictures(runtime, (shared_models / f"v4_{name}.kmodel").read_bytes(), images, shared_models)


@pytest.mark.parametrize(("digit", "value"), [(7, 26.18), (1, 28.1)])
def test_digits(runtime: Runtime, shared_models: pathlib.Path, digit: int, value: float) -> None:
    pixels = np.asarray(Image.open(shared_models / f"digit{digit}_28x28.bmp").convert("L"))
    big = np.repeat(np.repeat(pixels, 4, 0), 4, 1)
    out = runtime.job((shared_models / "v4_mnist112.kmodel").read_bytes(), big.tobytes()).outputs[0].f32
    assert out.argmax() == digit
    assert out.max() == pytest.approx(value, abs=0.01)


def test_iris_known_answer(runtime: Runtime, shared_models: pathlib.Path) -> None:
    """Spec kmodel.md 9.2: the same in V3, V4 and V5."""
    model = (shared_models / "v4_iris.kmodel").read_bytes()
    out = runtime.job(model, np.array([5.1, 3.8, 1.9, 0.4], np.float32).tobytes()).outputs[0]
    np.testing.assert_allclose(out.f32, [16.0778, 5.60766, -2.07175], rtol=1e-5)


FIGURES = {"yolo20": (1352232, 43752, 967680), "rfb320": (333200, 548736, 1704960), "maix_asr": (797632, 33600, 164864)}


@pytest.mark.parametrize("name", FIGURES)
def test_figures(runtime: Runtime, shared_models: pathlib.Path, name: str) -> None:
    """The numbers of spec kmodel.md 6.1: model, main memory, AI RAM."""
    answer = runtime.job((shared_models / f"v4_{name}.kmodel").read_bytes())
    info = answer.raw["info"]
    assert (info["file"], info["main"], info["kpu_rows"] * 64) == FIGURES[name]


def test_layers(runtime: Runtime, shared_models: pathlib.Path) -> None:
    """The dump of spec kmodel.md 9.3: a model with 997,632 bytes of other data behind it."""
    layers = runtime.job((shared_models / "v4_maix_asr.kmodel").read_bytes()).raw["layers"]
    assert [(layer["name"], layer["bytes"]) for layer in layers] == [
        ("kpu_conv2d", 1064), ("kpu_conv2d", 11432), ("kpu_conv2d", 21632), ("transpose", 64), ("pad", 88),
        ("kpu_upload", 48), ("kpu_conv2d", 496184), ("kpu_conv2d", 266752), ("pad", 88), ("transpose", 64),
        ("dequantize", 40),
    ]  # fmt: skip
    assert (layers[0]["in"], layers[0]["out"], layers[0]["kpu"]) == ([80, 28, 1], [40, 14, 24], [0, 1, 5, 216])
    assert (layers[8]["in"], layers[8]["out"]) == ([4, 7, 512], [1, 7, 512])


def test_word_swapped(runtime: Runtime, shared_models: pathlib.Path) -> None:
    model = (shared_models / "v4_mask_small.kmodel").read_bytes()
    data = lcg_input(shared_models, "mask_small")
    answer = runtime.job(swap_words(model), data)
    assert answer.raw["info"]["swapped"] == 1
    assert answer.outputs[0].data == runtime.job(model, data).outputs[0].data


def test_memory_comes_back(runtime: Runtime, shared_models: pathlib.Path) -> None:
    """Whichever allocation or read fails, the load names a reason and returns everything (checked by Answer)."""
    model = (shared_models / "v4_mask_small.kmodel").read_bytes()
    data = lcg_input(shared_models, "mask_small")
    whole = runtime.job(model, data)
    for n in range(1, whole.raw["allocs"] + 1):
        assert runtime.job(model, data, fail_alloc=n).error[0] == 2006
    for n in range(1, whole.raw["reads"] + 1):
        assert runtime.job(model, data, fail_read=n).error[0] == 2005


@pytest.mark.parametrize("result", [1, 2, 3])
def test_kpu_that_fails(runtime: Runtime, shared_models: pathlib.Path, result: int) -> None:
    """The run ends with an error, the next one is right."""
    model = (shared_models / "v4_mask_small.kmodel").read_bytes()
    data = lcg_input(shared_models, "mask_small")
    answer = runtime.job(model, data, kpu_result=result)
    assert answer.raw["first_run"]["code"] == (1 if result == 3 else 2008)
    assert answer.outputs[0].data == runtime.job(model, data).outputs[0].data


def test_stop_at_every_poll(runtime: Runtime, shared_models: pathlib.Path) -> None:
    model = (shared_models / "v4_mask_small.kmodel").read_bytes()
    data = lcg_input(shared_models, "mask_small")
    expected = runtime.job(model, data)
    for n in range(1, 1 + min(60, expected.raw["polls"] - 5)):
        answer = runtime.job(model, data, stop_run=n)
        assert answer.raw["first_run"]["code"] == 1
        assert answer.outputs[0].data == expected.outputs[0].data
