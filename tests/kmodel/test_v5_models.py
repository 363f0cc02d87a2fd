"""Every V5 model against the simulator of the compiler release that made it (shared models' README)."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from .builder import swap_words
from .conftest import Runtime

NAMES = [
    "100_cls_u8",
    "100_iris",
    "100_misc_u8",
    "100_mob_float",
    "110_cls_u8",
    "110_misc_prep",
    "110_tconv_float",
    "130_misc_u8",
    "130_mob_prep",
    "140_cls_u8",
    "140_iris",
    "140_mob_prep",
    "140_sine",
    "150_yolo_u8",
    "160_misc_prep",
    "171_mob_u8",
    "180_misc_prep",
    "190_bil_float",
    "190_bil_u8",
    "190_cls_f32in",
    "190_cls_i8in",
    "190_cls_prep",
    "190_cls_u8",
    "190_iris",
    "190_lm",
    "190_misc_float",
    "190_misc_u8",
    "190_mob_prep",
    "190_mob_u8",
    "190_sine",
    "190_tconv_i8out",
    "190_tconv_u8",
    "190_yolo_u8",
    "190_yolox",
]
TYPES = {"u8": (0, np.uint8), "f32": (1, np.float32), "i8": (2, np.int8)}


@pytest.mark.parametrize("name", NAMES)
def test_against_the_simulator(runtime: Runtime, shared_models: pathlib.Path, name: str) -> None:
    base = shared_models / f"v5_{name}"
    entry = json.loads((shared_models / "expected.json").read_text())[f"v5_{name}.kmodel"]
    data = base.with_suffix(".x.bin").read_bytes()
    answer = runtime.job(base.with_suffix(".kmodel").read_bytes(), data)
    outputs = answer.outputs
    assert len(outputs) == len(entry["outputs"])
    # Without a KPU layer the arithmetic is f32 from end to end, where the simulator's order of sums is not stated.
    exact = answer.raw["info"]["kpu_layers"] > 0
    for i, (out, want) in enumerate(zip(outputs, entry["outputs"], strict=True)):
        expected = base.with_suffix(f".y{i}.bin").read_bytes()
        assert list(out.dims) == want["shape"]
        assert out.type == TYPES[want["dtype"]][0]
        if exact:
            assert out.data == expected
        else:
            values = np.frombuffer(expected, "<f4")
            np.testing.assert_allclose(out.f32, values, rtol=1e-6, atol=1e-6 * float(np.abs(values).max()))


def test_all_models_are_tested(shared_models: pathlib.Path) -> None:
    assert sorted(p.stem[3:] for p in shared_models.glob("v5_*.kmodel")) == sorted(NAMES)


def test_input_shapes(runtime: Runtime, shared_models: pathlib.Path) -> None:
    """w, h, c of an input; with preprocessing the axes are N,H,W,C."""
    for name, shape, dims in (
        ("190_cls_u8", [32, 32, 3], [1, 3, 32, 32]),
        ("190_cls_prep", [3, 40, 24], [1, 24, 40, 3]),
        ("190_iris", [4, 1, 1], [1, 4]),
    ):
        answer = runtime.job((shared_models / f"v5_{name}.kmodel").read_bytes())
        assert (answer.raw["input"]["shape"], answer.raw["input"]["dims"]) == (shape, dims)


def test_planar_image_for_an_interleaved_input(runtime: Runtime, shared_models: pathlib.Path) -> None:
    base = shared_models / "v5_190_cls_prep"
    pixels = np.fromfile(base.with_suffix(".x.bin"), np.uint8).reshape(24, 40, 3)
    planar = pixels.transpose(2, 0, 1).tobytes()
    model = base.with_suffix(".kmodel").read_bytes()
    answer = runtime.job(model, planar, shape=(40, 24, 3))
    assert answer.outputs[0].data == base.with_suffix(".y0.bin").read_bytes()
    assert runtime.job(model, planar, shape=(24, 40, 3)).error == (
        2012,
        "input is 24x40x3, the model takes 3x40x24 (width, height, channels)",
    )


def test_word_swapped(runtime: Runtime, shared_models: pathlib.Path) -> None:
    base = shared_models / "v5_190_mob_u8"
    answer = runtime.job(swap_words(base.with_suffix(".kmodel").read_bytes()), base.with_suffix(".x.bin").read_bytes())
    assert answer.raw["info"]["swapped"] == 1
    assert answer.outputs[0].data == base.with_suffix(".y0.bin").read_bytes()


def test_figures(runtime: Runtime, shared_models: pathlib.Path) -> None:
    """The numbers of spec kmodel.md 6.1 and 9.3."""
    yolox = runtime.job((shared_models / "v5_190_yolox.kmodel").read_bytes()).raw["info"]
    assert (yolox["file"], yolox["kpu_rows"] * 64) == (1066456, 630784)
    lm = runtime.job((shared_models / "v5_190_lm.kmodel").read_bytes()).raw["info"]
    assert (lm["file"], lm["kpu_rows"] * 64) == (418088, 1704960)
    # Pools, outputs and the slack behind each of them.
    assert 1843200 + 50560 + 126400 + 25280 <= lm["main"] < 1843200 + 50560 + 126400 + 25280 + 64
    yolo = runtime.job((shared_models / "v5_190_yolo_u8.kmodel").read_bytes()).raw["layers"]
    assert [layer["name"] for layer in yolo] == [
        *("CALL", "DEQUANTIZE", "REDUCE_WINDOW2D", "QUANTIZE", "CALL", "DEQUANTIZE", "DEQUANTIZE", "RESIZE_IMAGE"),
        *("QUANTIZE", "CALL", "DEQUANTIZE"),
        *("kpu_upload", "kpu_conv2d", "kpu_conv2d", "kpu_download"),
        *(["kpu_upload"] + ["kpu_conv2d"] * 2 + ["kpu_download", "kpu_conv2d", "kpu_download"]),
        *("kpu_upload", "kpu_conv2d", "kpu_download"),
    ]
    assert yolo[2]["in"] == [32, 32, 32] and yolo[2]["out"] == [16, 16, 32]


def test_kpu_layers_are_queued(runtime: Runtime, shared_models: pathlib.Path) -> None:
    """One call of the KPU for the convolutions between an upload and a download."""
    base = shared_models / "v5_190_yolo_u8"
    answer = runtime.job(base.with_suffix(".kmodel").read_bytes(), base.with_suffix(".x.bin").read_bytes())
    assert answer.raw["stats"]["calls"] == 4


def test_set_layers_is_refused(runtime: Runtime, shared_models: pathlib.Path) -> None:
    model = (shared_models / "v5_190_iris.kmodel").read_bytes()
    assert runtime.job(model, bytes(16), layers=1).error == (
        2014,
        "a kmodel V5 cannot be stopped between its operations",
    )


def test_stops(runtime: Runtime, shared_models: pathlib.Path) -> None:
    """Ctrl-C and a KPU that hangs end a run; the next one is right."""
    base = shared_models / "v5_190_mob_u8"
    model, data = base.with_suffix(".kmodel").read_bytes(), base.with_suffix(".x.bin").read_bytes()
    for stop_run, kpu_result, code in ((1, 0, 1), (2, 0, 1), (0, 2, 2008), (0, 3, 1)):
        answer = runtime.job(model, data, stop_run=stop_run, kpu_result=kpu_result)
        assert answer.raw["first_run"]["code"] == code
        assert answer.outputs[0].data == base.with_suffix(".y0.bin").read_bytes()
