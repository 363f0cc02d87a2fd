"""The models that the bench runs: our own, those of others where they are present, and ones of a wanted size."""

from __future__ import annotations

import io
import pathlib
from dataclasses import dataclass

import numpy as np
from kpupy import kfpkg
from kpupy.kmodel.build_v3 import Builder
from kpupy.kmodel.parse import parse
from kpupy.kmodel.v3 import ModelV3
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FACE = "v3_face_at_0x300000.kfpkg"
FILES = (FACE, "v3_mnist.kmodel", "v3_yolo20.kmodel", "v3_mask.kmodel", "v3_mbnet751.kmodel", "v3_ld5.kmodel")


@dataclass
class BenchModel:
    """A model, MicroPython code that makes its input `i`, and the least share of the KPU in `forward` (percent)."""

    name: str
    data: bytes
    input_code: str
    share_aim: float | None = None


def input_code(model: ModelV3) -> str:
    """An image of the model's size, with its AI buffer filled."""
    shape = model.input.shape
    blank = f"i = image.Image(size=({shape.width}, {shape.height}))"
    return f"{gray_image(shape.width, shape.height) if shape.channels == 1 else blank}\ni.pix_to_ai()"


def gray_image(width: int, height: int) -> str:
    """MicroPython code for a grayscale image `i`: only a picture file with 8 bits a pixel makes one."""
    with io.BytesIO() as file:
        Image.linear_gradient("L").resize((width, height)).save(file, "BMP")
        content = file.getvalue()
    return f"with open('/flash/gray.bmp', 'wb') as f: f.write({content!r})\ni = image.Image('/flash/gray.bmp')"


def bench_models(directory: pathlib.Path) -> list[BenchModel]:
    """Our digit model, then the models by others that are in `directory`."""
    models = [("digits.kmodel", (ROOT / "examples/digits/digits.kmodel").read_bytes())]
    for name in FILES:
        path = directory / name
        if not path.is_file():
            print(f"{name} is not in {directory}: left out")
        elif path.suffix == ".kfpkg":
            models.append((name, kfpkg.read(path)[0].data))
        else:
            models.append((name, path.read_bytes()))
    return [BenchModel(name, data, input_code(parse(data)), 90.0 if name == FACE else None) for name, data in models]


def padded_model(size: int) -> bytes:
    """A valid V3 model of about `size` bytes: fully connected layers with 1,023 inputs, 4 KiB of weights an output."""
    outputs = max(1, size // 4096)
    builder = Builder()
    source = builder.input_block(1023, 4)
    builder.output(builder.fully_connected(source, np.zeros((outputs, 1023), np.float32),
                                           np.zeros(outputs, np.float32)))
    return builder.build()
