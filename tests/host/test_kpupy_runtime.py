"""The board's model runtime, built for this computer, against the reference: every KPU layer's bytes and the outputs.

The two share nothing but the specification. Random networks cover every layer type of kmodel V3 in random order; the
real ones are models by others on pictures.
"""

from __future__ import annotations

import os
import pathlib
import random
import subprocess
from typing import Any

import numpy as np
import pytest
from kpupy import models, picture
from kpupy.kmodel import parse, reference, v3_main
from kpupy.kmodel.build_v3 import Block, Builder, Kernel, Map
from kpupy.kmodel.tables import BnEntry, Segment
from kpupy.kmodel.v3_base import Layer, Shape
from kpupy.kmodel.v3_kpu import AddPadding, RemovePadding, Upload


@pytest.fixture(scope="session")
def runtime(root: pathlib.Path) -> pathlib.Path:
    """components/kmodel's runner, freshly built."""
    make = ["make", "-s", "-C", str(root / "components" / "kmodel")]
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")  # parallel workers must not build into one directory
    target = root / "build" / "kmodel" / f"kpupy-{worker}" / "kmodel_run"
    subprocess.run([*make, f"BUILD={target.parent}", str(target)], check=True, timeout=300)
    return target


def compare(runtime: pathlib.Path, directory: pathlib.Path, data: bytes, pixels: Any, profile: str = "B") -> None:
    """Run `data` on both and compare everything that is defined."""
    (directory / "m.kmodel").write_bytes(data)
    (directory / "x.bin").write_bytes(pixels.tobytes())
    command = [str(runtime), str(directory / "m.kmodel"), "--input", str(directory / "x.bin"), "--profile", profile]
    command += ["--layers", str(directory / "layer"), "--output", str(directory / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    expected = reference.run(parse.parse(data), pixels, "A" if profile == "A" else "B")
    assert expected.kpu or expected.outputs
    for number, out in enumerate(expected.kpu):
        found = np.fromfile(directory / f"layer.{number}.bin", np.uint8).reshape(out.pixels.shape)
        wrong = (found != out.pixels) & out.defined
        assert not wrong.any(), f"layer {out.layer}: {wrong.sum()} of {wrong.size} bytes differ"
    for index, values in enumerate(expected.outputs):
        found = np.fromfile(directory / f"out.{index}.bin", "<f4")
        np.testing.assert_allclose(found, values, rtol=1e-5, atol=1e-6)


class Network:
    """A random network under construction, with what is needed to choose its next step."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.noise = np.random.default_rng(seed)
        self.weight_bytes = 2 if seed % 5 == 0 else 1
        self.b = Builder(self.weight_bytes)

    def kernel(self, shape: Shape, depthwise: bool, outputs: int, edge: int) -> Kernel:
        rng, top = self.rng, (256 if self.weight_bytes == 1 else 65536)
        kind = np.uint8 if top == 256 else np.uint16
        size = (outputs, edge, edge) if depthwise else (outputs, shape.channels, edge, edge)
        weights = self.noise.integers(0, top, size).astype(kind)
        spread = min(top * 64 * edge * (1 if depthwise else shape.channels), 1 << 30)
        bn = [BnEntry(rng.randrange(1, 2000), 10, rng.randrange(-spread, spread)) for _ in range(outputs)]
        starts = sorted(rng.randrange(-2 * spread, 2 * spread) for _ in range(15))
        act = [Segment(-(1 << 35), 0, 0, rng.randrange(256))]
        act += [Segment(s, rng.randrange(-40, 400), rng.randrange(10, 22), rng.randrange(256)) for s in starts]
        return Kernel(weights, bn, act, rng.randrange(256), rng.randrange(top))

    def conv(self, x: Map) -> Map:
        rng, shape = self.rng, x.shape
        depthwise = rng.random() < 0.3
        room = min(shape.width, shape.height)
        pools = [0, 8, 9] + [1, 2, 5, 6] * (room >= 8) + [3, 4, 7] * (room >= 16)
        pool = 0 if depthwise else rng.choice(pools)
        outputs = shape.channels if depthwise else rng.choice([1, 2, 3, 4, 7, 16, 33])
        return self.b.conv(x, self.kernel(shape, depthwise, outputs, rng.choice([1, 3])), pool)

    def quantised_steps(self, x: Block, shape: Shape) -> tuple[Block, Shape]:
        """A few u8 layers in main memory."""
        rng, b = self.rng, self.b
        for _ in range(rng.randrange(3)):
            which = rng.randrange(5)
            count = shape.elements
            if which == 0:
                table = bytes(rng.randrange(256) for _ in range(256))
                x = b.step(v3_main.Requantize(source=0, out=0, count=count, table=table), {"source": x}, count, 1)
            elif which == 1:
                add = v3_main.QuantizedAdd(
                    a=0, b=0, out=0, count=count,
                    a_offset=-rng.randrange(256), a_mul=rng.randrange(-999, 99999), a_shift=rng.randrange(12),
                    b_offset=-rng.randrange(256), b_mul=rng.randrange(-999, 99999), b_shift=rng.randrange(12),
                    out_offset=rng.randrange(256), out_mul=rng.randrange(1, 3000), out_shift=rng.randrange(28),
                )  # fmt: skip
                x = b.step(add, {"a": x, "b": x}, count, 1)
            elif which == 2:
                pool = v3_main.QuantizedMaxPool(**self.pool_fields(shape))
                shape = pool.out_shape()
                x = b.step(pool, {"source": x}, shape.elements, 1)
            elif which == 3:
                resize = v3_main.QuantizedResizeNearest(
                    source=0, out=0, in_width=shape.width, in_height=shape.height, channels=shape.channels,
                    out_width=rng.randrange(1, 12), out_height=rng.randrange(1, 12), align_corners=rng.randrange(2),
                )  # fmt: skip
                shape = resize.out_shape()
                x = b.step(resize, {"source": x}, shape.elements, 1)
            else:
                x, shape = b.concat(x, x), Shape(2 * shape.channels, shape.height, shape.width)
        return x, shape

    def pool_fields(self, shape: Shape) -> dict[str, int]:
        fields = {"source": 0, "out": 0, "in_channels": shape.channels, "out_channels": shape.channels}
        for axis, size in (("width", shape.width), ("height", shape.height)):
            kernel, stride = self.rng.randrange(1, 4), self.rng.randrange(1, 4)
            pad = self.rng.randrange(kernel)
            fields |= {f"in_{axis}": size, f"kernel_{axis}": kernel, f"stride_{axis}": stride, f"pad_{axis}": pad}
            fields[f"out_{axis}"] = (size - 1 + pad) // stride + 1
        return fields

    def float_steps(self, x: Block, shape: Shape) -> Block:
        """A few f32 layers, the last of them random too."""
        rng, b = self.rng, self.b
        for _ in range(rng.randrange(1, 5)):
            count = shape.elements
            which = rng.randrange(11)
            layer: Layer | None = None
            if which == 0:
                layer = v3_main.L2Normalization(source=0, out=0, channels=count)
            elif which == 1:
                layer = v3_main.Softmax(source=0, out=0, channels=count)
            elif which == 2:
                layer = v3_main.Logistic(source=0, out=0, channels=count)
            elif which == 3:
                x = b.step(v3_main.Add(a=0, b=0, out=0, count=count), {"a": x, "b": x}, count, 4)
            elif which == 4:
                x, shape = b.global_average(x, shape.channels), Shape(shape.channels, 1, 1)
            elif which == 5:
                layer = v3_main.MaxPool(**self.pool_fields(shape), act=rng.randrange(3))
            elif which == 6:
                layer = v3_main.AveragePool(**self.pool_fields(shape), act=rng.randrange(3))
            elif which == 7:
                layer = v3_main.TensorflowFlatten(
                    source=0, out=0, width=shape.width, height=shape.height, channels=shape.channels
                )
            elif which == 8:
                layer = v3_main.ResizeNearest(
                    source=0, out=0, in_width=shape.width, in_height=shape.height, channels=shape.channels,
                    out_width=rng.randrange(1, 9), out_height=rng.randrange(1, 9), align_corners=0,
                )  # fmt: skip
            elif which == 9:
                x, shape = b.concat(x, x), Shape(2 * shape.channels, shape.height, shape.width)
            else:
                outputs = rng.randrange(1, 20)
                weights = self.noise.normal(0, 0.1, (outputs, count)).astype(np.float32)
                x = b.fully_connected(x, weights, self.noise.normal(size=outputs).astype(np.float32), rng.randrange(3))
                shape = Shape(outputs, 1, 1)
            if layer is not None:
                shape = layer.out_shape() or shape
                x = b.step(layer, {"source": x}, shape.elements, 4)
        return x

    def build(self) -> bytes:
        rng, b = self.rng, self.b
        shape = Shape(rng.choice([1, 2, 3, 5]), rng.randrange(8, 24), rng.choice([8, 15, 16, 17, 32, 33, 64, 70]))
        x = b.input_map(shape)
        for _ in range(rng.randrange(1, 4)):
            x = self.conv(x)
        block, shape = self.quantised_steps(b.to_main(x), x.shape)
        if min(shape.width, shape.height) >= 4 and rng.random() < 0.6:
            x = self.conv(b.upload(block, shape))
            block, shape = self.quantised_steps(b.to_main(x), x.shape)
        if shape.elements <= 1024 and rng.random() < 0.7:
            vector = b.add_padding(block)
            dense = b.conv(vector, self.kernel(vector.shape, False, rng.randrange(1, 20), 1))
            block, shape = b.remove_padding(b.to_main(dense)), Shape(dense.shape.channels, 1, 1)
        if rng.random() < 0.3:
            params = [(rng.uniform(0.001, 0.02), rng.uniform(-2, 2)) for _ in range(shape.channels)]
            layer = v3_main.ChannelwiseDequantize(
                source=0, out=0, channels=shape.channels, channel_size=shape.height * shape.width, params=params
            )
            value = b.step(layer, {"source": block}, block.count, 4)
        else:
            value = b.dequantize(block, rng.uniform(0.001, 0.02), rng.uniform(-2, 2))
        b.output(value)
        b.output(self.float_steps(value, shape))
        return b.build()


@pytest.mark.parametrize("seed", range(150))
def test_random_networks(runtime: pathlib.Path, tmp_path: pathlib.Path, seed: int) -> None:
    data = Network(seed).build()
    shape = parse.parse(data).input.shape
    pixels = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    compare(runtime, tmp_path, data, pixels, "A" if seed % 3 == 0 else "B")


def test_random_networks_compute_something() -> None:
    """Few of their layers saturate to a constant: there is something to compare."""
    levels = []
    for seed in range(30):
        model = parse.parse(Network(seed).build())
        levels += [len(np.unique(out.pixels)) for out in reference.run(model, reference.lcg_input(model.input)).kpu]
    assert np.median(levels) > 10


def test_random_networks_cover_every_layer_type() -> None:
    seen = {layer.TYPE for seed in range(150) for layer in parse.parse(Network(seed).build()).layers}
    quantize = v3_main.Quantize.TYPE  # its input is f32: see the test below
    assert {cls.TYPE for cls in (AddPadding, RemovePadding, Upload)} <= seen
    assert seen | {quantize} == {1, 2, 5, 7, 8, 9, *range(11, 19), 20, 22, 23, 24, 25, *range(10240, 10244)}


def test_float_input_that_is_quantised_first(runtime: pathlib.Path, tmp_path: pathlib.Path) -> None:
    noise = np.random.default_rng(1)
    b = Builder()
    block = b.quantize(b.input_block(300, 4), 0.013, -1.5)
    b.output(b.dequantize(block, 1.0, 0.0))
    data = b.build()
    values = (-1.5 + 0.013 * (noise.integers(-40, 300, 300) + noise.choice([0, 0.25, 0.49, 0.75], 300))).astype(
        np.float32
    )
    compare(runtime, tmp_path, data, values)


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("v3_mnist.kmodel", "digit7_28x28.bmp"),
        ("v3_yolo20.kmodel", "dog_320x240.bmp"),
        ("v3_mask.kmodel", "dog_320x240.bmp"),
        ("v3_face_at_0x300000.kfpkg", "face_320x240.jpg"),
        ("v3_ld5.kmodel", "grace_hopper_128x128.bmp"),
        ("v3_mbnet751.kmodel", "elephant_224x224.bmp"),
    ],
)
def test_real_networks_on_pictures(
    runtime: pathlib.Path, shared_models: pathlib.Path, tmp_path: pathlib.Path, name: str, image: str
) -> None:
    data = models.read(shared_models / name)
    pixels = picture.load(shared_models / image, *parse.parse(data).input.shape)
    compare(runtime, tmp_path, data, pixels)


def test_digits(runtime: pathlib.Path, root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    data = (root / "examples" / "digits" / "digits.kmodel").read_bytes()
    for profile in "AB":
        noise = np.random.default_rng(ord(profile)).integers(0, 256, (1, 28, 28)).astype(np.uint8)
        compare(runtime, tmp_path, data, noise, profile)
