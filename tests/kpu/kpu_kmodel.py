"""A kmodel V5 of one K210 module that uploads a map, runs one layer and downloads the result (spec kmodel.md 5)."""

from __future__ import annotations

import struct

from kpu_layers import Layer, map_rows

INPUT, OUTPUT, RDATA, DATA, KPU_RAM = 0, 1, 2, 3, 64
U8, U64 = 4, 7
HEADER, MODULE_HEADER, SECTION_HEADER, ALIGNMENT = 32, 48, 32, 256


def value_range(location: int, start: int, size: int, datatype: int = U8) -> bytes:
    return struct.pack("<BBHII", location, datatype, 0, start, size)


def padded(data: bytes, alignment: int) -> bytes:
    return data + bytes(-len(data) % alignment)


def section(name: str, body: bytes, offset: int) -> bytes:
    """A section whose header starts at file offset `offset`."""
    start = -(offset + SECTION_HEADER) % ALIGNMENT
    return struct.pack("<16sIIII", name.encode(), 0, start, len(body), 0) + bytes(start) + body


def kmodel(layer: Layer) -> bytes:
    in_shape = (1, layer.channels, layer.height, layer.width)
    out_shape = (1, layer.outputs, layer.out_height, layer.out_width)
    in_size, out_size = len(layer.pixels), layer.outputs * layer.out_height * layer.out_width
    in_rows = map_rows(layer.width, layer.height, layer.channels)
    out_rows = map_rows(layer.out_width, layer.out_height, layer.outputs)

    activation = layer.activation_bytes()
    rdata = padded(activation, 8)
    norm_at = len(rdata)
    rdata += layer.norm_bytes()
    weights_at = len(rdata)
    rdata = padded(rdata + layer.weights, 8)

    in_ram = value_range(KPU_RAM, 0, in_rows * 64)
    out_ram = value_range(KPU_RAM, in_rows * 64, out_rows * 64)
    upload = bytes(4) + value_range(INPUT, 0, in_size) + in_ram + struct.pack("<4I", *in_shape)
    convolve = (
        bytes([2, 0, 0, 0])
        + value_range(RDATA, weights_at, len(layer.weights))
        + value_range(RDATA, norm_at, 8 * layer.outputs, U64)
        + value_range(RDATA, 0, len(activation))
        + value_range(DATA, 0, 0)
        + struct.pack("<I", 1)
        + struct.pack("<12Q", *layer.words(0, in_rows))
    )
    download = bytes([1, 0, 0, 0]) + out_ram + value_range(OUTPUT, 0, out_size) + struct.pack("<4I", *out_shape)
    text = upload + convolve + download

    body = value_range(INPUT, 0, in_size) + struct.pack("<5I", 4, *in_shape)
    body += value_range(OUTPUT, 0, out_size) + struct.pack("<5I", 4, *out_shape)
    function = struct.pack("<8I", 32, 32 + len(body), in_size, out_size, 1, 1, 0, len(text)) + body
    pools = b"".join(struct.pack("<BxxxI", *pool) for pool in ((RDATA, len(rdata)), (DATA, 0), (KPU_RAM, 2097152)))

    offset = HEADER + MODULE_HEADER + len(pools) + len(function)
    sections = section(".rdata", rdata, offset)
    sections += section(".text", text, offset + len(sections))
    content = padded(pools + function + sections, 8)
    module = struct.pack("<16s8I", b"k210", 1, MODULE_HEADER, MODULE_HEADER + len(content), 3, 0, 2, 1, 0) + content
    return struct.pack("<4s7I", b"LDMK", 5, HEADER, 0, ALIGNMENT, 1, 0, 0) + module
