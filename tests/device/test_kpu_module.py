"""The KPU module on the board: objects, lifetimes, and what happens to bad input (spec maixpy-kpu.md)."""

from __future__ import annotations

import ast
import json
import pathlib
import random
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from kpu_board import FLASH_BYTES, MODEL_AT, board, error, failure, free_memory, outcome, read_fmap
from kpupy.kmodel import parse, reference
from kpupy.kmodel.v3 import ModelV3
from kpupy.kmodel.v3_kpu import Conv
from kpupy.testing import Dut, ExecError
from kpupy.testing.board import SessionBoard
from PIL import Image
from small_models import bmp, float_model, gray_noise, large_model, red_dots, red_finder, slow_model

DIGITS, FLOATS, ERASED, RED, LARGE, SLOW = MODEL_AT, 0x400000, 0x500000, 0x600000, 0x700000, 0xA00000
MAIN_MEMORY_FIELD = 20  # byte of the header (spec kmodel.md 2)


@pytest.fixture(scope="module")
def digits(root: pathlib.Path) -> bytes:
    return (root / "examples" / "digits" / "digits.kmodel").read_bytes()


@pytest.fixture(scope="module")
def model(digits: bytes) -> ModelV3:
    return parse.parse(digits)


@pytest.fixture
def dut(session_board: SessionBoard, digits: bytes) -> Iterator[Dut]:
    """A board with models in the flash and pictures in /flash."""
    files = {
        "digits.kmodel": digits,
        "large.kmodel": large_model(2),
        "half.kmodel": digits[: len(digits) // 2],
        "tiny.kmodel": digits[:16],
        "empty.kmodel": b"",
        "gray.bmp": bmp(gray_noise(28, 28)),
        "wide.bmp": bmp(gray_noise(64, 48)),
        "square.bmp": bmp(Image.new("RGB", (28, 28), "red")),
        "dots.bmp": bmp(red_dots((20, 10), (21, 10), (60, 45), (0, 0))),
    }
    at = {DIGITS: digits, FLOATS: float_model(), RED: red_finder(), LARGE: large_model(2.6), SLOW: slow_model()}
    with board(session_board, at, files) as dut:
        yield dut


# ---- load ------------------------------------------------------------------------------------------------------------

LOAD = "[MAIXPY]kpu: load error:"
NOT_A_MODEL = LOAD + "2002, ERR_KMODEL_VERSION: only support kmodel V3, V4 and V5: "
BAD_LOADS = [
    ("0", "ValueError", "[MAIXPY]kpu: model_addr must > 0 "),
    ("-1", "ValueError", "[MAIXPY]kpu: model_addr must > 0 "),
    ("'x.bin'", "ValueError", "[MAIXPY]kpu: model format don't match, only supply .kmodel "),
    ("1.5", "TypeError", "[MAIXPY]kpu: only accept int or string"),
    ("[1]", "TypeError", "[MAIXPY]kpu: only accept int or string"),
    ("(1,)", "TypeError", "[MAIXPY]kpu: only accept int or string"),
    ("b'm.kmodel'", "TypeError", "[MAIXPY]kpu: only accept int or string"),
    ("True", "TypeError", "[MAIXPY]kpu: only accept int or string"),
    ("None", "TypeError", "[MAIXPY]kpu: only accept int or string"),
    (f"{ERASED:#x}", "ValueError", NOT_A_MODEL + "erased flash at this address (first bytes ff ff ff ff)"),
    (f"{ERASED - 4:#x}", "ValueError", NOT_A_MODEL + "not a kmodel (first bytes 6b 70 75 21)"),
    (
        f"{FLASH_BYTES:#x}",
        "ValueError",
        LOAD + "2001, ERR_PARAM: please check param, load address or kmodel file name: "
        "address 16777216, the flash has 16777216 bytes",
    ),
    (
        "'/flash/none.kmodel'",
        "ValueError",
        LOAD + "2005, ERR_READ_FILE: read file failed: /flash/none.kmodel: [Errno 2] ENOENT",
    ),
    (
        "'tiny.kmodel'",
        "ValueError",
        LOAD + "2003, ERR_KMODEL_FORMAT: layer_header.body_size <=0: truncated: 16 bytes, a model has more than 28",
    ),
    (
        "'empty.kmodel'",
        "ValueError",
        LOAD + "2003, ERR_KMODEL_FORMAT: layer_header.body_size <=0: truncated: 0 bytes, a model has more than 28",
    ),
]


@pytest.mark.emulator
def test_bad_loads(dut: Dut, digits: bytes) -> None:
    """Each raises its text, takes no memory, and the next load works."""
    dut.machine.write_flash(ERASED - 4, b"kpu!")
    before = free_memory(dut)
    for source, kind, text in BAD_LOADS:
        found = failure(dut, f"kpu.load({source})")
        assert found in (error(kind, text), f'{kind}("{text}",)')
        assert dut.exec("gc.collect()") == ""  # no finaliser speaks of a model that never was
        assert free_memory(dut) == before
    assert dut.exec(f"print(kpu.load({DIGITS:#x}).model_size())") == f"{len(digits)}\n"


@pytest.mark.emulator
def test_truncated_file_and_flash(dut: Dut, digits: bytes) -> None:
    text = "[MAIXPY]kpu: load error:2003, ERR_KMODEL_FORMAT: layer_header.body_size <=0: truncated: "
    before = free_memory(dut)
    assert text in failure(dut, "kpu.load('half.kmodel')")
    # The end of the flash cuts a model as the end of a file does.
    end = FLASH_BYTES - 4096
    dut.machine.write_flash(end, digits[:4096])
    assert text + f"the model needs {len(digits)} bytes, 4096 are there" in failure(dut, f"kpu.load({end:#x})")
    assert free_memory(dut) == before


@pytest.mark.emulator
def test_flipped_bits(dut: Dut, digits: bytes) -> None:
    """Whatever the header and the layers claim: it loads and runs, or it is refused, and all memory comes back."""
    before = free_memory(dut)
    bits, refused = random.Random(5), 0
    dut.exec("img = image.Image('gray.bmp'); img.pix_to_ai()")
    with_image = free_memory(dut)
    good = read_fmap(dut, f"m = kpu.load({DIGITS:#x})\nf = kpu.forward(m, img)\nprint(f)").data
    dut.exec("kpu.deinit(m)")
    for _ in range(60):
        bad = bytearray(digits)
        bad[bits.randrange(4, 180)] ^= 1 << bits.randrange(8)
        dut.machine.write_flash(ERASED, bytes(bad))
        lines = outcome(dut, f"m = kpu.load({ERASED:#x})\nf = kpu.forward(m, img)\nkpu.deinit(m)\nprint('ran')")
        if lines != ["ran"]:
            refused += 1
            assert lines[-1].startswith(("ValueError('[MAIXPY]kpu: ", "OSError('", 'ValueError("[MAIXPY]kpu: ')), lines
            dut.exec("if 'm' in globals(): kpu.deinit(m)")
    assert 20 < refused < 60
    assert free_memory(dut) == with_image
    assert read_fmap(dut, f"m = kpu.load({DIGITS:#x})\nf = kpu.forward(m, img)\nprint(f)").data == good
    dut.exec("kpu.deinit(m); del m, f, img")
    assert free_memory(dut) == before


@pytest.mark.emulator
def test_too_large_for_memory(dut: Dut, digits: bytes) -> None:
    large = bytearray(digits)
    struct.pack_into("<I", large, MAIN_MEMORY_FIELD, 6_000_000)
    dut.machine.write_flash(ERASED, bytes(large))
    before = free_memory(dut)
    text = failure(dut, f"kpu.load({ERASED:#x})")
    start = "ValueError('[MAIXPY]kpu: load error:2006, ERR_NO_MEM: memory not enough: no 6000008 bytes in one piece"
    assert text.startswith(start), text
    free, largest = (int(part.split()[0]) for part in text.split("; ")[1].split(", "))
    assert 0 < largest <= free < before  # when the work memory was asked for, the file was already there
    assert free_memory(dut) == before

    # Two of 2.6 MB fit, a third does not; with one gone it does.
    code = f"a = kpu.load({LARGE:#x})\nb = kpu.load({LARGE:#x})\nc = kpu.load({LARGE:#x})"
    lines = outcome(dut, code)
    assert len(lines) == 1 and "load error:2006" in lines[0], lines
    dut.exec(f"kpu.deinit(a); a = kpu.load({LARGE:#x}); kpu.deinit(a); kpu.deinit(b)")
    assert free_memory(dut) == before


def test_dead_models_are_collected_when_memory_is_short(dut: Dut) -> None:
    dut.exec("gc.disable()")
    out = dut.exec(f"for i in range(4):\n    m = None\n    m = kpu.load({LARGE:#x})\n    print(i)", timeout_ms=30_000)
    assert out.count("kpu_net __del__\n") >= 1
    assert out.endswith("3\n")


def test_six_models(dut: Dut) -> None:
    before = free_memory(dut)
    text = failure(dut, f"nets = [kpu.load({FLOATS:#x}) for i in range(5)]\nkpu.load({FLOATS:#x})")
    full = "2009, ERR_MODELS_FULL: we only support load 5 models in the same time"
    assert text.startswith(f"ValueError('{LOAD}{full}")
    dut.exec(f"kpu.deinit(nets[2]); nets[2] = kpu.load({FLOATS:#x}); gc.collect()")
    assert full in failure(dut, f"kpu.load({FLOATS:#x})")
    # The same when nobody calls deinit: garbage does not count.
    out = dut.exec(f"del nets\nfor i in range(7):\n    kpu.load({FLOATS:#x})\nprint('loaded')")
    assert out.endswith("loaded\n") and out.count("kpu_net __del__\n") >= 5
    assert free_memory(dut) == before


def test_stop_a_load(dut: Dut) -> None:
    """Ctrl-C between pieces of a read, from flash and from file."""
    dut.exec("print(kpu.memtest())")
    for source in (f"{LARGE:#x}", "'large.kmodel'"):
        before = free_memory(dut)
        start = dut.now_ms
        dut.exec(f"kpu.deinit(kpu.load({source}))", timeout_ms=60_000)
        whole = dut.now_ms - start
        dut.exec_start(f"m = kpu.load({source})")
        dut.run(whole / 3)
        start = dut.now_ms
        dut.write(b"\x03")
        with pytest.raises(ExecError, match="KeyboardInterrupt"):
            dut.exec_finish()
        assert dut.now_ms - start < 20
        assert free_memory(dut) == before
        dut.exec(f"kpu.deinit(kpu.load({source}))", timeout_ms=60_000)
        assert free_memory(dut) == before


# ---- kpu_net ---------------------------------------------------------------------------------------------------------


def test_net_object(dut: Dut, digits: bytes) -> None:
    size = len(digits)
    dut.exec(f"a = kpu.load({DIGITS:#x}); b = kpu.load('digits.kmodel', 1, key=2)")
    assert dut.exec("print(type(a), kpu.__name__)") == "<class 'kpu_net'> kpu\n"
    assert dut.eval("a.model_addr(), a.model_path(), a.model_size(), a.net_arg()") == (DIGITS, None, size, None)
    assert dut.eval("b.model_addr(), b.model_path(), b.model_size()") == (None, "digits.kmodel", size)
    assert dut.exec("print(a)\nprint(b)").splitlines() == [
        f'{{"model_addr": {DIGITS}, "model_size": {size}, "model_path": "(null)", "net_args": "(null)"}}',
        f'{{"model_addr": 0, "model_size": {size}, "model_path": "digits.kmodel", "net_args": "(null)"}}',
    ]
    assert dut.eval("kpu.deinit(a), kpu.deinit(a)") == (True, True)
    assert dut.eval("a.model_addr(), a.model_size()") == (DIGITS, size)
    assert json.loads(dut.exec("print(a)"))["model_addr"] == DIGITS


def test_finaliser(dut: Dut) -> None:
    before = free_memory(dut)
    assert dut.exec(f"m = kpu.load({DIGITS:#x})\nm = None\ngc.collect()") == "kpu_net __del__\n"
    assert free_memory(dut) == before
    assert dut.exec(f"m = kpu.load({DIGITS:#x})\nm.__del__()\nprint(kpupy.heap()[0])").startswith("kpu_net __del__\n")
    assert "freed by deinit" in failure(dut, "kpu.forward(m, [1])")
    dut.exec("del m")
    dut.exec("gc.collect()")
    assert free_memory(dut) == before


def test_soft_reset_frees_models(dut: Dut, digits: bytes) -> None:
    before = free_memory(dut)
    dut.exec(f"nets = [kpu.load({DIGITS:#x}) for i in range(5)]")
    assert free_memory(dut) < before - 5 * len(digits)
    dut.write(b"\x02")
    dut.run(20)
    dut.pending = b""
    dut.write(b"\x04")
    text = dut.read_until(b">>> ").decode()
    assert text.count("kpu_net __del__\r\n") == 5
    dut.exec("import KPU as kpu, gc, image, kpupy, uctypes")
    assert free_memory(dut) == before
    dut.exec(f"nets = [kpu.load({DIGITS:#x}) for i in range(5)]")


NET_TYPE = error("TypeError", "[MAIXPY]kpu: kpu_net type error")


def test_wrong_objects(dut: Dut) -> None:
    dut.exec(f"m = kpu.load({DIGITS:#x})")
    for call in ("deinit(1)", "forward(1)", "forward(None, [1])", "run_yolo2(1, 2)", "set_layers(1, 2)", "netinfo('m')",
                 "init_yolo2(1, 0.5, 0.3, 1, (1, 1))"):  # fmt: skip
        assert failure(dut, f"kpu.{call}") == NET_TYPE
    text = "[MAIXPY]kpu: get_output arg format error: get_output(task, int idx)"
    for arguments in ("", "m", "m, 0.5", "1, 0", "m, 0, 1"):
        assert failure(dut, f"kpu.get_output({arguments})") == error("ValueError", text)
    text = "[MAIXPY]kpu: set_outputs arg format error: set_outputs(task, int idx, int w, int h, int ch)"
    for arguments in ("", "m, 0, 1, 1", "m, 0, 1, 1, 1.5", "1, 0, 1, 1, 1"):
        assert failure(dut, f"kpu.set_outputs({arguments})") == error("ValueError", text)


def test_after_deinit(dut: Dut) -> None:
    dut.exec(f"m = kpu.load({DIGITS:#x}); img = image.Image('gray.bmp'); img.pix_to_ai(); f = kpu.forward(m, img)")
    dut.exec("kpu.init_yolo2(m, 0.5, 0.3, 1, (1, 1)); kpu.deinit(m)")
    gone = error("OSError", "[MAIXPY]kpu: the model has been freed by deinit: load it again")
    for call in ("forward(m, img)", "forward(m, [1])", "run_yolo2(m, img)", "get_output(m, 0)", "set_layers(m, 1)",
                 "netinfo(m)", "init_yolo2(m, 0.5, 0.3, 1, (1, 1))", "set_outputs(m, 0, 1, 1, 1)"):  # fmt: skip
        assert failure(dut, f"kpu.{call}") == gone
    assert dut.eval("m.net_arg()") is None


# ---- input -----------------------------------------------------------------------------------------------------------

IMAGE = error("ValueError", "[MAIXPY]kpu: check img format err!\r\n")
BAD_IMAGES = [
    (DIGITS, "image.Image('gray.bmp')", False, "[MAIXPY]kpu: pix_ai is NULL!"),
    (DIGITS, "image.Image('wide.bmp')", True, "[MAIXPY]kpu: img w=64,h=48, but model w=28,h=28"),
    (DIGITS, "image.Image('square.bmp')", True, "[MAIXPY]kpu: RGB img, but model channel=1"),
    (RED, "image.Image('gray.bmp')", True, "[MAIXPY]kpu: img w=28,h=28, but model w=64,h=48"),
    (RED, "image.Image('wide.bmp')", True, "[MAIXPY]kpu: grayscale img, but model channel=3"),
    (RED, "image.Image()", False, "[MAIXPY]kpu: pix_ai is NULL!"),
]


def test_wrong_images(dut: Dut) -> None:
    for address, source, with_ai, line in BAD_IMAGES:
        dut.exec(f"m = kpu.load({address:#x}); img = {source}" + ("; img.pix_to_ai()" if with_ai else ""))
        before = free_memory(dut)
        assert outcome(dut, "kpu.forward(m, img)") == [line, IMAGE]
        dut.exec("kpu.init_yolo2(m, 0.5, 0.3, 1, (1, 1))")
        assert outcome(dut, "kpu.run_yolo2(m, img)") == [line, IMAGE]
        assert free_memory(dut) == before
        dut.exec("kpu.deinit(m)")


def test_other_inputs(dut: Dut) -> None:
    dut.exec(f"m = kpu.load({DIGITS:#x}); i = kpu.load({FLOATS:#x})")
    dut.exec("img = image.Image('gray.bmp'); img.pix_to_ai()")
    for given in ("(1, 2, 3, 4)", "None", "5", "'1234'", "(bytes(16), bytes(16))"):
        assert failure(dut, f"kpu.forward(i, {given})") == error("ValueError", "input not support")
    text = "[MAIXPY]kpu: input 0 has 4 bytes, the model takes 16"
    for given in ("b'1234'", "(bytearray(4),)"):
        assert failure(dut, f"kpu.forward(i, {given})") == error("ValueError", text)
    assert failure(dut, "kpu.forward(i)") == error("ValueError", "input not support")
    text = "[MAIXPY]kpu: check input list format err!\r\n"
    assert failure(dut, "kpu.forward(i, [])") == error("ValueError", text)
    assert failure(dut, "kpu.forward(i, [1, 'a', 3, 4])").startswith("TypeError(")
    assert failure(dut, "kpu.forward(i, img)") == error("ValueError", "[MAIXPY]kpu: first layer not conv layer!\r\n")
    size = "OSError('SIPEED_KPU_ERR_SIZE_NOTMATCH: "
    assert failure(dut, "kpu.forward(i, [1, 2, 3])") == size + "input has 3 elements, the model takes 4',)"
    assert failure(dut, "kpu.forward(m, [0] * 784)") == size + "input is f32, the model takes u8 (784 elements)',)"
    assert failure(dut, "kpu.forward(i, [1, 2, 3, 4], 1)") == error("OSError", "sipeed_kpu_get_output err")
    assert failure(dut, "kpu.forward(i, [1, 2, 3, 4], out_index=-1)") == error("OSError", "sipeed_kpu_get_output err")
    assert failure(dut, "kpu.forward(i, [1, 2, 3, 4], layer=1)").startswith("TypeError(")
    assert failure(dut, "kpu.get_output(i, 1)") == error("OSError", "2011")
    dut.exec("kpu.forward(i, [1, 2, 3, 4], 0, 1); kpu.forward(kpu_net=i, img=[1, 2, 3, 4], out_index=0, dma=-1)")


def test_stop_a_run(dut: Dut) -> None:
    dut.exec(f"m = kpu.load({SLOW:#x}); img = image.Image(size=(128, 96)); _ = img.set_pixel(5, 5); img.pix_to_ai()")
    whole = read_fmap(dut, "print(kpu.forward(m, img))")
    dut.exec("import time; t = time.ticks_us(); f = kpu.forward(m, img); t = time.ticks_us() - t")
    duration = dut.eval("t")
    assert isinstance(duration, int) and duration > 10_000
    before = free_memory(dut)
    for part in (0.1, 0.5, 0.9):
        dut.exec_start("while True: kpu.forward(m, img)")
        dut.run(duration * (1 + part) / 1000)
        start = dut.now_ms
        dut.write(b"\x03")
        with pytest.raises(ExecError, match="KeyboardInterrupt"):
            dut.exec_finish()
        assert dut.now_ms - start < 15
        assert free_memory(dut) == before
    assert read_fmap(dut, "print(kpu.forward(m, img))").data == whole.data


def test_kpu_that_does_not_finish(dut: Dut) -> None:
    """Its interrupt is held back at the PLIC: the run ends with the time limit, and the next one works."""
    dut.exec(f"import machine; m = kpu.load({DIGITS:#x}); img = image.Image('gray.bmp'); img.pix_to_ai()")
    good = read_fmap(dut, "print(kpu.forward(m, img))")
    before = free_memory(dut)
    start = dut.now_ms
    held = "machine.mem32[0x0C002000] &= ~(1 << 25)\nkpu.forward(m, img)"
    text = failure(dut, held)
    assert text.startswith("OSError('ERR_RUN_MODEL: maybe model dirty: layers 0 to 2: the KPU did not finish"), text
    assert dut.now_ms - start < 1000
    assert free_memory(dut) == before
    again = read_fmap(dut, "machine.mem32[0x0C002000] |= 1 << 25\nprint(kpu.forward(m, img))")
    assert again.data == good.data


# ---- kpu_fmap --------------------------------------------------------------------------------------------------------


def test_float_fmap(dut: Dut) -> None:
    dut.exec(f"m = kpu.load({FLOATS:#x}); f = kpu.forward(m, [5.1, 3.5, 1.4, 0.2])")
    assert dut.exec("print(type(f), type(f[:]), type(f[0]))") == "<class 'kpu_fmap'> <class 'tuple'> <class 'float'>\n"
    assert dut.eval("f.size(), f.index(), f.w(), f.h(), f.ch(), f.typecode()") == (12, 1, 3, 1, 1, "f")
    found = read_fmap(dut, "print(f)")
    assert dut.eval("f[:]") == pytest.approx(found.f32.tolist(), rel=1e-6)
    assert dut.eval("bytes(f), bytes(bytearray(f)), bytes(memoryview(f))") == (found.data,) * 3
    assert dut.eval("memoryview(f)[2] == f[2] == f[-1], f[1:], f[5:], f[-2:-1] == f[1:2]") == (
        True, pytest.approx(found.f32.tolist()[1:], rel=1e-6), (), True)  # fmt: skip
    for index in ("3", "-4", "1 << 70"):
        assert failure(dut, f"f[{index}]").startswith(("IndexError(", "OverflowError("))
    step = error("OSError", "only slices with step=1 (aka None) are supported")
    assert failure(dut, "f[::2]") == step
    assert failure(dut, "f[::2] = 1") == step
    assert dut.exec("f[0] = 2.5; f[-1] = 3\nprint(f[::])\nf[:] = 7\nprint(f[:])\nf[1:3] = [8, 9.5]\nprint(f[:])") == (
        f"(2.5, {found.f32[1]:.7g}, 3.0)\n(7.0, 7.0, 7.0)\n(7.0, 8.0, 9.5)\n"
    )
    grow = error("OSError", "cannot grow or shrink image")
    assert failure(dut, "f[:] = [1, 2]") == grow
    assert failure(dut, "f[0:1] = [1, 2]") == grow
    for wrong in ("len(f)", "del f[0]", "f['a']", "f[0] = 'a'", "memoryview(f)[0] = 1", "list(iter(f))"):
        assert failure(dut, wrong).startswith("TypeError("), wrong
    assert dut.eval("kpu.fmap_free(f)") is None


def test_u8_fmap_and_set_layers(dut: Dut, model: ModelV3) -> None:
    dut.exec(f"m = kpu.load({DIGITS:#x}); img = image.Image('gray.bmp'); img.pix_to_ai()")
    dut.exec("whole = kpu.forward(m, img); p = whole[:]")
    first = model.layers[0]
    assert isinstance(first, Conv)
    assert dut.eval("kpu.set_layers(m, 1)") is True
    assert "set_layers has moved" in failure(dut, "whole[0]")
    found = read_fmap(dut, "f = kpu.forward(m, img)\nprint(f)")
    out = first.out_shape()
    assert (found.index, found.typecode, found.w, found.h, found.ch) == (0, "B", out.width, out.height, out.channels)
    assert dut.eval("f[0:5]") == tuple(found.data[:5])
    size = len(found.data)
    assert dut.eval("f[-1], f.size(), f.typecode(), len(f[:])") == (found.data[-1], size, "B", size)
    assert dut.eval("bytes(f)[:9], memoryview(f)[3]") == (found.data[:9], found.data[3])
    dut.exec("f[0] = 200; f[1:3] = 7; f[3:5] = [8, 9]")
    assert dut.eval("f[:5]") == (200, 7, 7, 8, 9)
    assert failure(dut, "f[0] = 1.5").startswith("TypeError(")

    max_line = f"err: set layers_length to 1000000, but max {len(model.layers)}"
    assert dut.exec("print(kpu.set_layers(m, 10 ** 6))") == f"{max_line}\nFalse\n"
    assert dut.eval("f[:5]") == (200, 7, 7, 8, 9)  # nothing moved
    for everything in ("0", "-5", str(len(model.layers))):
        assert dut.eval(f"kpu.set_layers(m, {everything})") is True
        assert dut.eval("kpu.forward(m, img)[:] == p")


def test_fmap_aliases_the_output(dut: Dut) -> None:
    """The next run overwrites it, and it keeps its model alive."""
    dut.exec(f"m = kpu.load({FLOATS:#x}); f = kpu.forward(m, [5.1, 3.5, 1.4, 0.2]); a = f[:]")
    dut.exec("g = kpu.forward(m, [6.3, 3.3, 6.0, 2.5]); v = memoryview(g)")
    assert dut.eval("f[:] == g[:] != a, kpu.get_output(m, 0)[:] == g[:]") == (True, True)
    dut.exec("g[0] = 42")
    assert dut.eval("f[0], kpu.get_output(m, 0)[0]") == (42, 42)
    assert dut.exec("del m, g\ngc.collect()\nprint(f[0])") == "42.0\n"
    dut.exec("m = f; del f")
    assert dut.exec("m = None\ngc.collect()\nv = v[1]") == "kpu_net __del__\n"


def test_fmap_after_deinit(dut: Dut) -> None:
    dut.exec(f"m = kpu.load({FLOATS:#x}); f = kpu.forward(m, [5.1, 3.5, 1.4, 0.2]); v = memoryview(f); a = f[:]")
    dut.exec("kpu.deinit(m)")
    gone = error("OSError", "[MAIXPY]kpu: fmap is gone: its model has been freed by deinit")
    for use in ("f[0]", "f[:]", "f[0] = 1", "bytes(f)", "memoryview(f)"):
        assert failure(dut, use) == gone
    dut.exec(f"m = kpu.load({DIGITS:#x})")
    assert failure(dut, "f[0]") == gone  # the model's place is in use again
    assert dut.eval("v[0] == a[0], f.size(), f.w()") == (True, 12, 3)


# ---- helpers ---------------------------------------------------------------------------------------------------------


def test_netinfo(dut: Dut, model: ModelV3) -> None:
    dut.exec(f"m = kpu.load({DIGITS:#x})")
    lines = dut.exec("n = kpu.netinfo(m)\nprint(len(n), type(n), type(n[0]))").splitlines()
    assert lines.pop() == f"{len(model.layers)} <class 'list'> <class 'kpu_netinfo_find'>"
    assert lines[0].startswith("layer[0]: KL_K210_CONV, ") and lines[0].endswith(" bytes")
    assert [line.split(" ")[1] for line in lines] == [f"KL_{layer.NAME}," for layer in model.layers]
    for i, layer in enumerate(model.layers):
        names = ("index", "type", "wi", "hi", "wo", "ho", "chi", "cho", "dw", "kernel_type", "pool_type", "para_size")
        values = ast.literal_eval(dut.exec("print([" + ", ".join(f"n[{i}].{name}()" for name in names) + "])"))
        shown = dict(zip(names, values, strict=True)) | {"type": f"KL_{layer.NAME}"}
        text = ", ".join(f'"{name}":{value}' for name, value in shown.items())
        assert dut.exec(f"print(n[{i}])") == f"{{{text}}}\n"
        if isinstance(layer, Conv):
            r, size, out = layer.record, layer.in_shape(), layer.out_shape()
            assert values[:8] == [i, 10240, size[2], size[1], out.width, out.height, size[0], out.channels]
            assert values[8:11] == [r.depthwise, r.kernel_type, r.pool_type]


def test_set_outputs(dut: Dut) -> None:
    dut.exec(f"m = kpu.load({DIGITS:#x})")
    assert dut.exec("print(kpu.set_outputs(m, 0, 1, 1, 10))") == (
        "[MAIXPY]kpu: set_outputs ctx error, maybe init err:2002\nFalse\n"
    )


def test_memtest(dut: Dut) -> None:
    free = free_memory(dut)
    lines = dut.exec("print(kpu.memtest())").splitlines()
    first, second = "###free gc heap memory : ", "###free sys heap memory: "
    assert lines[2] == "None" and lines[0].startswith(first) and lines[1].startswith(second)
    assert lines[1] == f"{second}{free // 1024} KB"
    # What it promises can be had, and not much more.
    size = int(lines[0].removeprefix(first).removesuffix(" KB"))
    assert dut.exec(f"b = bytearray({size - 256} * 1024); del b; gc.collect()") == ""
    assert failure(dut, f"bytearray({size + 64} * 1024)").startswith("MemoryError(")


def test_reference_and_board_agree_on_a_written_image(dut: Dut, model: ModelV3) -> None:
    """Pixels set by the script reach the model."""
    dut.exec(f"m = kpu.load({DIGITS:#x}); img = image.Image('gray.bmp')")
    dut.exec("for i in range(28): _ = img.set_pixel(i, 27 - i, 255)\nimg.pix_to_ai()")
    pixels = np.frombuffer(dut.read_memory(int(dut.exec("print(uctypes.addressof(img.to_bytes()))")), 784), np.uint8)
    assert pixels.reshape(28, 28)[np.arange(28)[::-1], np.arange(28)].tolist() == [255] * 28
    wanted = reference.run(model, pixels.reshape(1, 28, 28)).outputs[0]
    np.testing.assert_allclose(read_fmap(dut, "print(kpu.forward(m, img))").f32, wanted, rtol=2e-6)


# ---- channels as images ----------------------------------------------------------------------------------------------


def test_fmap_as_image(dut: Dut) -> None:
    dut.exec(f"m = kpu.load({DIGITS:#x}); img = image.Image('gray.bmp'); _ = img.pix_to_ai(); kpu.set_layers(m, 1)")
    before = free_memory(dut)
    found = read_fmap(dut, "f = kpu.forward(m, img)\nprint(f)")
    for channel in (0, found.ch - 1):
        dut.exec(f"g = kpu.fmap(f, {channel})")
        size = found.w * found.h
        assert dut.exec("print(g)") == f'{{"w":{found.w}, "h":{found.h}, "type"="grayscale", "size":{size}}}\n'
        assert dut.eval("bytes(g), bytes(g.to_bytes())") == (found.map[channel].tobytes(),) * 2
        # The same bytes, both ways.
        at = channel * found.w * found.h + 2 * found.w + 1
        dut.exec("_ = g.set_pixel(1, 2, 77)")
        assert dut.eval(f"f[{at}]") == 77
        dut.exec(f"f[{at}] = 78")
        assert dut.eval("g.get_pixel(1, 2)") == 78
    # Many of them cost no more memory than the first ones.
    dut.exec(f"for i in range(100):\n    for c in range({found.ch}):\n        g = kpu.fmap(f, c)")
    dut.exec("v = memoryview(g); b = g.to_bytes(); c = g.copy(); f = m = None; gc.collect()")
    assert dut.eval("g.get_pixel(1, 2)") == 78  # keeps the model
    dut.exec(f"m = kpu.load({DIGITS:#x}); kpu.set_layers(m, 1); f = kpu.forward(m, img); h = kpu.fmap(f, 0)")
    dut.exec("kpu.set_layers(m, 2)")
    gone = error("OSError", "this Image has lost the feature map that it showed")
    for use in ("h[0]", "h.get_pixel(0, 0)", "h.set_pixel(0, 0, 1)", "bytes(h)", "h.to_bytes()", "h.copy()"):
        assert failure(dut, use) == gone
    assert "set_layers has moved" in failure(dut, "kpu.fmap(f, 0)")
    dut.exec("f = kpu.forward(m, img); h = kpu.fmap(f, 0); kpu.deinit(m)")
    assert failure(dut, "h[0]") == gone
    assert "fmap is gone" in failure(dut, "kpu.fmap(f, 0)")
    assert dut.eval("v[0] == b[0] == c[0]") is True
    dut.exec("h.__del__(); _ = f = g = h = m = v = b = c = None")
    dut.exec(f"gc.collect(); m = kpu.load({DIGITS:#x}); kpu.set_layers(m, 1)")
    assert free_memory(dut) == before


def test_fmap_as_image_errors(dut: Dut) -> None:
    dut.exec(f"i = kpu.load({FLOATS:#x}); e = kpu.forward(i, [1, 2, 3, 4])")
    dut.exec(f"m = kpu.load({DIGITS:#x}); kpu.set_layers(m, 1)")
    found = read_fmap(dut, "img = image.Image('gray.bmp'); _ = img.pix_to_ai(); f = kpu.forward(m, img)\nprint(f)")
    text = error("ValueError", f"[MAIXPY]kpu: ch err,input 0~{found.ch - 1}\r\n")
    assert failure(dut, f"kpu.fmap(f, {found.ch})") == failure(dut, "kpu.fmap(f, -1)") == text
    assert failure(dut, "kpu.fmap(e, 0)") == 'ValueError("[MAIXPY]kpu: can\'t convet float fmap yet\\r\\n",)'
    assert failure(dut, "kpu.fmap(m, 0)").startswith("TypeError(")


# ---- scripts that get in the way ------------------------------------------------------------------------------------

TRAITORS = """
class Number:
    def __init__(self, action): self.action = action
    def __float__(self):
        self.action()
        return 1.0
    def __int__(self):
        self.action()
        return 1
def free(): kpu.deinit(m)
"""


def test_conversions_that_free_the_model(dut: Dut) -> None:
    dut.exec(TRAITORS)
    before = free_memory(dut)
    gone = ("the model has been freed by deinit", "its model has been freed by deinit")
    for use in ("f[0] = Number(free)", "f[:] = Number(free)", "f[:] = [1, Number(free), 3]", "f[Number(free)]",
                "f[Number(free)] = 1", "kpu.forward(m, [1, 2, Number(free), 4])"):  # fmt: skip
        dut.exec(f"m = kpu.load({FLOATS:#x}); f = kpu.forward(m, [1, 2, 3, 4])")
        assert any(text in failure(dut, use) for text in gone) or "TypeError(" in failure(dut, use), use
        dut.exec("m = f = None")
        assert free_memory(dut) == before
    dut.exec(f"m = kpu.load({FLOATS:#x}); f = kpu.forward(m, [1, 2, 3, 4]); a = []")
    dut.exec("a = [Number(lambda: a.clear()), 2, 3]")
    assert failure(dut, "f[:] = a") == error("OSError", "cannot grow or shrink image")
    dut.exec("a = [Number(lambda: a.clear()), 2, 3, 4]")
    assert failure(dut, "kpu.forward(m, a)") == error("ValueError", "[MAIXPY]kpu: check input list format err!\r\n")


def test_no_memory_for_a_layer(dut: Dut) -> None:
    """set_layers needs room for what stays on the KPU otherwise."""
    dut.exec(f"m = kpu.load({SLOW:#x}); img = image.Image(size=(128, 96)); img.pix_to_ai(); gc.collect()")
    dut.exec(
        "full = []\ntry:\n    while True: full.append(image.Image(size=(256, 256)))\nexcept MemoryError:\n    pass"
    )
    assert failure(dut, "kpu.set_layers(m, 1)").startswith("OSError('ERR_NO_MEM: memory not enough: no 786432 bytes")
    assert dut.eval("kpu.forward(m, img).index()") == 8  # as before
    dut.exec("full = None; gc.collect()")
    assert dut.eval("kpu.set_layers(m, 1), kpu.forward(m, img).ch(), kpu.deinit(m)") == (True, 64, True)


def test_file_system_in_python_that_raises(dut: Dut) -> None:
    """What a block device raises in the midst of a load is raised again, after all memory came back."""
    dut.exec(
        "import vfs\n"
        "class Device:\n"
        "    left, error = 1 << 30, None\n"
        "    def __init__(self): self.data = bytearray(64 * 4096)\n"
        "    def readblocks(self, n, buf, off=0):\n"
        "        self.left -= len(buf)\n"
        "        if self.left < 0: raise self.error\n"
        "        buf[:] = self.data[n * 4096 + off:n * 4096 + off + len(buf)]\n"
        "    def writeblocks(self, n, buf, off=0): self.data[n * 4096 + off:n * 4096 + off + len(buf)] = buf\n"
        "    def ioctl(self, op, arg): return 64 if op == 4 else 4096 if op == 5 else 0\n"
        "d = Device()\n"
        "vfs.VfsLfs2.mkfs(d)\n"
        "vfs.mount(vfs.VfsLfs2(d), '/ram')\n"
        "with open('/flash/digits.kmodel', 'rb') as a, open('/ram/m.kmodel', 'wb') as b: b.write(a.read())\n"
        "a = b = None"
    )
    dut.exec("kpu.deinit(kpu.load('/ram/m.kmodel'))")
    before = free_memory(dut)
    for exception in ("KeyError('k')", "KeyboardInterrupt()", "OSError(5)"):
        text = failure(dut, f"d.left, d.error = 20000, {exception}\nkpu.load('/ram/m.kmodel')")
        if exception == "OSError(5)":
            assert "load error:2005, ERR_READ_FILE: read file failed: reading" in text
        else:
            assert text.startswith(exception[:-2])
        dut.exec("d.left = 1 << 30")
        assert free_memory(dut) == before
    assert dut.eval("kpu.load('/ram/m.kmodel').model_path()") == "/ram/m.kmodel"
