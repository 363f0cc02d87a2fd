"""Writing kmodel V3 (spec kmodel.md 3.1, 3.4, 10; kpu.md 6, 9, 10).

`write` turns layers with known addresses into a file. `Builder` takes a network step by step, chooses every KPU row
and main-memory address itself, and then calls `write`:

    b = Builder()
    x = b.input_map(Shape(1, 28, 28))
    x = b.conv(x, Kernel(weights, bn, act), pool=1)
    y = b.to_main(x)
    y = b.dequantize(y, scale, bias)
    b.output(b.softmax(y))
    data = b.build()
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kpupy.kmodel import layout, tables, v3, v3_kpu, v3_main
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.place import Lifetime, place
from kpupy.kmodel.tables import BnEntry, Segment
from kpupy.kmodel.v3_base import Layer, Shape
from kpupy.kmodel.v3_kpu import Conv
from kpupy.kmodel.words import KpuLayer

LOAD_LIMIT = {1: 30 * 1024, 2: 60 * 1024}  # bytes of one weight load, by bytes per weight
MAX_LOADS = 64
MAX_CHANNELS, MAX_WIDTH, MAX_HEIGHT, MIN_EDGE = 1024, 512, 256, 4

_TABLE_ALIGN = {"record": 8, "weights": 128, "bn": 128, "act": 256}


def write(model: v3.ModelV3) -> bytes:
    """The file of `model`. The offsets inside its convolutions are set to where the tables were put."""
    first_body = v3.HEADER.size + 8 * len(model.outputs) + 8 * len(model.layers)
    heads, bodies, at = [], [], first_body
    for layer in model.layers:
        body = _conv_body(layer, at) if isinstance(layer, Conv) else layer.head() + layer.tail()
        body += bytes(-(at + len(body)) % 8)
        layer.position = at
        heads.append(struct.pack("<2I", layer.TYPE, len(body)))
        bodies.append(body)
        at += len(body)
    header = v3.HEADER.pack(
        v3.VERSION, model.flags, 0, len(model.layers), model.max_start_address, model.main_memory, len(model.outputs)
    )
    outputs = [struct.pack("<2I", out.address, out.size) for out in model.outputs]
    return b"".join([header, *outputs, *heads, *bodies])


def _conv_body(layer: Conv, at: int) -> bytes:
    pieces = {"record": layer.record.to_bytes(), "weights": layer.weights, "bn": layer.bn, "act": layer.act}
    body = bytearray(Conv.fixed_size())
    for name, content in pieces.items():
        body += bytes(-(at + len(body)) % _TABLE_ALIGN[name])
        setattr(layer, f"{name}_offset", at + len(body))
        body += content
    body[: Conv.fixed_size()] = layer.head()
    return bytes(body)


@dataclass
class Kernel:
    """What a KPU layer computes with (spec kpu.md 5).

    weights [O, C, K, K], or [C, K, K] for a depthwise layer, u8 or u16; one BN entry per output channel; 16 segments.
    u = Σ (x - x_zero)·(w - w_zero); pixels outside the map count as x_zero.
    """

    weights: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    bn: list[BnEntry]
    act: list[Segment]
    x_zero: int = 0
    w_zero: int = 0

    @property
    def depthwise(self) -> bool:
        return self.weights.ndim == 3


def make_record(kernel: Kernel, shape: Shape, pool: int) -> KpuLayer:
    """The layer record of a convolution over a map of `shape`, with rows 0: the recipe of spec kpu.md 10."""
    edge = kernel.weights.shape[-1]
    if edge not in (1, 3) or kernel.weights.shape[-2] != edge:
        raise KModelError(f"kernel {kernel.weights.shape[-2]}x{edge}: the KPU has 1x1 and 3x3")
    outputs, inputs = kernel.weights.shape[0], shape.channels
    if not kernel.depthwise and kernel.weights.shape[1] != inputs:
        raise KModelError(f"weights for {kernel.weights.shape[1]} input channels, the map has {inputs}")
    if kernel.depthwise and outputs != inputs:
        raise KModelError(f"depthwise weights for {outputs} channels, the map has {inputs}")
    if kernel.depthwise and pool != 0:
        raise KModelError(f"pool type {pool} on a depthwise layer: the KPU needs 0 there")
    if pool not in layout.POOL_STRIDE:
        raise KModelError(f"pool type {pool} is outside 0..9")
    if len(kernel.bn) != outputs:
        raise KModelError(f"{len(kernel.bn)} BN entries for {outputs} output channels")
    stride = layout.POOL_STRIDE[pool]
    out = Shape(outputs, shape.height // stride, shape.width // stride)
    for what, map_shape in (("input", shape), ("output", out)):
        if not (1 <= map_shape.channels <= MAX_CHANNELS):
            raise KModelError(f"{what} {map_shape}: the KPU has 1..{MAX_CHANNELS} channels")
        if not (MIN_EDGE <= map_shape.width <= MAX_WIDTH and MIN_EDGE <= map_shape.height <= MAX_HEIGHT):
            raise KModelError(f"{what} {map_shape}: maps are {MIN_EDGE}x{MIN_EDGE} to {MAX_HEIGHT}x{MAX_WIDTH}")

    size = kernel.weights.dtype.itemsize
    per_load, loads = _weight_loads(outputs, edge * edge * (1 if kernel.depthwise else inputs) * size, size, kernel)
    group_in, _, pitch_in = layout.layout_of(shape.width)
    group_out, _, pitch_out = layout.layout_of(out.width)
    return KpuLayer(
        depthwise=int(kernel.depthwise),
        in_channels=inputs,
        in_height=shape.height,
        in_width=shape.width,
        out_channels=outputs,
        out_height=out.height,
        out_width=out.width,
        kernel_type=int(edge == 3),
        pool_type=pool,
        pad_value=kernel.x_zero,
        channels_per_load=per_load,
        loads=loads,
        para_size=per_load * edge * edge * (1 if kernel.depthwise else inputs) * size,
        in_group=group_in,
        in_row_pitch=pitch_in,
        in_channel_pitch=pitch_in * shape.height,
        out_group=group_out,
        out_row_pitch=pitch_out,
        out_channel_pitch=pitch_out * out.height,
        arg_x=-kernel.w_zero,
        arg_w=-kernel.x_zero,
        arg_add=edge * edge * kernel.w_zero * kernel.x_zero,
        channel_bytes=(out.width * out.height - 1) % 65536 + 1,
        total_bytes=out.elements,
    )


def _weight_loads(outputs: int, channel_bytes: int, size: int, kernel: Kernel) -> tuple[int, int]:
    """Channels per load and loads: within the buffer, and whole loads of a multiple of 8 bytes (spec kpu.md 6.2)."""
    if kernel.depthwise:
        return outputs, 1
    per_load = min(outputs, LOAD_LIMIT[size] // channel_bytes)
    while per_load < outputs and per_load * channel_bytes % 8:
        per_load -= 1
    if per_load == 0:
        raise KModelError(f"no number of {channel_bytes}-byte channels makes a weight load of a multiple of 8 bytes")
    loads = -(-outputs // per_load)
    if loads > MAX_LOADS:
        raise KModelError(
            f"{outputs} output channels of {channel_bytes} bytes need {loads} weight loads, not {MAX_LOADS}"
        )
    return per_load, loads


@dataclass
class Map:
    """A feature map in KPU RAM."""

    shape: Shape
    life: Lifetime
    producer: Conv | None = None


@dataclass
class Block:
    """A tensor in main memory: `count` elements of `item` bytes, with the map's shape where it has one."""

    count: int
    item: int
    life: Lifetime


@dataclass
class Builder:
    """A network under construction. `weight_bytes` is 1 for u8 weights, 2 for u16; it holds for the whole model."""

    weight_bytes: int = 1
    _layers: list[Layer] = field(default_factory=list)
    _maps: list[Map] = field(default_factory=list)
    _blocks: list[Block] = field(default_factory=list)
    _outputs: list[Block] = field(default_factory=list)
    _patches: list[tuple[Callable[[int], None], Map | Block]] = field(default_factory=list)

    def input_map(self, shape: Shape) -> Map:
        """The model's input as a u8 map in KPU RAM; the first layer must be a convolution of it."""
        return self._new_map(shape, None, born=0)

    def input_block(self, count: int, item: int) -> Block:
        """The model's input in main memory: `count` u8 (item 1) or f32 (item 4)."""
        return self._new_block(count, item, born=0)

    def conv(self, source: Map, kernel: Kernel, pool: int = 0) -> Map:
        """A KPU layer."""
        if kernel.weights.dtype.itemsize != self.weight_bytes:
            raise KModelError(
                f"weights of {kernel.weights.dtype.itemsize} bytes in a model of {self.weight_bytes}-byte weights"
            )
        record = make_record(kernel, source.shape, pool)
        weights = np.ascontiguousarray(kernel.weights)
        conv = Conv(
            out=0,
            record=record,
            weights=weights.astype(weights.dtype.newbyteorder("<")).tobytes(),
            bn=tables.encode_bn(kernel.bn),
            act=tables.encode_act(kernel.act),
        )
        self._add(conv, source)
        self._patch(functools.partial(setattr, record, "src_row"), source)
        out = self._new_map(conv.out_shape(), conv)
        self._patch(functools.partial(setattr, record, "dst_row"), out)
        return out

    def to_main(self, source: Map) -> Block:
        """The result of the KPU layer just added, also delivered to main memory in C,H,W order."""
        conv = source.producer
        if conv is None or self._layers[-1] is not conv:
            raise KModelError("only the result of the layer just added can be brought to main memory")
        conv.flags |= Conv.MAIN_MEM_OUT
        block = self._new_block(source.shape.elements, 1)
        self._patch(functools.partial(setattr, conv, "out"), block)
        return block

    def upload(self, source: Block, shape: Shape) -> Map:
        """C,H,W bytes from main memory to a map."""
        if source.item != 1 or source.count != shape.elements:
            raise KModelError(f"{source.count} elements of {source.item} bytes are no u8 map {shape}")
        step = v3_kpu.Upload(source=0, row=0, width=shape.width, height=shape.height, channels=shape.channels)
        return self._into_kpu(step, source, shape)

    def add_padding(self, source: Block) -> Map:
        """A vector as the (0,0) pixels of 4x4 maps, for a fully connected layer as a 1x1 convolution."""
        step = v3_kpu.AddPadding(source=0, row=0, channels=source.count)
        return self._into_kpu(step, source, Shape(source.count, 4, 4))

    def remove_padding(self, source: Block) -> Block:
        """The inverse, on a map of 4x4 that was brought to main memory."""
        return self._step(
            v3_kpu.RemovePadding(source=0, out=0, channels=source.count // 16), source, source.count // 16, 1
        )

    def quantize(self, source: Block, scale: float, bias: float) -> Block:
        return self._step(
            v3_main.Quantize(source=0, out=0, count=source.count, scale=scale, bias=bias), source, source.count, 1
        )

    def dequantize(self, source: Block, scale: float, bias: float) -> Block:
        step = v3_main.Dequantize(source=0, out=0, count=source.count, scale=scale, bias=bias)
        return self._step(step, source, source.count, 4)

    def softmax(self, source: Block) -> Block:
        return self._step(v3_main.Softmax(source=0, out=0, channels=source.count), source, source.count, 4)

    def logistic(self, source: Block) -> Block:
        return self._step(v3_main.Logistic(source=0, out=0, channels=source.count), source, source.count, 4)

    def global_average(self, source: Block, channels: int) -> Block:
        step = v3_main.GlobalAveragePool(source=0, out=0, kernel_size=source.count // channels, channels=channels)
        return self._step(step, source, channels, 4)

    def fully_connected(
        self, source: Block, weights: npt.NDArray[np.float32], biases: npt.NDArray[np.float32], act: int = 0
    ) -> Block:
        """f32 on the CPU: weights [out, in]."""
        outputs, inputs = weights.shape
        if source.item != 4 or source.count != inputs or biases.shape != (outputs,):
            raise KModelError(f"weights {weights.shape} and biases {biases.shape} do not fit {source.count} inputs")
        raw = (weights.astype("<f4").tobytes(), biases.astype("<f4").tobytes())
        step = v3_main.FullyConnected(
            source=0, out=0, in_channels=inputs, out_channels=outputs, act=act, weights=raw[0], biases=raw[1]
        )
        return self._step(step, source, outputs, 4)

    def step(self, layer: Layer, sources: dict[str, Block], count: int, item: int) -> Block:
        """Any other main-memory layer: `sources` maps its address fields to blocks; its `out` is placed here."""
        self._add(layer, *sources.values())
        for name, block in sources.items():
            self._patch(functools.partial(setattr, layer, name), block)
        out = self._new_block(count, item)
        self._patch(functools.partial(setattr, layer, "out"), out)
        return out

    def concat(self, *sources: Block) -> Block:
        """Blocks of one element type, one after another."""
        if len({source.item for source in sources}) != 1:
            raise KModelError("concat takes one or more blocks of one element type")
        kind = v3_main.QuantizedConcat if sources[0].item == 1 else v3_main.Concat
        layer = kind(out=0, count=len(sources), parts=[(0, source.count * source.item) for source in sources])

        def at(index: int, address: int) -> None:
            layer.parts[index] = (address, layer.parts[index][1])

        self._add(layer, *sources)
        for index, source in enumerate(sources):
            self._patch(functools.partial(at, index), source)
        out = self._new_block(sum(source.count for source in sources), sources[0].item)
        self._patch(functools.partial(setattr, layer, "out"), out)
        return out

    def output(self, block: Block) -> None:
        """Make an f32 block an output of the model: it stays untouched until the end."""
        if block.item != 4:
            raise KModelError("outputs of a kmodel V3 are f32: dequantize first")
        self._outputs.append(block)

    def build(self) -> bytes:
        """Place everything and write the file. The result has been read back and checked."""
        if not self._layers or not self._outputs:
            raise KModelError("a model needs at least one layer and one output")
        for block in self._outputs:
            block.life.dies = len(self._layers)
        rows, rows_used = place([m.life for m in self._maps])
        if rows_used > layout.ROWS:
            raise KModelError(f"the maps need {rows_used} KPU rows at once, there are {layout.ROWS}")
        addresses, main = place([b.life for b in self._blocks])
        # KPU rows are handed out from the top down, as every known writer of V3 does
        at_map = {id(m): layout.ROWS - row - m.life.size for m, row in zip(self._maps, rows, strict=True)}
        at_block = {id(b): address for b, address in zip(self._blocks, addresses, strict=True)}
        for apply, target in self._patches:
            apply(at_map[id(target)] if isinstance(target, Map) else at_block[id(target)])
        flags = v3.FLAG_8BIT_WEIGHTS if self.weight_bytes == 1 else 0
        outputs = [v3.Output(at_block[id(b)], 4 * b.count) for b in self._outputs]
        data = write(v3.ModelV3(flags, layout.ROWS - rows_used, main, outputs, self._layers))
        v3.parse(data)
        return data

    def _step(self, layer: Layer, source: Block, count: int, item: int) -> Block:
        return self.step(layer, {"source": source}, count, item)

    def _into_kpu(self, step: v3_kpu.Upload | v3_kpu.AddPadding, source: Block, shape: Shape) -> Map:
        self._add(step, source)
        self._patch(functools.partial(setattr, step, "source"), source)
        out = self._new_map(shape, None)
        self._patch(functools.partial(setattr, step, "row"), out)
        return out

    def _add(self, layer: Layer, *sources: Map | Block) -> None:
        self._layers.append(layer)
        for source in sources:
            source.life.dies = len(self._layers)

    def _patch(self, apply: Callable[[int], None], target: Map | Block) -> None:
        self._patches.append((apply, target))

    def _new_map(self, shape: Shape, producer: Conv | None, born: int | None = None) -> Map:
        now = len(self._layers) if born is None else born
        life = Lifetime(layout.rows_of(shape.width, shape.height, shape.channels), now, now)
        self._maps.append(Map(shape, life, producer))
        return self._maps[-1]

    def _new_block(self, count: int, item: int, born: int | None = None) -> Block:
        now = len(self._layers) if born is None else born
        life = Lifetime(-(-count * item // 8) * 8, now, now)
        self._blocks.append(Block(count, item, life))
        return self._blocks[-1]
