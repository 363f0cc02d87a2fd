"""init_yolo2 and run_yolo2 on the board (spec maixpy-kpu.md 4)."""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Iterator

import pytest
from kpu_board import MODEL_AT, board, error, failure, free_memory
from kpupy import models
from kpupy.testing import Dut, ExecError
from kpupy.testing.board import SessionBoard
from PIL import Image
from small_models import RED_HEIGHT, RED_WIDTH, bmp, gray_noise, red_dots, red_finder

DIGITS, RED = MODEL_AT, 0x400000
FACE_ANCHORS = (1.889, 2.5245, 2.9465, 3.94056, 3.99987, 5.3658, 5.155437, 6.92275, 6.718375, 9.01025)
VOC_ANCHORS = (1.08, 1.19, 3.42, 4.41, 6.63, 11.38, 9.42, 5.11, 16.62, 10.52)
REGION = error("ValueError", "[MAIXPY]kpu: region_layer_init err!\r\n")
DOTS = ((20, 10), (22, 10), (60, 45), (0, 0))


@pytest.fixture
def dut(session_board: SessionBoard, root: pathlib.Path) -> Iterator[Dut]:
    """A board whose model finds red pixels: each is an object of 8 by 6 pixels."""
    digits = (root / "examples" / "digits" / "digits.kmodel").read_bytes()
    files = {"dots.bmp": bmp(red_dots(*DOTS)), "gray.bmp": bmp(gray_noise(28, 28))}
    with board(session_board, {DIGITS: digits, RED: red_finder()}, files) as dut:
        dut.exec(f"m = kpu.load({RED:#x}); img = image.Image('dots.bmp'); _ = img.pix_to_ai()")
        dut.exec(f"black = image.Image(size=({RED_WIDTH}, {RED_HEIGHT})); _ = black.pix_to_ai()")
        yield dut


def test_settings(dut: Dut) -> None:
    cases = [
        ("1.5, 0.3, 1, (1, 1)", "[MAIXPY]kpu: threshold only support 0 to 1"),
        ("-0.1, 0.3, 1, (1, 1)", "[MAIXPY]kpu: threshold only support 0 to 1"),
        ("0.5, 2, 1, (1, 1)", "[MAIXPY]kpu: nms_value only support 0 to 1"),
        ("0.5, 0.3, 0, (1, 1)", "[MAIXPY]kpu: anchor_number should > 0"),
    ]
    for arguments, text in cases:
        assert failure(dut, f"kpu.init_yolo2(m, {arguments})") == error("ValueError", text)
    for arguments in ("0.5, 0.3, 5, (1,) * 9", "0.5, 0.3, 1, [1, 2, 3]", "0.5, 0.3, 1 << 62, (1, 1)"):
        assert failure(dut, f"kpu.init_yolo2(m, {arguments})").startswith(("ValueError(", "OverflowError("))
    wrong = (
        "0.5, 0.3, 1, 7",
        "0.5, 0.3, 1, ('a', 1)",
        "'a', 0.3, 1, (1, 1)",
        "0.5, 0.3, 1",
        "0.5, 0.3, 1, (1, 1), x=1",
    )
    for arguments in wrong:
        assert failure(dut, f"kpu.init_yolo2(m, {arguments})").startswith("TypeError("), arguments
    assert dut.eval("m.net_arg()") is None

    assert dut.eval(f"kpu.init_yolo2(m, 0.5, 0.3, 5, {list(FACE_ANCHORS)})") is True
    assert dut.exec("print(type(m.net_arg()))") == "<class 'kpu_yolo2'>\n"
    assert dut.eval("m.net_arg().threshold(), m.net_arg().nms_value(), m.net_arg().anchor_number()") == (0.5, 0.3, 5)
    assert dut.eval("m.net_arg().anchor()") == pytest.approx(FACE_ANCHORS, rel=1e-6)
    numbers = ", ".join(f"{value:f}" for value in FACE_ANCHORS)
    shown = f'{{"threshold":0.500000, "nms_value":0.300000, "anchor_number":5, "anchor":"({numbers})"}}'
    assert dut.exec("print(m.net_arg())\nprint(m)").splitlines() == [
        shown,
        f'{{"model_addr": {RED}, "model_size": {len(red_finder())}, "model_path": "(null)", "net_args": {shown}}}',
    ]
    assert dut.eval("kpu.init_yolo2(m, 1, 0, 1, (2, 3), dma=1)") is True
    assert dut.eval("kpu.init_yolo2(m, threshold=1, nms_value=0, anchor_number=1, anchor=(2, 3))") is True
    assert dut.eval("m.net_arg().anchor()") == (2, 3)


def test_red_pixels(dut: Dut) -> None:
    """Objects in the order of rows and columns; (20, 10) and (22, 10) overlap by 0.6 and (20, 10) is the first."""
    assert failure(dut, "kpu.run_yolo2(m, img)").startswith("ValueError('[MAIXPY]kpu: call kpu.init_yolo2() first'")
    dut.exec("kpu.init_yolo2(m, 0.5, 0.5, 1, (8, 6))")
    before = free_memory(dut)
    dut.exec("found = kpu.run_yolo2(m, img, 'ignored', x=1)")
    assert dut.exec("print(type(found), type(found[0]))") == "<class 'list'> <class 'kpu_yolo2_find'>\n"
    lines = dut.exec("for o in found: print(o)").splitlines()
    value = 1 / (1 + math.exp(-12.6))
    # Cell (x, y) has its centre at x + 0.5; what sticks out on the left and top is cut.
    places = [(0, 0, 4, 3), (16, 7, 8, 6), (56, 42, 8, 6)]
    assert lines == [
        f'{{"x":{x}, "y":{y}, "w":{w}, "h":{h}, "value":{value:f}, "classid":0, "index":{i}, "objnum":3}}'
        for i, (x, y, w, h) in enumerate(places)
    ]
    assert dut.eval("[o.rect() for o in found]") == places
    assert dut.eval("[(o.x(), o.y(), o.w(), o.h()) for o in found]") == places
    assert dut.eval("[(o.classid(), o.index(), o.objnum()) for o in found]") == [(0, i, 3) for i in range(3)]
    assert dut.eval("found[1].value()") == pytest.approx(value, abs=1e-6)
    dut.exec("kpu.init_yolo2(m, 0.5, 0.7, 1, (8, 6))")
    assert dut.eval("len(kpu.run_yolo2(m, img))") == 4
    assert dut.eval("kpu.run_yolo2(m, black)") is None
    raw = dut.eval("kpu.get_output(m, 0)[4 * 64 * 48]")  # the output is not changed by the search
    assert raw == pytest.approx(-12.8, abs=1e-5)
    dut.exec("found = o = None")
    assert free_memory(dut) == before


def test_outputs_that_are_no_map(dut: Dut) -> None:
    dut.exec(f"d = kpu.load({DIGITS:#x}); gray = image.Image('gray.bmp'); _ = gray.pix_to_ai()")
    dut.exec("kpu.init_yolo2(d, 0.5, 0.3, 1, (1, 1))")
    assert failure(dut, "kpu.run_yolo2(d, gray)") == REGION
    dut.exec("kpu.init_yolo2(m, 0.5, 0.3, 2, (1, 1) * 2)")  # 6 channels are no two anchors
    assert failure(dut, "kpu.run_yolo2(m, img)") == REGION
    dut.exec("kpu.init_yolo2(m, 0.5, 0.3, 1, (8, 6)); kpu.set_layers(m, 1)")
    assert failure(dut, "kpu.run_yolo2(m, img)") == REGION
    assert failure(dut, "kpu.run_yolo2(m, 5)").startswith("TypeError(")
    assert dut.eval("kpu.set_layers(m, 0), len(kpu.run_yolo2(m, img))") == (True, 3)


def test_no_memory_for_the_boxes(dut: Dut) -> None:
    """The C heap is full: the same exception, and the next call works."""
    dut.exec("kpu.init_yolo2(m, 0, 1, 1, (8, 6))")
    dut.exec("full = []\ntry:\n    while True: full.append(image.Image(size=(64, 64)))\nexcept MemoryError:\n    pass")
    dut.exec("gc.collect()\ntry:\n    while True: full.append(image.Image(size=(8, 8)))\nexcept MemoryError:\n    pass")
    assert failure(dut, "kpu.run_yolo2(m, img)") == REGION
    dut.exec("full = None; gc.collect()")
    assert dut.eval("len(kpu.run_yolo2(m, img))", timeout_ms=60_000) == RED_WIDTH * RED_HEIGHT


def test_ctrl_c(dut: Dut) -> None:
    """A threshold of 0 makes every cell a candidate: the search for overlaps takes seconds, and stops at once."""
    dut.exec("kpu.init_yolo2(m, 0, 1, 1, (8, 6))")
    before = free_memory(dut)
    dut.exec_start("kpu.run_yolo2(m, img)")
    dut.run(300)
    start = dut.now_ms
    dut.write(b"\x03")
    with pytest.raises(ExecError, match="KeyboardInterrupt"):
        dut.exec_finish()
    assert dut.now_ms - start < 30
    assert free_memory(dut) == before
    dut.exec("kpu.init_yolo2(m, 0.5, 0.5, 1, (8, 6))")
    assert dut.eval("len(kpu.run_yolo2(m, img))") == 3


def expected(directory: pathlib.Path, name: str) -> list[dict[str, float | list[float]]]:
    """Boxes of another program."""
    results: list[dict[str, float | list[float]]]
    results = json.loads((directory / "expected.json").read_text())[name]["images"][0]["result"]
    return results


def boxes(dut: Dut, threshold: float, anchors: tuple[float, ...]) -> list[tuple[int, float, list[float]]]:
    """Class, score, and centre and size relative to the picture, of what the model finds in p.bmp."""
    dut.exec(f"m = kpu.load({MODEL_AT:#x}); img = image.Image('p.bmp'); _ = img.pix_to_ai()")
    dut.exec(f"kpu.init_yolo2(m, {threshold}, 0.3, 5, {anchors})")
    found = [json.loads(line) for line in dut.exec("for o in kpu.run_yolo2(m, img): print(o)").splitlines()]
    return [
        (
            o["classid"],
            o["value"],
            [(o["x"] + o["w"] / 2) / 320, (o["y"] + o["h"] / 2) / 240, o["w"] / 320, o["h"] / 240],
        )
        for o in found
    ]


def test_face_model(session_board: SessionBoard, shared_models: pathlib.Path) -> None:
    canvas = Image.new("RGB", (320, 240))
    canvas.paste(Image.open(shared_models / "grace_hopper_128x128.bmp"), (96, 56))
    name = "v3_face_at_0x300000.kfpkg"
    (wanted,) = expected(shared_models, name)
    with board(session_board, {MODEL_AT: models.read(shared_models / name)}, {"p.bmp": bmp(canvas)}) as dut:
        (found,) = boxes(dut, 0.3, FACE_ANCHORS)
    assert found == (0, pytest.approx(wanted["score"], abs=0.05), pytest.approx(wanted["xywh"], abs=0.03))


def test_twenty_classes(session_board: SessionBoard, shared_models: pathlib.Path) -> None:
    name = "v3_yolo20.kmodel"
    wanted = expected(shared_models, name)
    picture = (shared_models / "dog_320x240.bmp").read_bytes()
    with board(session_board, {MODEL_AT: (shared_models / name).read_bytes()}, {"p.bmp": picture}) as dut:
        found = boxes(dut, 0.5, VOC_ANCHORS)
    # A score within the tolerance of the threshold may be missing or be new.
    clear = [w for w in wanted if float(str(w["score"])) > 0.55]
    assert len(clear) == 3
    for want in clear:
        box = (want["cls"], pytest.approx(want["score"], abs=0.05), pytest.approx(want["xywh"], abs=0.03))
        assert box in found, found
    assert sum(score > 0.55 for _, score, _ in found) == 3
