"""The digit classifier of examples/digits on the board: held-out digits from picture files, by the course's calls."""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import numpy as np
import pytest
from kpu_board import MODEL_AT, board
from kpupy.kmodel import parse, reference
from kpupy.kmodel.v3_main import Dequantize
from kpupy.testing.board import SessionBoard

COUNT = 300
WANTED_RIGHT = 0.97

# One line per picture: the u8 logits, from a run that ends before the step to floats, then the output.
SCRIPT = """
import KPU as kpu, image, binascii
m = kpu.load({address:#x})
for i in range({count}):
    img = image.Image("/flash/%d.bmp" % i)
    img.pix_to_ai()
    kpu.set_layers(m, {layers})
    logits = binascii.hexlify(kpu.forward(m, img)).decode()
    kpu.set_layers(m, 0)
    p_list = kpu.forward(m, img)[:]
    print(logits, *p_list)
kpu.deinit(m)
"""


@pytest.fixture(scope="module")
def digits(root: pathlib.Path) -> Any:
    sys.path.insert(0, str(root / "examples" / "digits"))
    import make_pictures

    return make_pictures.chosen(COUNT)


def test_held_out_digits(session_board: SessionBoard, root: pathlib.Path, digits: Any) -> None:
    from make_pictures import gray_bmp

    data = (root / "examples" / "digits" / "digits.kmodel").read_bytes()
    model = parse.parse(data)
    integer_layers = next(i for i, layer in enumerate(model.layers) if isinstance(layer, Dequantize))
    files = {f"{i}.bmp": gray_bmp(pixels) for i, pixels in enumerate(digits.pixels)}
    with board(session_board, {MODEL_AT: data}, files) as dut:
        script = SCRIPT.format(address=MODEL_AT, count=COUNT, layers=integer_layers)
        lines = dut.exec(script, timeout_ms=120_000).splitlines()

    assert len(lines) == COUNT
    right = 0
    for line, pixels, label in zip(lines, digits.pixels, digits.labels, strict=True):
        logits, *values = line.split()
        wanted = reference.run(model, pixels[None])
        # The last KPU layer has one pixel per class, in the corner of its padded map.
        assert bytes.fromhex(logits) == wanted.kpu[-1].pixels[:, 0, 0].tobytes()
        found = np.array(values, np.float32)
        np.testing.assert_allclose(found, wanted.outputs[0], rtol=1e-5, atol=1e-7)
        right += int(found.argmax()) == label
    print(f"{right} of {COUNT} right")
    assert right >= WANTED_RIGHT * COUNT, f"{right} of {COUNT} digits are right"
