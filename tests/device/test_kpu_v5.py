"""kmodel V5 on the board: the same bytes as the simulator of the compiler that made the models."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from kpu_board import MODEL_AT, board, error, failure, free_memory, outcome, read_fmap, remarks
from kpupy.testing.board import SessionBoard
from PIL import Image

# Outputs that depend on no transcendental function and no order of sums are equal to the byte.
EXACT = ["190_yolo_u8", "190_tconv_i8out", "190_yolox", "190_lm"]
CLOSE = ["100_cls_u8", "190_cls_i8in", "190_mob_prep", "190_cls_f32in", "140_iris", "110_tconv_float"]


@pytest.mark.parametrize("name", EXACT + CLOSE)
def test_equals_the_simulator(session_board: SessionBoard, shared_models: pathlib.Path, name: str) -> None:
    base = shared_models / f"v5_{name}"
    model, data = base.with_suffix(".kmodel").read_bytes(), base.with_suffix(".x.bin").read_bytes()
    outputs = sorted(shared_models.glob(f"v5_{name}.y*.bin"))
    with board(session_board, {MODEL_AT: model}, {"x.bin": data}) as dut:
        dut.exec("x = open('/flash/x.bin', 'rb').read()", timeout_ms=30_000)
        before = free_memory(dut)
        dut.exec(f"m = kpu.load({MODEL_AT:#x})", timeout_ms=30_000)
        for i, path in enumerate(outputs):
            code = f"kpu.forward(m, x)\nf = kpu.get_output(m, {i})\nprint(f)"
            found = read_fmap(dut, code, timeout_ms=240_000)
            expected = path.read_bytes()
            if name in EXACT:
                assert found.data == expected
            else:
                values = np.frombuffer(expected, "<f4")
                np.testing.assert_allclose(found.f32, values, rtol=1e-5, atol=1e-6 * float(np.abs(values).max()))
        dut.exec("kpu.deinit(m); m = f = None")
        assert free_memory(dut) == before
        assert remarks(dut) == []


def test_image_for_a_model_with_preprocessing(
    session_board: SessionBoard, shared_models: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """The planes of an image and the interleaved bytes of the same pixels give one result."""
    model = (shared_models / "v5_190_cls_prep.kmodel").read_bytes()
    rng = np.random.default_rng(2)
    # Colours that RGB565 keeps: what its five and six bits become as bytes.
    five = np.array([(v * 255 + 15) // 31 for v in rng.integers(0, 32, (24, 40, 2)).flat], np.uint8).reshape(24, 40, 2)
    six = np.array([(v * 255 + 31) // 63 for v in rng.integers(0, 64, (24, 40)).flat], np.uint8).reshape(24, 40)
    pixels = np.stack([five[..., 0], six, five[..., 1]], -1)
    Image.fromarray(pixels).save(tmp_path / "p.bmp")
    files = {"p.bmp": (tmp_path / "p.bmp").read_bytes(), "x.bin": pixels.tobytes()}
    with board(session_board, {MODEL_AT: model}, files) as dut:
        dut.exec("img = image.Image('/flash/p.bmp'); img.pix_to_ai()", timeout_ms=30_000)
        lines = outcome(
            dut,
            f"m = kpu.load({MODEL_AT:#x})\na = kpu.forward(m, img)[:]\n"
            "b = kpu.forward(m, open('/flash/x.bin', 'rb').read())[:]\nprint(a == b, len(a), min(a) < max(a))",
            timeout_ms=120_000,
        )
        assert lines[-1] == "True 10 True"


def test_types_and_inputs(session_board: SessionBoard, shared_models: pathlib.Path) -> None:
    base = shared_models / "v5_190_tconv_i8out"
    models = {MODEL_AT: base.with_suffix(".kmodel").read_bytes()}
    models[MODEL_AT + 0x10000] = (shared_models / "v5_140_iris.kmodel").read_bytes()
    models[MODEL_AT + 0x20000] = (shared_models / "refuse_v5_prerelease.kmodel").read_bytes()
    with board(session_board, models, {"x.bin": base.with_suffix(".x.bin").read_bytes()}) as dut:
        dut.exec(f"m = kpu.load({MODEL_AT:#x}); n = kpu.load({MODEL_AT + 0x10000:#x})")
        dut.exec("x = open('/flash/x.bin', 'rb').read(); f = kpu.forward(m, x)", timeout_ms=60_000)
        expected = np.fromfile(base.with_suffix(".y0.bin"), np.int8)
        assert dut.eval("(f.typecode(), f.w(), f.h(), f.ch(), f.size())") == ("b", 32, 32, 4, 4096)
        assert dut.eval("f[480:490]") == tuple(expected[480:490].tolist())
        dut.exec("from array import array\na = kpu.forward(n, [5.1, 3.8, 1.9, 0.4])[:]")
        assert dut.eval("a == kpu.forward(n, array('f', [5.1, 3.8, 1.9, 0.4]))[:]") is True
        assert dut.eval("a == kpu.forward(n, (array('f', [5.1, 3.8, 1.9, 0.4]),))[:]") is True
        assert dut.eval("[round(v, 3) for v in a]") == [16.078, 5.608, -2.072]
        text = "[MAIXPY]kpu: input 0 has 3071 bytes, the model takes 3072"
        assert failure(dut, "kpu.forward(m, x[1:])") == error("ValueError", text)
        assert dut.eval("kpu.set_outputs(m, 0, 64, 16, 4)") is True
        wrong = failure(dut, f"kpu.load({MODEL_AT + 0x20000:#x})")
        assert "2002" in wrong and "pre-release nncase; recompile with nncase 1.x" in wrong
