"""Write held-out digits as 8-bit gray BMP files, which the board loads as grayscale images.

Usage:

    python examples/digits/make_pictures.py DIRECTORY [--count N]
"""

from __future__ import annotations

import argparse
import struct
from pathlib import Path

import dataset

GRAY_PALETTE = b"".join(bytes((level, level, level, 0)) for level in range(256))


def gray_bmp(pixels: dataset.Pixels) -> bytes:
    """An uncompressed 8-bit BMP of u8 [height, width] with the gray palette."""
    height, width = pixels.shape
    padding = bytes(-width % 4)
    lines = b"".join(line.tobytes() + padding for line in pixels[::-1])
    start = 14 + 40 + len(GRAY_PALETTE)
    head = struct.pack("<2sIHHI", b"BM", start + len(lines), 0, 0, start)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 0, len(lines), 2835, 2835, 256, 0)
    return head + info + GRAY_PALETTE + lines


def chosen(count: int) -> dataset.Digits:
    """`count` held-out digits, the labels 0..9 in turn."""
    digits = dataset.held_out(dataset.load())
    if not 1 <= count <= len(digits):
        raise ValueError(f"{count} pictures: there are 1..{len(digits)} held-out digits")
    per_label = len(digits) // 10  # the samples are sorted by label, each label has as many
    pick = [i % 10 * per_label + i // 10 for i in range(count)]
    return dataset.Digits(digits.pixels[pick], digits.labels[pick], digits.rows[pick])


def write_pictures(directory: Path, count: int) -> list[Path]:
    """Write `count` pictures. The number before the dot is the label: digit_7.bmp, later ones digit_ROW_7.bmp."""
    digits, paths = chosen(count), []
    for index, (pixels, label, row) in enumerate(zip(digits.pixels, digits.labels, digits.rows, strict=True)):
        path = directory / (f"digit_{label}.bmp" if index < 10 else f"digit_{row}_{label}.bmp")
        path.write_bytes(gray_bmp(pixels))
        paths.append(path)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description="Write held-out digits as BMP files")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--count", type=int, default=10)
    args = parser.parse_args()
    args.directory.mkdir(parents=True, exist_ok=True)
    print(f"{len(write_pictures(args.directory, args.count))} pictures in {args.directory}")


if __name__ == "__main__":
    main()
