"""The image module on the board (spec maixpy-image.md 3.1, 4.1, 8)."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from kpu_board import board, free_memory
from kpupy.testing import Dut, ExecError
from kpupy.testing.board import SessionBoard
from PIL import Image as Pillow

HELPERS = """
def error(f):
    try:
        return f()
    except Exception as e:
        return "%s: %s" % (type(e).__name__, e.args[0] if e.args else "")
"""


def encoded(kind: str, mode: str = "RGB", size: tuple[int, int] = (20, 12), **options: object) -> bytes:
    x, y = np.arange(size[0]), np.arange(size[1])[:, None]
    pixels = np.stack([x * 9 + 0 * y, y * 15 + 0 * x, x * 4 + y * 6], -1).astype(np.uint8)
    out = io.BytesIO()
    Pillow.fromarray(pixels).convert(mode).save(out, kind, **options)
    return out.getvalue()


FILES = {
    "rgb.bmp": encoded("BMP"),
    "gray.bmp": encoded("BMP", "L"),
    "rgb.jpg": encoded("JPEG", quality=95, subsampling=0),
    "gray.jpg": encoded("JPEG", "L"),
    "progressive.jpg": encoded("JPEG", progressive=True),
    "big.jpg": encoded("JPEG", size=(1600, 1200)),
    "huge.jpg": encoded("JPEG", size=(3000, 2000)),
    "short.jpg": encoded("JPEG")[:-60],
    "text.bmp": b"no picture at all",
    "gray.ppm": encoded("BMP", "L"),
    "rgb.pgm": encoded("BMP"),
}


@pytest.fixture(scope="module")
def shared_board(session_board: SessionBoard) -> Iterator[Dut]:
    with board(session_board, {}, FILES) as dut:
        dut.exec(HELPERS)
        yield dut


@pytest.fixture
def dut(shared_board: Dut) -> Iterator[Dut]:
    """A board that must have its memory back after each test."""
    before = free_memory(shared_board)
    yield shared_board
    names = shared_board.eval("[n for n in globals() if len(n) == 1]")
    assert isinstance(names, list)
    for name in names:
        shared_board.exec(f"del {name}")
    shared_board.exec(
        "gc.collect(); image.Image(size=(1, 1))"
    )  # memory that memoryviews kept goes back with the next image
    assert free_memory(shared_board) == before


def test_blank_images(dut: Dut) -> None:
    assert dut.eval("repr(image.Image())") == '{"w":320, "h":240, "type"="rgb565", "size":153600}'
    assert dut.eval("repr(image.Image(size=(7, 5)))") == '{"w":7, "h":5, "type"="rgb565", "size":70}'
    assert dut.eval("repr(image.Image(copy_to_fb=1, nonsense=2, size=[2, 3]))") == (
        '{"w":2, "h":3, "type"="rgb565", "size":12}'
    )
    assert dut.eval("(lambda i: (i.width(), i.height(), i.size(), i.format(), sum(i[:])))(image.Image())") == (
        320, 240, 153600, 2, 0,
    )  # fmt: skip


def test_pixels(dut: Dut) -> None:
    dut.exec("a = image.Image(size=(4, 3)); b = a.set_pixel(0, 0, (255, 0, 0))")
    assert dut.eval("(a is b, a[0], bytes(a.to_bytes())[:2])") == (True, 0x00F8, b"\xf8\x00")
    assert dut.eval("(a.get_pixel(0, 0), a.get_pixel(0, 0, rgbtuple=False), a.get_pixel((0, 0), False))") == (
        (255, 0, 0), 0xF8, 0xF8,
    )  # fmt: skip
    assert dut.eval("[a.get_pixel(x, y) for x, y in ((-1, 0), (0, -1), (4, 0), (0, 3))]") == [None] * 4
    assert dut.eval("[a.set_pixel(x, y) is a for x, y in ((-1, 0), (9, 9), (2, 1))]") == [True] * 3
    assert dut.eval("[i for i in range(12) if a[i]]") == [0, 6]
    assert dut.eval("a.get_pixel(2, 1)") == (255, 255, 255)  # white is the default colour
    assert dut.eval("a.set_pixel((1, 1), (300, 8, -4)).get_pixel(1, 1)") == (255, 8, 0)
    assert dut.eval("a.set_pixel(1, 1, color=0x1F00)[5]") == 0x1F00
    assert dut.eval("error(lambda: a.get_pixel(1))") == "OSError: Not enough positional arguments!"
    assert dut.eval("error(lambda: a.get_pixel(1.5, 1))") == "TypeError: can't convert float to int"
    assert dut.eval("(a.clear() is a, sum(a[:]))") == (True, 0)


def test_subscripts(dut: Dut) -> None:
    dut.exec("a = image.Image(size=(4, 3)); a[0:3] = [1, 2, 3]; a[-1] = 9; a[4:6] = 7")
    assert dut.eval("a[:]") == (1, 2, 3, 0, 7, 7, 0, 0, 0, 0, 0, 9)
    assert dut.eval("(type(a[0:2]) is tuple, a[10:], a[99:])") == (True, (0, 9), ())
    assert str(dut.eval("error(lambda: a[12])")).startswith("IndexError")
    assert dut.eval("error(lambda: a[::2])") == "OSError: only slices with step=1 (aka None) are supported"
    dut.exec("def f(): a[0:3] = [1, 2]")
    assert dut.eval("error(f)") == "OSError: cannot grow or shrink image"
    assert str(dut.eval("error(lambda: len(a))")).startswith("TypeError")


def test_files(dut: Dut) -> None:
    want = np.asarray(Pillow.open(io.BytesIO(FILES["rgb.bmp"])))
    dut.exec("a = image.Image('/flash/rgb.bmp'); b = image.Image('rgb.jpg')")
    got = np.array(dut.eval("[a.get_pixel(x, y) for y in range(12) for x in range(20)]")).reshape(12, 20, 3)
    assert np.abs(got.astype(int) - want).max() <= 4  # half a step of 31
    jpeg = np.array(dut.eval("[b.get_pixel(x, y) for y in range(12) for x in range(20)]")).reshape(12, 20, 3)
    assert np.abs(jpeg.astype(int) - want).max() <= 30
    assert dut.eval("(repr(image.Image('gray.bmp')), image.Image('gray.jpg').format())") == (
        '{"w":20, "h":12, "type"="grayscale", "size":240}', 4,
    )  # fmt: skip
    gray = np.asarray(Pillow.open(io.BytesIO(FILES["gray.bmp"]))).ravel().tolist()
    assert dut.eval("list(image.Image('gray.bmp')[:])") == gray
    dut.exec("f = open('rgb.jpg', 'rb'); d = f.read(); f.close()")
    assert dut.eval("image.Image(d, from_bytes=True)[:] == b[:]") is True
    assert dut.eval("image.Image(open('rgb.jpg', 'rb'))[:] == b[:]") is True


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("'none.bmp'", "OSError: 2"),
        ("'text.bmp'", "ValueError: format not supported"),
        ("'progressive.jpg'", "OSError: Progressive JPEG files are not supported."),
        ("'short.jpg'", f"OSError: picture ends early, after {len(FILES['short.jpg'])} bytes"),
        ("'gray.ppm'", "OSError: Image is not PPM!"),
        ("'rgb.pgm'", "OSError: Image is not PGM!"),
        ("open('rgb.bmp', 'rb')", "OSError: Not support"),
        ("b'JFIF'", "ValueError: format not supported"),
        ("5", "OSError: stream operation not supported"),
        ("None, size=(0, 5)", "OSError: side of 0 pixels, must be 1 to 16384"),
        ("size=(5, 20000)", "OSError: side of 20000 pixels, must be 1 to 16384"),
        ("size=(5,)", "ValueError: requested length 2 but object has length 1"),
    ],
)
def test_images_that_cannot_be_made(dut: Dut, source: str, text: str) -> None:
    output = dut.exec(f"print(error(lambda: image.Image({source})))").splitlines()
    assert output[-1] == text
    if "progressive" in source:
        assert output[0] == "Progressive JPEG files are not supported."


@pytest.mark.parametrize("code", ["image.Image(size=(3000, 2000))", "image.Image('huge.jpg')", "a.resize(3000, 2000)"])
def test_too_large_for_memory(dut: Dut, code: str) -> None:
    dut.exec("a = image.Image(size=(8, 8))")
    text = dut.eval(f"error(lambda: {code})")
    assert isinstance(text, str)
    assert text.startswith(
        "MemoryError: Out of normal MicroPython Heap Memory! Please reduce the resolution of the image you are running "
        "this algorithm on to bypass this issue! 12000000 bytes asked for, "
    )
    assert dut.eval("a.resize(4, 4).width()") == 4


def test_dead_images_make_room(dut: Dut) -> None:
    dut.exec("for i in range(30): a = image.Image(size=(500, 400)); a.pix_to_ai()")


def test_ai_buffer(dut: Dut) -> None:
    dut.exec("a = image.Image(size=(33, 5)); a[:] = [i * 401 & 0xffff for i in range(165)]; c = a.copy()")
    assert dut.eval("(a.pix_to_ai(), a.clear().ai_to_pix(), a[:] == c[:])") == (None, None, True)
    assert dut.eval("(c.ai_to_pix(), a[:] == c[:])") == (None, True)  # no AI buffer: nothing happens
    dut.exec("g = image.Image('gray.bmp'); h = g[:]")
    assert dut.eval("(g.pix_to_ai(), g.clear().ai_to_pix(), g[:] == h)") == (None, None, True)


def test_both_harts_fill_the_ai_buffer(dut: Dut) -> None:
    """Large images are shared between the harts: odd sizes, every pixel back as it was."""
    dut.exec("import random, struct")
    for width, height in ((64, 64), (97, 61), (320, 240), (333, 19)):
        dut.exec(f"random.seed({width}); n = {width * height}; a = image.Image(size=({width}, {height}))\n"
                 "m = memoryview(a.to_bytes())\n"
                 "for i in range(0, 2 * n, 4): m[i:min(i + 4, 2 * n)] = "
                 "struct.pack('<I', random.getrandbits(32))[:min(4, 2 * n - i)]\n"
                 "c = bytes(m); a.pix_to_ai(); a.clear().ai_to_pix()")
        assert dut.eval("bytes(m) == c and len(set(c)) == 256") is True, (width, height)


def test_resize_copy_cut(dut: Dut) -> None:
    dut.exec("a = image.Image(size=(10, 6)); a[:] = [i * 997 & 0xffff for i in range(60)]; p = a[:]")
    assert dut.eval("a.resize(10, 6)[:] == p") is True
    assert dut.eval("a.resize(5, 12)[:] == tuple(p[y // 2 * 10 + x * 2] for y in range(12) for x in range(5))") is True
    assert dut.eval("repr(a.resize(20, 7))") == '{"w":20, "h":7, "type"="rgb565", "size":280}'
    assert dut.eval("a.copy((2, 1, 3, 2))[:] == p[12:15] + p[22:25]") is True
    assert dut.eval("a.copy(roi=(8, 5, 30, 30), x_scale=2)[:] == (p[58], p[58], p[59], p[59])") is True
    assert dut.eval("a.cut(8, 4, 3, 3)[:] == (p[48], p[49], 0, p[58], p[59], 0, 0, 0, 0)") is True
    assert dut.eval("a.cut(-1, -1, 2, 2)[:] == (0, 0, 0, p[0])") is True
    for code, text in [
        ("a.resize(0, 5)", "OSError: side of 0 pixels, must be 1 to 16384"),
        ("a.resize(5, -1)", "OSError: side of -1 pixels, must be 1 to 16384"),
        ("a.copy((0, 0, 0, 1))", "OSError: Invalid ROI dimensions!"),
        ("a.copy((10, 0, 5, 5))", "OSError: ROI does not overlap on the image!"),
        ("a.copy(x_scale=-1)", "OSError: Error: 0.0 <= x_scale!"),
        ("a.copy(y_scale=0)", "OSError: Output image height is 0!"),
        ("a.cut(0, 0, 0, 4)", "OSError: side of 0 pixels, must be 1 to 16384"),
    ]:
        assert dut.eval(f"error(lambda: {code})") == text
    assert dut.eval("a[:] == p") is True


def test_to_bytes_shares_the_pixels_and_outlives_the_name(dut: Dut) -> None:
    dut.exec("a = image.Image(size=(8, 8)); b = a.to_bytes(); b[3] = 0x5a; a.set_pixel(0, 0, 0x1234)")
    assert dut.eval("(len(b), type(b) is bytearray, a[1], b[0], b[1])") == (128, True, 0x5A00, 0x34, 0x12)
    dut.exec("a.__del__(); del a; gc.collect()\nfor i in range(20): x = image.Image(size=(8, 8)); x[:] = 0xffff")
    assert dut.eval("bytes(b[:4])") == b"\x34\x12\x00\x5a"
    assert str(dut.eval("error(lambda: b.extend(b'123'))")).startswith("MemoryError")


def test_a_memoryview_outlives_the_name(dut: Dut) -> None:
    dut.exec("a = image.Image(size=(8, 8)); a[:] = 0x4321; m = memoryview(a)[2:]; del a; gc.collect(); gc.collect()")
    dut.exec("for i in range(50): x = image.Image(size=(8, 8)); x[:] = 0xffff; x = None; gc.collect()")
    assert dut.eval("bytes(m) == b'\\x21\\x43' * 63") is True
    assert dut.eval("error(lambda: m.__setitem__(0, 1))") is not None
    dut.exec("f = open('raw', 'wb'); f.write(image.Image('gray.bmp')); f.close()")
    assert dut.eval("open('raw', 'rb').read() == bytes(image.Image('gray.bmp'))") is True


def test_a_freed_image_says_so(dut: Dut) -> None:
    dut.exec("a = image.Image(size=(8, 8)); a.pix_to_ai(); a.__del__(); a.__del__()")
    for code in ("a.width()", "a[0]", "a.to_bytes()", "bytes(a)", "a.resize(2, 2)", "a.pix_to_ai()", "repr(a)"):
        assert dut.eval(f"error(lambda: {code})") == "OSError: this Image has been freed by __del__()"


def test_save(dut: Dut) -> None:
    dut.exec("a = image.Image('rgb.bmp'); g = image.Image('gray.bmp')")
    assert dut.eval("(a.save('/flash/x.BMP') is a, image.Image('x.BMP')[:] == a[:])") == (True, True)
    assert dut.eval("(g.save('y.bmp', roi=(1, 1, 3, 2)) is g, image.Image('y.bmp')[:] == g.cut(1, 1, 3, 2)[:])") == (
        True, True,
    )  # fmt: skip
    assert dut.eval("error(lambda: a.save('a.png'))") == "OSError: a.png: images are saved as .bmp"
    assert dut.eval("error(lambda: a.save('/nowhere/a.bmp'))") == "OSError: 19"


@pytest.mark.parametrize(
    "code", ["a.resize(900, 800)", "image.Image('big.jpg')", "a.copy(x_scale=5, y_scale=5)", "i.resize(1000, 900)"]
)
def test_ctrl_c(dut: Dut, code: str) -> None:
    dut.exec("a = image.Image(size=(200, 200)); i = image.Image('gray.bmp')")
    before = free_memory(dut)
    dut.exec_start(f"import time\nprint('go')\n{code}\nprint('done')")
    dut.run(30)
    dut.write(b"\x03")
    sent = dut.now_ms
    with pytest.raises(ExecError, match="KeyboardInterrupt"):
        dut.exec_finish(60_000)
    assert dut.now_ms - sent < 20
    assert free_memory(dut) == before
    assert dut.eval("a.resize(20, 20).width()") == 20


def test_an_exception_of_a_python_stream_is_raised(dut: Dut) -> None:
    dut.exec("import io\nclass S(io.IOBase):\n    def readinto(self, b):\n        raise KeyError('from the stream')\n")
    assert dut.eval("error(lambda: image.Image(S()))") == "KeyError: from the stream"
