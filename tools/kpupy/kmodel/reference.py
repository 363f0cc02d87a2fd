"""An independent reference that runs kmodel V3: integers exact, floats in f32 in the order the format states.

It is slow next to the hardware and makes no use of any board code, so that a runtime can be compared with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kpupy.kmodel import kpu, ops_v3, tables, v3_kpu
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.kpu import U8, Bool, KpuRam, Profile
from kpupy.kmodel.v3 import Input, ModelV3

F32 = npt.NDArray[np.float32]


@dataclass
class KpuOutput:
    """What one KPU layer wrote: its index in the model, pixels [O, H', W'], and which of them are meaningful."""

    layer: int
    pixels: U8
    defined: Bool


@dataclass
class Result:
    """Every KPU layer's output, the f32 outputs, and main memory as the last layer left it."""

    kpu: list[KpuOutput] = field(default_factory=list)
    outputs: list[F32] = field(default_factory=list)
    main: bytes = b""


def lcg_input(wanted: Input) -> U8 | F32:
    """The reproducible noise of a seed-1 generator: bytes for u8, byte/255 for f32, in C,H,W order."""
    state, noise = 1, np.empty(wanted.shape.elements, np.uint8)
    for i in range(len(noise)):
        state = (1664525 * state + 1013904223) & 0xFFFFFFFF
        noise[i] = state >> 24
    if wanted.is_float:
        return noise.astype(np.float32).reshape(wanted.shape) / np.float32(255)
    return noise.reshape(wanted.shape)


def run(model: ModelV3, data: U8 | F32, profile: Profile = "B") -> Result:
    """Run a model on an input of its shape [C, H, W]."""
    wanted = model.input
    kind = np.float32 if wanted.is_float else np.uint8
    if data.dtype != kind or data.size != wanted.shape.elements:
        raise KModelError(
            f"the model's input is {wanted.shape} {np.dtype(kind)}, not {data.size} values of {data.dtype}"
        )
    memory, ram = ops_v3.MainMemory(model.main_memory), KpuRam()
    if wanted.row is not None:
        ram.write(wanted.row, data.reshape(wanted.shape).astype(np.uint8, copy=False))
    elif wanted.address is not None:
        memory.put(wanted.address, data)

    result = Result()
    for index, layer in enumerate(model.layers):
        if isinstance(layer, v3_kpu.Conv):
            result.kpu.append(_run_conv(index, layer, model.weight_bytes, ram, memory, profile))
        elif isinstance(layer, v3_kpu.AddPadding):
            _add_padding(layer, ram, memory)
        elif isinstance(layer, v3_kpu.Upload):
            shape = (layer.channels, layer.height, layer.width)
            ram.write(layer.row, memory.u8(layer.source, layer.channels * layer.height * layer.width).reshape(shape))
        else:
            ops_v3.run(layer, memory)
    result.outputs = [memory.f32(out.address, out.size // 4).copy() for out in model.outputs]
    result.main = memory.data.tobytes()
    return result


def _run_conv(
    index: int, layer: v3_kpu.Conv, weight_bytes: int, ram: KpuRam, memory: ops_v3.MainMemory, profile: Profile
) -> KpuOutput:
    r = layer.record
    pixels, defined = ram.read(r.src_row, *layer.in_shape())
    weights = np.frombuffer(layer.weights, np.uint8) if weight_bytes == 1 else np.frombuffer(layer.weights, np.uint16)
    bn, act = tables.decode_bn(bytes(layer.bn)), tables.decode_act(bytes(layer.act))
    out = KpuOutput(index, kpu.run_layer(r, pixels, weights, bn, act, profile), kpu.defined_after(r, defined))
    ram.write(r.dst_row, out.pixels, out.defined)
    if layer.to_main:
        memory.put(layer.out, out.pixels)
    return out


def _add_padding(layer: v3_kpu.AddPadding, ram: KpuRam, memory: ops_v3.MainMemory) -> None:
    pixels = np.zeros((layer.channels, 4, 4), np.uint8)
    defined = np.zeros(pixels.shape, np.bool_)
    pixels[:, 0, 0] = memory.u8(layer.source, layer.channels)
    defined[:, 0, 0] = True
    ram.write(layer.row, pixels, defined)
