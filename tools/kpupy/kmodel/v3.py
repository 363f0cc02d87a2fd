"""Reading and checking kmodel V3 (spec kmodel.md 3 and 7.1 to 7.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from kpupy.kmodel import layout, v3_kpu, v3_main
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.v3_base import LAYERS, MAX_ELEMENTS, UNDEFINED, Bytes, Layer, Shape
from kpupy.kmodel.v3_kpu import Conv
from kpupy.kmodel.words import KpuLayer

VERSION = 3
HEADER = struct.Struct("<7I")
FLAG_8BIT_WEIGHTS = 1
MAX_LAYERS, MAX_OUTPUTS = 4096, 64
MAX_PADDING = 7  # bytes that may be missing at the end of the file (spec kmodel.md 1.2)

#: Values that every known record has; a runtime sets them itself before it pushes the layer.
_STANDARD = {
    "int_en": 0,
    "ram_flag": 0,
    "full_add": 0,
    "pad_type": 0,
    "first_stride": 0,
    "bypass_conv": 0,
    "load_para": 1,
    "load_coor": 1,
    "load_act": 1,
    "dma_burst": 16,
    "coef_column_offset": 0,
    "coef_row_offset": 0,
    "coef_size": 0,
    "bn_address": 0,
    "weights_address": 0,
    "act_address": 0,
    "send_data_out": 0,
}


@dataclass
class Output:
    """f32 results in main memory: byte address and bytes."""

    address: int
    size: int


@dataclass
class Input:
    """What the model wants: shape and element type, in main memory at `address`, or uploaded to KPU row `row`."""

    shape: Shape
    is_float: bool
    address: int | None
    row: int | None


@dataclass
class ModelV3:
    """A parsed and checked model. `warnings` are oddities that a runtime accepts."""

    flags: int
    max_start_address: int
    main_memory: int
    outputs: list[Output]
    layers: list[Layer]
    version: int = VERSION
    warnings: list[str] = field(default_factory=list, compare=False)

    @property
    def weight_bytes(self) -> int:
        return 1 if self.flags & FLAG_8BIT_WEIGHTS else 2

    @property
    def input(self) -> Input:
        return _input_of(self.layers[0])

    def convolutions(self) -> list[Conv]:
        return [layer for layer in self.layers if isinstance(layer, Conv)]

    def output_shape(self, index: int) -> Shape:
        """Shape of an output, found by walking back from its writer (spec kmodel.md 3.2); else a flat vector."""
        wanted = self.outputs[index]
        address, count = wanted.address, wanted.size // 4
        for layer in reversed(self.layers):
            writes = [span for span in layer.spans() if span.write and span.address == address]
            if not writes:
                continue
            shape = layer.out_shape()
            if shape is not None:
                if shape.elements == count:
                    return shape
                break
            reads = [span for span in layer.spans() if not span.write]
            if not reads or reads[0].size // reads[0].item != count:
                break
            address = reads[0].address
        return Shape(count, 1, 1)

    def kpu_rows(self) -> tuple[int, int]:
        """Lowest and past-the-highest KPU row in use; both are 32,768 when there is none."""
        spans = list(_row_spans(self.layers))
        if not spans:
            return layout.ROWS, layout.ROWS
        return min(first for first, _ in spans), max(end for _, end in spans)


def _row_spans(layers: list[Layer]) -> Iterator[tuple[int, int]]:
    for layer in layers:
        if isinstance(layer, Conv):
            yield layer.src_rows()
            yield layer.dst_rows()
        elif isinstance(layer, v3_kpu.AddPadding):
            yield layer.row, layer.row + layout.rows_of(4, 4, layer.channels)
        elif isinstance(layer, v3_kpu.Upload):
            yield layer.row, layer.row + layout.rows_of(layer.width, layer.height, layer.channels)


def _input_of(first: Layer) -> Input:
    if isinstance(first, Conv):
        return Input(first.in_shape(), False, None, first.record.src_row)
    reads = [span for span in first.spans() if not span.write]
    if not reads:
        raise KModelError(f"the first layer, {first.NAME}, reads nothing: the model has no input")
    span = reads[0]
    if isinstance(first, (v3_main.TensorflowFlatten, v3_kpu.Upload)):
        shape = Shape(first.channels, first.height, first.width)
    else:
        shape = Shape(span.size // span.item, 1, 1)
    return Input(shape, span.item == 4, span.address, None)


def parse(data: Bytes) -> ModelV3:
    """Decode and check a V3 file; every E rule of spec kmodel.md 7.1 to 7.3 raises KModelError."""
    view = memoryview(data)
    if len(view) < HEADER.size:
        raise KModelError(f"{len(view)} bytes are too short for the kmodel V3 header of {HEADER.size}")
    version, flags, arch, layer_count, max_start, main_memory, output_count = HEADER.unpack_from(view)
    if version != VERSION or arch != 0:
        raise KModelError(f"version {version}, architecture {arch}: not a kmodel V3 for the K210 (3, 0)")
    if not 1 <= layer_count <= MAX_LAYERS:
        raise KModelError(f"layer count {layer_count} is outside 1..{MAX_LAYERS}")
    if not 1 <= output_count <= MAX_OUTPUTS:
        raise KModelError(f"output count {output_count} is outside 1..{MAX_OUTPUTS}")
    first_body = HEADER.size + 8 * output_count + 8 * layer_count
    if first_body > len(view):
        raise KModelError(f"file of {len(view)} bytes ends inside its tables, which need {first_body}")
    flat = struct.unpack_from(f"<{2 * output_count}I", view, HEADER.size)
    outputs = [Output(a, s) for a, s in zip(flat[::2], flat[1::2], strict=True)]
    heads = struct.unpack_from(f"<{2 * layer_count}I", view, HEADER.size + 8 * output_count)

    model = ModelV3(flags, max_start, main_memory, outputs, [])
    at = first_body
    for index in range(layer_count):
        number, size = heads[2 * index], heads[2 * index + 1]
        where = f"layer {index} ({layer_name(number)})"
        try:
            layer = _read_layer(view, number, at, size, model.weight_bytes, first_body, index == layer_count - 1)
            _check_layer(layer, main_memory, where, model)
        except KModelError as error:
            raise KModelError(f"{where}: {error}") from None
        model.layers.append(layer)
        at += size
    _check_model(model, len(view) - at)
    return model


def layer_name(number: int) -> str:
    cls = LAYERS.get(number)
    return cls.NAME if cls else UNDEFINED.get(number, f"type {number}")


def _read_layer(
    view: memoryview, number: int, at: int, size: int, weight_bytes: int, first_body: int, last: bool
) -> Layer:
    cls = LAYERS.get(number)
    if cls is None:
        known = "no compiler wrote it and its body is not defined" if number in UNDEFINED else "unknown"
        raise KModelError(f"layer type {number} is not supported: {known}")
    missing = at + size - len(view)
    if missing > (MAX_PADDING if last else 0):
        raise KModelError(f"body at {at} with {size} bytes ends {missing} bytes behind the end of the file")
    present = size - max(missing, 0)
    layer = cls.read(view, at, present)
    if isinstance(layer, Conv):
        layer.read_tables(view, weight_bytes, first_body)
    return layer


def _check_layer(layer: Layer, main_memory: int, where: str, model: ModelV3) -> None:
    layer.check()
    if isinstance(layer, Conv):
        check_record(layer.record, model.weight_bytes)
        _warn_record(layer, where, model.warnings)
        if layer.flags >> 1:
            model.warnings.append(f"{where}: unknown flags 0x{layer.flags:x}")
    for span in layer.spans():
        if span.size == 0:
            raise KModelError(f"{span.name} is empty")
        if span.size // span.item > MAX_ELEMENTS:
            raise KModelError(f"{span.name} has {span.size // span.item} elements, more than {MAX_ELEMENTS}")
        if span.address % span.item:
            raise KModelError(f"{span.name} at {span.address} is not a multiple of {span.item}")
        if span.address + span.size > main_memory:
            raise KModelError(
                f"{span.name} at {span.address} with {span.size} bytes ends behind the main memory of {main_memory}"
            )


def check_record(r: KpuLayer, weight_bytes: int) -> None:
    """Rules K1, K2, K4, K5 and K7 of spec kmodel.md 7.2."""
    if r.kernel_type > 1:
        raise KModelError(f"kernel type {r.kernel_type} is neither 0 (1x1) nor 1 (3x3)")
    if r.pool_type not in layout.POOL_STRIDE:
        raise KModelError(f"pool type {r.pool_type} is outside 0..9")
    if r.depthwise and r.in_channels != r.out_channels:
        raise KModelError(f"depthwise with {r.in_channels} input and {r.out_channels} output channels")
    stride = layout.POOL_STRIDE[r.pool_type]
    expected = (r.in_width // stride, r.in_height // stride)
    if (r.out_width, r.out_height) != expected or 0 in expected:
        raise KModelError(
            f"output {r.out_width}x{r.out_height} does not follow from input {r.in_width}x{r.in_height} "
            f"and pool type {r.pool_type} (stride {stride})"
        )
    for side, width, height, channels, start in (
        ("in", r.in_width, r.in_height, r.in_channels, r.src_row),
        ("out", r.out_width, r.out_height, r.out_channels, r.dst_row),
    ):
        group, _, pitch = layout.layout_of(width)
        found = tuple(getattr(r, f"{side}_{name}") for name in ("group", "row_pitch", "channel_pitch"))
        if found != (group, pitch, pitch * height):
            raise KModelError(
                f"{side}put group, row pitch and channel pitch are {found}, "
                f"a {width}x{height} map has {(group, pitch, pitch * height)}"
            )
        rows = layout.rows_of(width, height, channels)
        if start + rows > layout.ROWS:
            raise KModelError(f"{side}put rows {start}..{start + rows - 1} end behind the last row {layout.ROWS - 1}")
    per_channel = r.kernel**2 * (1 if r.depthwise else r.in_channels) * weight_bytes
    loads = -(-r.out_channels // r.channels_per_load)
    if r.loads != loads or r.para_size != per_channel * r.channels_per_load:
        raise KModelError(
            f"{r.loads} weight loads of {r.para_size} bytes, but {r.out_channels} channels of {per_channel} bytes, "
            f"{r.channels_per_load} at a time, need {loads} of {per_channel * r.channels_per_load}"
        )


def _warn_record(layer: Conv, where: str, warnings: list[str]) -> None:
    r = layer.record
    for name, standard in _STANDARD.items():
        value = getattr(r, name)
        if value != standard:
            warnings.append(f"{where}: {name} is {value}, usually {standard}")
    plane = r.out_width * r.out_height
    if r.channel_bytes != plane or r.total_bytes != plane * r.out_channels:
        warnings.append(f"{where}: stream lengths {r.channel_bytes}, {r.total_bytes}, the map has {plane} per channel")
    (src, src_end), (dst, dst_end) = layer.src_rows(), layer.dst_rows()
    if src < dst_end and dst < src_end:
        warnings.append(f"{where}: output rows {dst}..{dst_end - 1} overlap input rows {src}..{src_end - 1}")
    if r.in_width > 512 or r.in_height > 256 or min(r.in_width, r.in_height, r.out_width, r.out_height) < 4:
        warnings.append(
            f"{where}: maps outside 4x4..512x256: {r.in_width}x{r.in_height} → {r.out_width}x{r.out_height}"
        )
    if r.loads > 1 and r.para_size % 8:
        warnings.append(f"{where}: weight loads of {r.para_size} bytes, no multiple of 8")
    if layer.act_offset % 256:
        warnings.append(f"{where}: activation table at {layer.act_offset} cannot be used in place (multiple of 256)")


def _check_model(model: ModelV3, trailing: int) -> None:
    for index, out in enumerate(model.outputs):
        if out.size == 0 or out.size % 4 or out.address % 4:
            raise KModelError(
                f"output {index}: address {out.address} and size {out.size} must be multiples of 4, size > 0"
            )
        end = out.address + out.size
        if end > model.main_memory:
            raise KModelError(f"output {index} ends at {end}, behind the main memory of {model.main_memory} bytes")
    _input_of(model.layers[0])
    if model.flags >> 1:
        model.warnings.append(f"unknown flags 0x{model.flags:x}")
    lowest = model.kpu_rows()[0]
    if model.max_start_address != lowest:
        model.warnings.append(f"max_start_address is {model.max_start_address}, the lowest row in use is {lowest}")
    if trailing > 0:
        model.warnings.append(f"{trailing} bytes behind the model")
    elif trailing < 0:
        model.warnings.append(f"the last {-trailing} bytes of padding are missing")
