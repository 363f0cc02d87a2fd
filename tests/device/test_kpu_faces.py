"""face_encode and face_compare on the board (spec maixpy-kpu.md 8.1, 8.2)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from kpu_board import MODEL_AT, board, error, failure, free_memory
from kpupy.testing import Dut
from kpupy.testing.board import SessionBoard
from small_models import float_model

FLOATS = MODEL_AT


@pytest.fixture
def dut(session_board: SessionBoard) -> Iterator[Dut]:
    with board(session_board, {FLOATS: float_model()}, {}) as dut:
        yield dut


def test_encode(dut: Dut) -> None:
    dut.exec("code = kpu.face_encode([0, 0.001, 0.002, -0.002, 0.1, -0.1, 0.2499, 0.25, 9, -0.25, -9])")
    assert dut.exec("print(type(code))") == "<class 'bytearray'>\n"
    wanted = [0, 0, 1, -1, 51, -51, 127, 127, 127, -128, -128]
    assert dut.eval("list(code)") == [value & 255 for value in wanted]
    assert dut.eval("list(kpu.face_encode((1 / 512,) * 512))") == [1] * 512
    assert dut.eval("kpu.face_encode([]) == bytearray()") is True
    dut.exec("from array import array")
    assert dut.eval("list(kpu.face_encode(array('f', [0.125, -0.125])))") == [64, 192]
    assert dut.eval("list(kpu.face_encode([float('inf'), -float('inf'), float('nan')]))") == [127, 128, 0]


def test_encode_a_feature_map(dut: Dut) -> None:
    """The usual call of scripts."""
    dut.exec(f"m = kpu.load({FLOATS:#x}); f = kpu.forward(m, [0.01, -0.02, 0.03, 0.01])")
    values = dut.eval("f[:]")
    assert isinstance(values, tuple) and len(values) == 3
    wanted = np.minimum(np.trunc(np.clip(np.array(values), -0.25, 0.25) * 512), 127).astype(int) & 255
    assert dut.eval("list(kpu.face_encode(f[:]))") == wanted.tolist()


def test_compare(dut: Dut) -> None:
    random = np.random.default_rng(8)
    a, b = random.integers(-128, 128, (2, 196)).astype(np.int8)
    dut.exec(f"a = bytearray({a.tobytes()!r}); b = {b.tobytes()!r}")
    x, y = a.astype(np.float64), b.astype(np.float64)
    score = (0.5 * (x @ y) / (np.linalg.norm(x) * np.linalg.norm(y)) + 0.5) * 100
    assert dut.eval("kpu.face_compare(a, b)") == pytest.approx(score, abs=1e-4)
    assert dut.eval("kpu.face_compare(a, a), kpu.face_compare(b, b)") == (100.0, 100.0)
    opposite = "kpu.face_compare(kpu.face_encode([0.1, -0.2]), kpu.face_encode([-0.1, 0.2]))"
    assert dut.eval(f"kpu.face_compare(bytes(9), a[:9]), {opposite}") == (50.0, 0.0)


def test_errors(dut: Dut) -> None:
    before = free_memory(dut)
    too_long = error("ValueError", "feature dim <=200\r\n")
    assert failure(dut, "kpu.face_encode([0] * 513)") == too_long
    assert failure(dut, "kpu.face_encode(range(10 ** 9))") == too_long
    for value in ("5", "None", "['a']", "'abc'", "[[0.1]]"):
        assert failure(dut, f"kpu.face_encode({value})").startswith("TypeError("), value
    different = error("ValueError", "compare feature must in same dim!\r\n")
    assert failure(dut, "kpu.face_compare(b'ab', b'abc')") == different
    assert failure(dut, "kpu.face_compare(b'', b'a')") == different
    for values in ("5, b'a'", "b'a', [1]", "None, None", "b'a'"):
        assert failure(dut, f"kpu.face_compare({values})").startswith("TypeError("), values
    # A list that changes while it is read.
    dut.exec("class Odd:\n    def __float__(self):\n        items.clear()\n        return 0.125\nitems = [Odd(), 1, 2]")
    assert dut.eval("list(kpu.face_encode(items))") == [64]
    dut.exec("del items, Odd")
    assert free_memory(dut) == before
