"""The committed results of nncase 1.9.0's simulator for the layers of kpu_layers.golden_layer()."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("goldens.txt")
COUNT = 2400
WHOLE_EVERY = 7  # so many layers have one whose bytes are kept, the others have their CRC-32


@dataclass
class Golden:
    index: int
    layer: int  # digest of the layer, to tell a changed generator from a wrong result
    crc: int
    output: bytes | None

    def line(self) -> str:
        text = f"{self.index} {self.layer:08x} {self.crc:08x}"
        if self.output is not None:
            text += " " + base64.b85encode(zlib.compress(self.output, 9)).decode()
        return text


def read() -> Iterator[Golden]:
    for line in FILE.read_text().splitlines():
        if line.startswith("#"):
            continue
        index, layer, crc, *whole = line.split(" ")
        output = zlib.decompress(base64.b85decode(whole[0])) if whole else None
        yield Golden(int(index), int(layer, 16), int(crc, 16), output)
