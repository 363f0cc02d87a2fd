"""Boards with models in the flash and files in /flash, and what their memory holds after a run."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from kpupy.kmodel.v3_base import Shape
from kpupy.testing import Dut
from kpupy.testing.board import SessionBoard

U8 = npt.NDArray[np.uint8]

FLASH_BYTES = 16 << 20
MODEL_AT = 0x300000


def remarks(dut: Dut) -> list[str]:
    """What the emulated KPU found strange; of a real one nothing is told."""
    machine = dut.link.machine
    return [report for report in machine.reports if "kpu" in report.lower()] if machine else []


@contextlib.contextmanager
def board(session: SessionBoard, models: Mapping[int, bytes], files: Mapping[str, bytes]) -> Iterator[Dut]:
    """A started board with models at flash addresses and files in /flash."""
    with session.started(models, files) as dut:
        dut.exec("import KPU as kpu, gc, image, kpupy, uctypes")
        yield dut


def free_memory(dut: Dut) -> int:
    """Free bytes of the C heap after a collection."""
    return int(dut.exec("gc.collect()\nprint(kpupy.heap()[0])").splitlines()[-1])


def outcome(dut: Dut, code: str, timeout_ms: float = 20_000) -> list[str]:
    """Lines that code prints, and then the exception that it raises, as `Type('text')`."""
    body = "\n".join("    " + line for line in code.splitlines())
    tail = "\nexcept BaseException as error:\n    print(repr(error))\n"
    return dut.exec(f"try:\n{body}{tail}", timeout_ms).splitlines()


def failure(dut: Dut, code: str, timeout_ms: float = 20_000) -> str:
    """The exception; nothing else may be printed."""
    lines = outcome(dut, code, timeout_ms)
    assert len(lines) == 1, lines
    return lines[0]


def error(kind: str, text: str) -> str:
    """repr() of an exception on the board."""
    return f"{kind}({text!r},)"


@dataclass
class FeatureMap:
    """A kpu_fmap as its repr tells, with the bytes it refers to."""

    data: bytes
    index: int
    w: int
    h: int
    ch: int
    typecode: str

    @property
    def f32(self) -> npt.NDArray[np.float32]:
        assert self.typecode == "f"
        return np.frombuffer(self.data, "<f4")

    @property
    def map(self) -> U8:
        """u8 [ch, h, w]."""
        assert self.typecode == "B"
        return np.frombuffer(self.data, np.uint8).reshape(self.ch, self.h, self.w)


FMAP = re.compile(
    r'{"fmap": "data"=0x([0-9a-f]+), "size"=(\d+), "index": (\d+), '
    r'"w": (\d+), "h": (\d+), "ch": (\d+), "typecode": ([Bfbiq])}'
)


def read_fmap(dut: Dut, code: str, timeout_ms: float = 20_000) -> FeatureMap:
    """Run code whose last line of output is a feature map, and read the board's memory there."""
    line = dut.exec(code, timeout_ms).splitlines()[-1]
    match = FMAP.fullmatch(line)
    assert match, line
    address, size = int(match[1], 16), int(match[2])
    return FeatureMap(dut.read_memory(address, size), *(int(match[i]) for i in range(3, 7)), match[7])


def read_planes(dut: Dut, image: str, shape: Shape) -> U8:
    """What pix_to_ai makes of an image's pixels (spec maixpy-image.md 2.2), from the pixels in the board's memory."""
    channels, height, width = shape.channels, shape.height, shape.width
    address = dut.eval(f"uctypes.addressof({image}.to_bytes())")
    assert isinstance(address, int)
    if channels == 1:
        return np.frombuffer(dut.read_memory(address, width * height), np.uint8).reshape(1, height, width)
    pixels = np.frombuffer(dut.read_memory(address, 2 * width * height), ">u2").astype(int).reshape(height, width)
    fields = ((pixels >> 11, 31), (pixels >> 5 & 63, 63), (pixels & 31, 31))
    return np.stack([(value * 255 + limit // 2) // limit for value, limit in fields]).astype(np.uint8)
