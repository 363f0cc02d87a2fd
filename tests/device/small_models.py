"""Models made for the tests, and pictures for them."""

from __future__ import annotations

import io

import numpy as np
from kpupy.kmodel.build_v3 import Builder, Kernel
from kpupy.kmodel.tables import BnEntry, linear_act
from kpupy.kmodel.v3_base import Shape
from PIL import Image

RED_WIDTH, RED_HEIGHT = 64, 48


def float_model() -> bytes:
    """Four floats to three, by two fully connected layers."""
    random = np.random.default_rng(4)
    builder = Builder()
    block = builder.input_block(4, 4)
    for inputs, outputs in ((4, 10), (10, 3)):
        weights = random.normal(0, 1, (outputs, inputs)).astype(np.float32)
        block = builder.fully_connected(block, weights, random.normal(0, 1, outputs).astype(np.float32))
    builder.output(block)
    return builder.build()


def large_model(megabytes: float) -> bytes:
    """One fully connected layer with that many bytes of weights."""
    outputs = int(megabytes * 1e6 / 4092)
    builder = Builder()
    weights = np.zeros((outputs, 1023), np.float32)
    builder.output(builder.fully_connected(builder.input_block(1023, 4), weights, np.zeros(outputs, np.float32)))
    return builder.build()


def red_finder() -> bytes:
    """A YOLO v2 head over a 64x48 picture: one anchor, one class, a cell per pixel; an object where red is 255.

    The objectness is 12.6 there and -12.8 where red is 0; all other entries are 0.
    """
    weights = np.zeros((6, 3, 1, 1), np.uint8)
    weights[4, 0] = 1
    entries = [BnEntry(1, 1, 0) if channel == 4 else BnEntry(1, 1, 64) for channel in range(6)]
    builder = Builder()
    source = builder.input_map(Shape(3, RED_HEIGHT, RED_WIDTH))
    head = builder.to_main(builder.conv(source, Kernel(weights, entries, linear_act(1, 0))))
    builder.output(builder.dequantize(head, 0.2, -12.8))
    return builder.build()


def bmp(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "BMP")
    return file.getvalue()


def gray_noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (height, width), np.uint8))


def red_dots(*places: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", (RED_WIDTH, RED_HEIGHT))
    for place in places:
        picture.putpixel(place, (255, 0, 0))
    return picture


def slow_model() -> bytes:
    """Eight layers of 64 to 64 channels over 128x96 pixels: more than 10 ms in one queue of the KPU."""
    random = np.random.default_rng(8)
    builder = Builder()
    found = builder.input_map(Shape(3, 96, 128))
    for inputs in (3, *[64] * 7):
        weights = random.integers(0, 256, (64, inputs, 3, 3)).astype(np.uint8)
        found = builder.conv(found, Kernel(weights, [BnEntry(1, 8, 0)] * 64, linear_act(1, 2), w_zero=120))
    builder.output(builder.dequantize(builder.to_main(found), 0.1, 0.0))
    return builder.build()


def feature_model() -> bytes:
    """A 16x16 colour picture to 768 floats: the planes as they are, halved."""
    kernel = Kernel(np.eye(3, dtype=np.uint8).reshape(3, 3, 1, 1), [BnEntry(1, 1, 0)] * 3, linear_act(1, 0))
    builder = Builder()
    planes = builder.to_main(builder.conv(builder.input_map(Shape(3, 16, 16)), kernel))
    builder.output(builder.dequantize(planes, 0.5, 0.0))
    return builder.build()
