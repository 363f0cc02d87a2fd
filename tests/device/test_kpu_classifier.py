"""The class `classifier` on the board (spec maixpy-kpu.md 8.4)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from kpu_board import MODEL_AT, board, error, failure, free_memory, outcome
from kpupy.testing import Dut, ExecError
from kpupy.testing.board import SessionBoard
from PIL import Image
from small_models import bmp, feature_model, float_model, red_finder, slow_model

MODEL, FLOATS, RED, SLOW = MODEL_AT, 0x400000, 0x500000, 0x600000
LENGTH = 768
COLOURS = {"r": (200, 30, 30), "g": (30, 200, 30), "b": (30, 30, 200)}
NOT_NOW = "OSError(1,)"
SIZE = "OSError(2012, 'SIPEED_KPU_ERR_SIZE_NOTMATCH: {}')"


def noisy(colour: tuple[int, int, int], seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(-25, 26, (16, 16, 3))
    return Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))


@pytest.fixture
def dut(session_board: SessionBoard) -> Iterator[Dut]:
    """A board with pictures r0.bmp to b4.bmp: img('r0') is one of them, ready for the model m."""
    files = {f"{name}{i}.bmp": bmp(noisy(colour, i)) for name, colour in COLOURS.items() for i in range(5)}
    files["large.bmp"] = bmp(Image.new("RGB", (128, 96)))
    models = {MODEL: feature_model(), FLOATS: float_model(), RED: red_finder(), SLOW: slow_model()}
    with board(session_board, models, files) as dut:
        dut.exec(f"m = kpu.load({MODEL:#x})")
        dut.exec("def img(name):\n    i = image.Image(name + '.bmp')\n    i.pix_to_ai()\n    return i")
        yield dut


def feature(dut: Dut, name: str) -> npt.NDArray[np.float64]:
    """What the model itself says about a picture."""
    values = dut.eval(f"kpu.forward(m, img('{name}'))[:]")
    assert isinstance(values, tuple) and len(values) == LENGTH
    return np.array(values, np.float64)


def fill(dut: Dut, samples: int = 4) -> list[str]:
    """A classifier c with three classes and their samples; the names of the samples."""
    dut.exec(f"c = kpu.classifier(m, 3, {3 * samples})")
    assert dut.eval("[c.add_class_img(img(n + '0')) for n in 'rgb']") == [0, 1, 2]
    names = [f"{n}{i}" for i in range(1, samples + 1) for n in "bgr"]
    assert dut.eval(f"[c.add_sample_img(img(n)) for n in {names}]") == list(range(3 * samples))
    return names


def test_train_and_predict(dut: Dut) -> None:
    """Three groups that k-means keeps apart: the centres are the means of the samples alone."""
    before = free_memory(dut)
    names = fill(dut)
    assert dut.exec("print(type(c), c.train())") == "<class 'classifier'> None\n"
    centres = {n: np.mean([feature(dut, s) for s in names if s[0] == n], axis=0) for n in "rgb"}
    for name in ("r0", "g3", "b0"):
        distances = {n: float(np.linalg.norm(feature(dut, name) - centre)) for n, centre in centres.items()}
        found = dut.eval(f"c.predict(img('{name}'))")
        assert found == ("rgb".index(name[0]), pytest.approx(distances[name[0]], rel=1e-5))
        assert min(distances, key=lambda n: distances[n]) == name[0]
    assert dut.exec("c = None\ngc.collect()") == "classifier __del__\r\n"
    assert free_memory(dut) == before


def test_fewer_elements(dut: Dut) -> None:
    """fea_len takes the first elements of the output."""
    dut.exec("c = kpu.classifier(model=m, class_num=1, sample_num=2, fea_len=40)")
    dut.exec("c.add_class_img(img('r0')); c.add_sample_img(img('r1')); c.add_sample_img(img('g1')); c.train()")
    centre = (feature(dut, "r1")[:40] + feature(dut, "g1")[:40]) / 2
    wanted = float(np.linalg.norm(feature(dut, "b1")[:40] - centre))
    assert dut.eval("c.predict(img('b1'))") == (0, pytest.approx(wanted, rel=1e-5))


def test_tables(dut: Dut) -> None:
    dut.exec("c = kpu.classifier(m, 3, 2)")
    for call in ("rm_class_img()", "rm_sample_img()", "train()", "predict(img('r0'))", "save('x.bin')"):
        assert failure(dut, f"c.{call}") == NOT_NOW, call
    assert "x.bin" not in str(dut.eval("__import__('os').listdir()"))
    assert dut.eval("c.add_class_img(img('b0'), 2), c.add_class_img(img('r0')), c.add_class_img(img('g0'))") == (
        2,
        0,
        1,
    )
    for index in (3, -1, 1 << 40):
        assert failure(dut, f"c.add_class_img(img('b0'), {index})") == NOT_NOW
    assert failure(dut, "c.add_class_img(img('r0'))") == NOT_NOW
    assert failure(dut, "c.train()") == NOT_NOW  # no samples
    assert dut.eval("c.add_class_img(img('g0'), index=1)") == 1  # another image for the class
    assert dut.eval("c.rm_class_img(), c.add_class_img(img('b0'))") == (None, 2)
    assert dut.eval("c.add_sample_img(img('r1')), c.add_sample_img(img('r2'))") == (0, 1)
    assert failure(dut, "c.add_sample_img(img('r1'))") == NOT_NOW
    assert dut.eval("c.rm_sample_img(), c.add_sample_img(img('b2')), c.train()") == (None, 1, None)
    # Class 1 has no samples: it keeps its image's feature.
    assert dut.eval("c.predict(img('r1')), c.predict(img('g0')), c.predict(img('b2'))") == (
        (0, 0.0),
        (1, 0.0),
        (2, 0.0),
    )


def test_save_and_load(dut: Dut) -> None:
    fill(dut)
    dut.exec("c.train(); c.save('3.classifier')")
    before = dut.eval("[c.predict(img(n)) for n in ('r0', 'g2', 'b3')]")
    assert dut.eval("__import__('os').stat('3.classifier')[6]") == 20 + 3 * LENGTH * 4
    raw = dut.eval("open('3.classifier', 'rb').read(20)")
    assert raw == struct.pack("<4s4I", b"KPUC", 1, 3, 12, LENGTH)
    dut.exec("c.__del__(); d, classes, samples = kpu.classifier.load(m, '3.classifier')")
    assert dut.eval("classes, samples") == (3, 12)
    assert dut.eval("[d.predict(img(n)) for n in ('r0', 'g2', 'b3')]") == before
    # Training goes on from the saved centres.
    assert dut.eval("d.add_sample_img(img('r1')), d.train(), d.predict(img('r1'))") == (0, None, (0, 0.0))
    same = "kpu.classifier.load(m, '3.classifier', class_num=3, sample_num=5, fea_len=768)[1:]"
    assert dut.eval(same) == (3, 5)


def test_bad_files(dut: Dut) -> None:
    fill(dut, 1)
    dut.exec("c.train(); c.save('good'); load = kpu.classifier.load\ndata = open('good', 'rb').read()")
    assert failure(dut, "c.save('/none/x')").startswith("OSError(")
    assert failure(dut, "c.save(5)") == error("ValueError", "path err")
    dut.exec("def write(x):\n    with open('bad', 'wb') as f: f.write(x)")
    dut.exec("import struct")
    before = free_memory(dut)
    truncated = "[MAIXPY]kpu: the classifier's file is truncated"
    strange = error("ValueError", "[MAIXPY]kpu: not a file of classifier.save()")
    for data in ("b''", "data[:19]", "data[:20]", "data[:-1]"):
        dut.exec(f"write({data})")
        assert truncated in failure(dut, "load(m, 'bad')"), data
    numbers = ("0, 3, 768", "3, 0, 768", "3, 3, 0", "3, 3, 1 << 31", "1 << 31, 3, 768", "3, (1 << 32) - 1, 768")
    for data in ("b'x' + data[1:]", "data[:4] + b'\\x02' + data[5:]", *(
        f"data[:8] + struct.pack('<3I', {n}) + data[20:]" for n in numbers)):  # fmt: skip
        dut.exec(f"write({data})")
        assert failure(dut, "load(m, 'bad')") == strange, data
    dut.exec("write(data[:8] + struct.pack('<3I', 1 << 20, 1 << 20, 1 << 20))")
    assert failure(dut, "load(m, 'bad')") == "OSError(12,)"
    cases = [
        ("5, 'good'", "must be model"),
        ("", "must be model"),
        ("m", "path err"),
        ("m, 5", "path err"),
        ("m, 'good', class_num=4", "[MAIXPY]kpu: class_num is 4, but the file has 3"),
        ("m, 'good', fea_len=5", "[MAIXPY]kpu: fea_len is 5, but the file has 768"),
        ("m, 'good', sample_num=-5", "[MAIXPY]kpu: sample_num is -5, should be > 0"),
    ]
    for arguments, text in cases:
        assert failure(dut, f"load({arguments})") == error("ValueError", text)
    assert failure(dut, "load(m, 'none')") == "OSError(2,)"
    dut.exec("class Sub(kpu.classifier): pass")
    assert failure(dut, "Sub.load(m, 'good')") == error("ValueError", "must be class")
    dut.exec("del Sub")
    assert free_memory(dut) == before


def test_bad_arguments(dut: Dut) -> None:
    before = free_memory(dut)
    for arguments in ("", "m", "m, 3"):
        assert failure(dut, f"kpu.classifier({arguments})") == error("ValueError", "model, class num, sample num")
    assert failure(dut, "kpu.classifier(5, 3, 3)") == error("ValueError", "model")
    for arguments, text in (
        ("0, 3", "class_num is 0"),
        ("3, 0", "sample_num is 0"),
        ("3, -1", "sample_num is -1"),
        ("3, 3, -1", "fea_len is -1"),
    ):
        assert failure(dut, f"kpu.classifier(m, {arguments})") == error(
            "ValueError", f"[MAIXPY]kpu: {text}, should be > 0"
        )
    for arguments in ("'a', 3", "3, 1.5", "3, 3, 'a'", "3, 3, 3, 3"):
        assert failure(dut, f"kpu.classifier(m, {arguments})").startswith("TypeError("), arguments
    for arguments in ("1000, 2000", "3, 1 << 40", "1 << 20, 1 << 20, 1 << 20"):
        assert failure(dut, f"kpu.classifier(m, {arguments})") == "OSError(12,)", arguments
    assert free_memory(dut) == before


def test_bad_images_and_models(dut: Dut) -> None:
    dut.exec("c = kpu.classifier(m, 3, 3)")
    for method in ("add_class_img", "add_sample_img", "predict"):
        assert failure(dut, f"c.{method}(image.Image('r0.bmp'))") == "OSError(22,)"
        assert failure(dut, f"c.{method}(5)").startswith("TypeError(")
    assert "check img format err!" in dut.exec(
        "try:\n    c.add_class_img(img('large'))\nexcept ValueError as e:\n    print(e)"
    )
    dut.exec("long = kpu.classifier(m, 3, 3, 769)")
    assert failure(dut, "long.add_class_img(img('r0'))") == SIZE.format("fea_len 769, output 0 of the model has 768")
    assert dut.exec("try:\n    long.add_class_img(img('r0'))\nexcept OSError as e:\n    print(e.errno)") == "2012\n"
    dut.exec("kpu.set_layers(m, 1)")
    assert failure(dut, "c.add_class_img(img('r0'))") == SIZE.format("output 0 of the model is not float")
    dut.exec("kpu.set_layers(m, 0); c.add_class_img(img('r0')); kpu.deinit(m)")
    assert "freed by deinit" in failure(dut, "c.add_class_img(img('r0'))")
    assert "freed by deinit" in failure(dut, "kpu.classifier(m, 3, 3)")
    assert dut.exec("c.__del__()\nc.__del__()") == "classifier __del__\r\n"
    for call in ("add_class_img(0)", "add_sample_img(0)", "rm_class_img()", "train()", "predict(0)", "save('x')"):
        assert "freed by __del__" in failure(dut, f"c.{call}"), call


def test_ctrl_c(dut: Dut) -> None:
    """Stops a run of the model and a training; both work afterwards."""
    dut.exec(f"s = kpu.load({SLOW:#x}); large = img('large'); c = kpu.classifier(s, 200, 200, 4)")
    before = free_memory(dut)
    dut.exec_start("while True: c.add_class_img(large, 0)")
    dut.run(100)
    dut.write(b"\x03")
    with pytest.raises(ExecError, match="KeyboardInterrupt"):
        dut.exec_finish()
    assert free_memory(dut) == before
    dut.exec("kpu.deinit(s); c.__del__(); c = kpu.classifier(m, 400, 400); r = img('r0')")
    dut.exec("for i in range(400):\n    c.add_class_img(r)\n    c.add_sample_img(r)", timeout_ms=60_000)
    dut.exec_start("c.train()")
    dut.run(100)
    start = dut.now_ms
    dut.write(b"\x03")
    with pytest.raises(ExecError, match="KeyboardInterrupt"):
        dut.exec_finish()
    assert dut.now_ms - start < 50
    assert failure(dut, "c.predict(r)") == NOT_NOW
    dut.exec("for i in range(398): c.rm_sample_img()")
    assert dut.eval("c.train(), c.predict(r)") == (None, (0, 0.0))


def test_scripts_that_free_it_meanwhile(dut: Dut) -> None:
    """An __int__ and a file system in Python end the classifier while it is used."""
    fill(dut, 1)
    dut.exec("class Odd:\n    def __int__(self):\n        c.__del__()\n        return 0")
    lines = outcome(dut, "c.add_class_img(img('r0'), Odd())")
    assert lines[0].strip() == "classifier __del__" and "freed by __del__" in lines[-1], lines
    fill(dut, 1)
    dut.exec(
        "c.train()\nimport io, os\nkept = []\n"
        "class File(io.IOBase):\n    def write(self, data):\n        if len(kept) == 1: c.__del__()\n"
        "        kept.append(bytes(data))\n        return len(data)\n    def ioctl(self, op, arg): return 0\n"
        "class Fs:\n    def mount(self, ro, mk): pass\n    def umount(self): pass\n"
        "    def open(self, path, mode): return File()\n"
        "os.mount(Fs(), '/odd')"
    )
    dut.exec("whole = [c.predict(img(n + '1')) for n in 'rgb']")
    assert dut.exec("c.save('/odd/x')") == "classifier __del__\r\n"
    dut.exec("with open('x', 'wb') as f:\n    for part in kept: f.write(part)")
    assert dut.eval("[kpu.classifier.load(m, 'x')[0].predict(img(n + '1')) for n in 'rgb'] == whole") is True
