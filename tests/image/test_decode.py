"""BMP and JPEG against Pillow, and damaged files."""

from __future__ import annotations

import io
import pathlib
import struct
import subprocess

import numpy as np
import pytest
from PIL import Image as Pillow

from .imlib import EEND, EUNKNOWN, Array, Imlib, ImlibError, components, to_565, to_rgb

ROOT = pathlib.Path(__file__).resolve().parents[2]


def picture(width: int, height: int, seed: int = 0) -> Array:
    """A smooth picture with edges, as photographs have them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / 16.0
    waves = np.stack([np.sin(x + i) + np.cos(y * (1 + i / 3)) for i in range(3)], -1) * 50 + 128
    waves[height // 3 : height // 2, width // 4 : width // 2] = rng.integers(0, 256, 3)
    return np.clip(waves + rng.normal(0, 3, waves.shape), 0, 255).astype(np.uint8)


def encode(pixels: Array, kind: str = "JPEG", mode: str | None = None, **options: object) -> bytes:
    image = Pillow.fromarray(pixels)
    out = io.BytesIO()
    (image.convert(mode) if mode else image).save(out, kind, **options)
    return out.getvalue()


def reference(data: bytes) -> Array:
    return np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB"))


def psnr(a: Array, b: Array) -> float:
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


SIZES = [(1, 1), (7, 3), (8, 8), (16, 16), (17, 33), (320, 240), (101, 77)]


# ---- BMP ----


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "1"])
def test_bmp_equals_pillow(imlib: Imlib, size: tuple[int, int], mode: str) -> None:
    data = encode(picture(*size), "BMP", mode)
    want = reference(data)
    got = imlib.decode(data, chunk=100)
    if mode in ("L", "1"):
        assert got.dtype == np.uint8
        assert (got == want[..., 0]).all()
    else:
        assert (got == to_565(want)).all()


def bmp(width: int, height: int, depth: int, rows: bytes, palette: bytes = b"", coding: int = 0, masks: bytes = b"",
        header: int = 40, colours: int = 0) -> bytes:  # fmt: skip
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, depth)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height, 1, depth, coding, 0, 0, 0, colours, 0)
        info += masks if header == 40 else masks.ljust(header - 40, b"\0")
    extra = info[header:] if header == 40 else b""
    offset = 14 + len(info) + len(palette)
    assert header == 12 or len(info) - len(extra) == header
    return struct.pack("<2sIHHI", b"BM", offset + len(rows), 0, 0, offset) + info + palette + rows


def test_bmp_top_down_and_bottom_up(imlib: Imlib) -> None:
    rows = bytes([0, 0, 255, 0, 255, 0, 0, 0]) + bytes([255, 0, 0, 255, 255, 255, 0, 0])
    want = np.array([[0x00F8, 0xE007], [0x1F00, 0xFFFF]])
    assert (imlib.decode(bmp(2, -2, 24, rows)) == want).all()
    assert (imlib.decode(bmp(2, 2, 24, rows)) == want[::-1]).all()


@pytest.mark.parametrize("depth", [1, 4, 8])
@pytest.mark.parametrize("header", [12, 40, 108])
def test_bmp_palettes(imlib: Imlib, depth: int, header: int) -> None:
    rng = np.random.default_rng(depth)
    count, step = 1 << depth, 3 if header == 12 else 4
    colours = rng.integers(0, 256, (count, 3)).astype(np.uint8)
    palette = b"".join(bytes(c[::-1]) + b"\0" * (step - 3) for c in colours)
    width, height = 11, 5
    index = rng.integers(0, count, (height, width))
    rows = b""
    for line in index[::-1]:
        bits = "".join(f"{v:0{depth}b}" for v in line)
        bits += "0" * (-len(bits) % 32)
        rows += int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert (imlib.decode(bmp(width, height, depth, rows, palette, header=header)) == to_565(colours[index])).all()


@pytest.mark.parametrize("header", [40, 56, 108, 124])
@pytest.mark.parametrize(
    "masks", [(0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F), (0xF00, 0xF0, 0xF), (0x1F, 0x7E0, 0xF800)]
)
def test_bmp_bit_fields_16(imlib: Imlib, header: int, masks: tuple[int, int, int]) -> None:
    values = np.random.default_rng(1).integers(0, 65536, (4, 6)).astype("<u2")
    data = bmp(6, -4, 16, values.tobytes(), coding=3, masks=struct.pack("<3I", *masks), header=header)
    want = np.zeros((4, 6, 3), np.int64)
    for i, mask in enumerate(masks):
        low = (mask & -mask).bit_length() - 1
        want[..., i] = np.floor(((values & mask) >> low) * 255 / (mask >> low) + 0.5)
    assert (imlib.decode(data) == to_565(want)).all()


def test_bmp_16_without_fields_is_555_and_565_is_exact(imlib: Imlib) -> None:
    assert imlib.decode(bmp(2, 1, 16, struct.pack("<2H", 0x7C00, 0x03E0))).tolist() == [[0x00F8, 0xE007]]
    values = np.arange(65536).astype("<u2")
    data = bmp(256, -256, 16, values.tobytes(), coding=3, masks=struct.pack("<3I", 0xF800, 0x7E0, 0x1F))
    assert (imlib.decode(data).ravel() == values.byteswap()).all()


def test_bmp_that_is_refused(imlib: Imlib) -> None:
    rows = bytes(64)
    for data, text in [
        (bmp(4, 4, 8, rows, bytes(1024), coding=1), "BMP with compression 1, only uncompressed ones"),
        (bmp(4, 4, 4, rows, bytes(64), coding=2), "BMP with compression 2"),
        (bmp(4, 4, 24, rows, coding=4), "BMP with compression 4"),
        (bmp(4, 4, 2, rows), "BMP with 2 bits per pixel"),
        (bmp(0, 4, 24, rows), "side of 0 pixels, must be 1 to 16384"),
        (bmp(4, -20000, 24, rows), "side of 20000 pixels"),
        (bmp(4, 4, 16, rows, coding=3, masks=struct.pack("<3I", 0xF0F0, 1, 2)), "mask 0x0000f0f0"),
        (b"BM" + bytes(12) + struct.pack("<I", 30) + bytes(60), "BMP header of 30 bytes"),
    ]:
        with pytest.raises(ImlibError, match=text):
            imlib.decode(data)


def test_bmp_cut_short(imlib: Imlib) -> None:
    data = encode(picture(9, 9), "BMP")
    for length in (3, 20, 54, 60, len(data) - 2):
        with pytest.raises(ImlibError, match=f"ends early, after {length} bytes") as caught:
            imlib.decode(data[:length])
        assert caught.value.code == EEND
    # Padding of the last row does not matter.
    assert (imlib.decode(data[:-1]) == imlib.decode(data)).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("gray", [False, True])
def test_written_bmp_is_read_back(imlib: Imlib, size: tuple[int, int], gray: bool) -> None:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256 if gray else 65536, size[::-1]).astype("u1" if gray else "<u2")
    data = imlib.write_bmp(pixels)
    assert len(data) == struct.unpack("<I", data[2:6])[0]
    assert (imlib.decode(data) == pixels).all()
    shown = reference(data)
    assert (shown == (np.repeat(pixels[..., None], 3, -1) if gray else to_rgb(pixels))).all()
    if size[0] > 4 and size[1] > 4:
        assert (imlib.decode(imlib.write_bmp(pixels, (1, 2, 4, 2))) == pixels[2:4, 1:5]).all()


# ---- JPEG ----


def check_colour(imlib: Imlib, data: bytes, steps: int, decibels: float) -> None:
    """At most `steps` of 565 from Pillow anywhere, `decibels` on the whole."""
    got, want = imlib.decode(data, chunk=37), reference(data)
    difference = np.abs(components(got) - components(to_565(want)))
    assert difference.max() <= steps
    assert psnr(to_rgb(got), to_rgb(to_565(want))) >= decibels


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("quality", [30, 75, 95])
def test_jpeg_444_equals_pillow(imlib: Imlib, size: tuple[int, int], quality: int) -> None:
    # The same transform and colour conversion: roundings differ by one of 255, which may be one step of 31.
    check_colour(imlib, encode(picture(*size), quality=quality, subsampling=0), 1, 38)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("subsampling", [1, 2])
def test_jpeg_subsampled_is_near_pillow(imlib: Imlib, size: tuple[int, int], subsampling: int) -> None:
    # Pillow smooths chroma, imlib repeats it: at the edges of colours they differ.
    check_colour(imlib, encode(picture(*size), quality=90, subsampling=subsampling), 18, 27)


def resample(data: bytes, factors: int) -> bytes:
    """A 4:2:2 file made 4:4:0 and the like: the factors of luma exchanged in the frame header."""
    at = data.index(b"\xff\xc0")
    assert data[at + 9] == 3
    return data[: at + 11] + bytes([factors]) + data[at + 12 :]


def test_jpeg_440_and_411_are_placed_by_their_factors(imlib: Imlib) -> None:
    """Flat colour blocks, encoded as 4:2:2 (two luma blocks per MCU), read as 4:4:0: block 1 stands below block 0."""
    tiles = np.zeros((8, 16, 3), np.uint8)
    tiles[:, :8], tiles[:, 8:] = 60, 180
    data = encode(tiles, quality=95, subsampling=1)
    wide = imlib.decode(data)
    at = data.index(b"\xff\xc0")
    tall = bytearray(resample(data, 0x12))
    tall[at + 5 : at + 9] = struct.pack(">HH", 16, 8)
    high = imlib.decode(bytes(tall))
    assert high.shape == (16, 8)
    assert (high[:8] == wide[:, :8]).all()
    assert (high[8:] == wide[:, 8:]).all()
    assert not (wide[:, :8] == wide[:, 8:]).any()


@pytest.mark.parametrize("size", SIZES)
def test_gray_jpeg_equals_pillow(imlib: Imlib, size: tuple[int, int]) -> None:
    data = encode(picture(*size), mode="L", quality=85)
    got = imlib.decode(data)
    assert got.dtype == np.uint8
    assert np.abs(got.astype(int) - reference(data)[..., 0]).max() <= 1


@pytest.mark.parametrize("interval", [1, 3, 20])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpeg_restart_intervals(imlib: Imlib, interval: int, subsampling: int) -> None:
    pixels = picture(100, 60)
    plain = encode(pixels, quality=80, subsampling=subsampling)
    data = encode(pixels, quality=80, subsampling=subsampling, restart_marker_blocks=interval)
    assert data.count(b"\xff\xd0") and b"\xff\xdd" in data
    assert (imlib.decode(data, chunk=11) == imlib.decode(plain)).all()


def test_jpeg_with_optimised_tables_and_metadata(imlib: Imlib) -> None:
    pixels = picture(64, 48)
    exif = Pillow.Exif()
    exif[0x010E] = "x" * 3000
    data = encode(pixels, quality=80, subsampling=0, optimize=True, exif=exif, comment=b"hello")
    assert (imlib.decode(data) == imlib.decode(encode(pixels, quality=80, subsampling=0))).all()


def test_rgb_jpeg(imlib: Imlib) -> None:
    check_colour(imlib, encode(picture(40, 30), quality=95, keep_rgb=True, subsampling=0), 1, 38)


def test_jpeg_that_is_refused(imlib: Imlib) -> None:
    pixels = picture(40, 30)
    good = encode(pixels, quality=80)
    frame = good.index(b"\xff\xc0")
    for data, text in [
        (encode(pixels, progressive=True), r"Progressive JPEG files are not supported\."),
        (encode(pixels, mode="CMYK"), "JPEG with 4 colour channels, must be 1 or 3"),
        (good[: frame + 4] + b"\x0c" + good[frame + 5 :], "JPEG with 12 bits per sample"),
        (good[:frame] + b"\xff\xc9" + good[frame + 2 :], "JPEG of kind SOF 0xc9"),
        (resample(good, 0x31), "JPEG with sampling factors 0x31"),
        (good[: frame + 5] + bytes(4) + good[frame + 9 :], "side of 0 pixels"),
        (good[:frame] + good[-2:], "JPEG damaged"),
    ]:
        with pytest.raises(ImlibError, match=text):
            imlib.decode(data)


def test_jpeg_cut_short(imlib: Imlib) -> None:
    data = encode(picture(64, 64), quality=80)
    for length in [*range(2, 700, 31), len(data) // 2, len(data) - 20]:
        with pytest.raises(ImlibError) as caught:
            imlib.decode(data[:length])
        assert caught.value.code == EEND, length
    with pytest.raises(ImlibError, match="JPEG damaged near byte"):
        imlib.decode(data[:-100] + b"\xff\xd9")


def test_what_is_neither(imlib: Imlib) -> None:
    for data in (b"", b"B", b"\x89PNG\r\n\x1a\n" + bytes(100), b"P6 1 1 255\n"):
        with pytest.raises(ImlibError, match="format not supported") as caught:
            imlib.decode(data)
        assert caught.value.code == EUNKNOWN
    with pytest.raises(ImlibError, match="format not supported"):
        imlib.decode(encode(picture(4, 4), "BMP"), jpeg_only=True)


def test_models_pictures(imlib: Imlib, shared_models: pathlib.Path) -> None:
    for path in sorted(shared_models.glob("*.bmp")):
        got, want = imlib.decode(path.read_bytes()), reference(path.read_bytes())
        assert (got == (want[..., 0] if got.dtype == np.uint8 else to_565(want))).all()
    check_colour(imlib, (shared_models / "face_320x240.jpg").read_bytes(), 18, 30)


def test_mutated_files_under_sanitizers(tmp_path: pathlib.Path) -> None:
    """100,000 mutations of every kind of file; the build's sanitizers end the run at a finding."""
    subprocess.run(["make", "-s", "-C", str(ROOT / "components/imlib"), "SANITIZE=1"], check=True, timeout=180)
    pixels = picture(33, 21)
    files = {
        "rgb.jpg": encode(pixels, quality=70, subsampling=0),
        "420.jpg": encode(pixels, quality=70, subsampling=2),
        "422.jpg": encode(pixels, quality=70, subsampling=1, restart_marker_blocks=2),
        "gray.jpg": encode(pixels, mode="L", quality=70, optimize=True),
        "progressive.jpg": encode(pixels, progressive=True),
        "rgb.bmp": encode(pixels, "BMP"),
        "gray.bmp": encode(pixels, "BMP", "L"),
        "one.bmp": encode(pixels, "BMP", "1"),
        "fields.bmp": bmp(8, -4, 16, bytes(range(64)), coding=3, masks=struct.pack("<3I", 0xF800, 0x7E0, 0x1F)),
        "palette.bmp": bmp(9, 4, 4, bytes(range(32)), bytes(range(64))),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    command = [str(ROOT / "build/imlib/sanitized/mutate"), "100000", "1", *(str(tmp_path / name) for name in files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    counts = {int(line.split()[0]): int(line.split()[1]) for line in done.stdout.splitlines()}
    assert sum(counts.values()) == 100000
    # All ways out are taken, so the mutations reach everything.
    assert all(counts[code] for code in (0, *range(-4, -18, -1))), counts
