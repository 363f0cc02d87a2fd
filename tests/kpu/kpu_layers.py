"""Random KPU layers, the same ones in every Python: words, parameter tables and input (spec kpu.md 3, 4, 6)."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

ROW = 64
S35 = 1 << 35


class Random:
    """xorshift64* (shifts 12, 25, 27; multiplier 0x2545F4914F6CDD1D); bulk bytes are SHAKE-128 of a draw."""

    def __init__(self, seed: int) -> None:
        self.state = (seed * 0x9E3779B97F4A7C15 + 0x1234567) & (2**64 - 1) or 1

    def u64(self) -> int:
        x = self.state
        x ^= x >> 12
        x ^= (x << 25) & (2**64 - 1)
        x ^= x >> 27
        self.state = x
        return (x * 0x2545F4914F6CDD1D) & (2**64 - 1)

    def between(self, low: int, high: int) -> int:
        """A number in [low, high]."""
        return low + (self.u64() >> 11) % (high - low + 1)

    def chance(self, percent: int) -> bool:
        return self.between(0, 99) < percent

    def pick(self, choices: Sequence[int]) -> int:
        return choices[self.between(0, len(choices) - 1)]

    def bytes(self, count: int) -> bytes:
        return hashlib.shake_128(self.u64().to_bytes(8, "little")).digest(count)


@dataclass
class Segment:
    start: int
    mul: int
    shift: int
    bias: int


@dataclass
class Norm:
    mul: int
    shift: int
    add: int


def layout(width: int) -> tuple[int, int]:
    """Channels per row and rows per line of a map."""
    group = 4 if width <= 16 else 2 if width <= 32 else 1
    return group, (width + ROW - 1) // ROW


def map_rows(width: int, height: int, channels: int) -> int:
    group, lines = layout(width)
    return lines * height * ((channels + group - 1) // group)


POOL_STRIDE = (1, 2, 2, 4, 4, 2, 2, 4, 1, 1)


@dataclass
class Layer:
    width: int
    height: int
    channels: int
    outputs: int
    kernel: int = 1
    depthwise: bool = False
    pool: int = 0
    pad: int = 0
    arg_x: int = 0
    shift_x: int = 0
    arg_w: int = 0
    shift_w: int = 0
    arg_add: int = 0
    eight_bit: bool = True
    pixels: bytes = b""
    weights: bytes = b""
    norms: list[Norm] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    table: str = ""

    @property
    def out_width(self) -> int:
        return self.width // POOL_STRIDE[self.pool]

    @property
    def out_height(self) -> int:
        return self.height // POOL_STRIDE[self.pool]

    @property
    def taps(self) -> int:
        """Weights of one output channel."""
        return self.kernel**2 * (1 if self.depthwise else self.channels)

    @property
    def macs(self) -> int:
        return self.width * self.height * self.outputs * self.taps

    def weight(self, index: int) -> int:
        size = 1 if self.eight_bit else 2
        return int.from_bytes(self.weights[index * size : (index + 1) * size], "little")

    def u(self, o: int, y: int, x: int) -> int:
        """One convolution result by the formula of spec kpu.md 5.1."""
        acc = sum_x = sum_w = 0
        edge = self.kernel // 2
        index = o * self.taps
        for c in [o] if self.depthwise else range(self.channels):
            for line in range(y - edge, y + edge + 1):
                for column in range(x - edge, x + edge + 1):
                    inside = 0 <= line < self.height and 0 <= column < self.width
                    value = self.pixels[(c * self.height + line) * self.width + column] if inside else self.pad
                    acc += value * self.weight(index)
                    sum_x += value
                    sum_w += self.weight(index)
                    index += 1
        terms = (self.arg_x * sum_x >> self.shift_x) + (self.arg_w * sum_w >> self.shift_w)
        return acc + terms + self.arg_add * (1 if self.depthwise else self.channels)

    def v(self, o: int, u: int) -> int:
        return (u * self.norms[o].mul >> self.norms[o].shift) + self.norms[o].add

    def norm_bytes(self) -> bytes:
        return b"".join(
            (n.mul & 0xFFFFFF | (n.add & 0xFFFFFFFF) << 24 | n.shift << 56).to_bytes(8, "little") for n in self.norms
        )

    def activation_bytes(self) -> bytes:
        words = (s.shift | (s.mul & 0xFFFF) << 8 | (s.start & (2**36 - 1)) << 24 for s in self.segments)
        return b"".join(w.to_bytes(8, "little") for w in words) + bytes(s.bias for s in self.segments)

    def loads(self) -> tuple[int, int, int]:
        """Output channels per weight load, loads, bytes of a load (spec kpu.md 6.2)."""
        size = 1 if self.eight_bit else 2
        if self.depthwise:
            return self.outputs, 1, self.outputs * self.taps * size
        count = max(1, min(self.outputs, 30720 * size // (self.taps * size)))
        return count, (self.outputs + count - 1) // count, count * self.taps * size

    def words(
        self, source: int, target: int, weights: int = 0, norm: int = 0, activation: int = 0, flags: int = 0
    ) -> list[int]:
        """The twelve words for maps at these rows and tables at these bus addresses; `flags` is word 0 but bit 3."""
        group, lines = layout(self.width)
        out_group, out_lines = layout(self.out_width)
        count, loads, size = self.loads()
        plane = self.out_width * self.out_height
        return [
            flags | self.depthwise << 3,
            source | target << 32,
            self.channels - 1 | (self.outputs - 1) << 32 | (count - 1) << 48,
            self.width - 1 | (self.height - 1) << 10 | (self.out_width - 1) << 32 | (self.out_height - 1) << 42,
            (self.kernel == 3) | self.pool << 4 | 1 << 10 | 15 << 16 | self.pad << 24 | norm << 32,
            1 | ((loads - 1) & 63) << 1 | (size & 0x1FFFF) << 15 | weights << 32,
            0,
            lines * self.height | lines << 16 | group << 28 | 1 << 31 | activation << 32,
            out_lines * self.out_height | out_lines << 16 | out_group << 20,
            self.shift_w | self.shift_x << 4 | (self.arg_w & 0xFFFFFF) << 8 | (self.arg_x & 0xFFFFFF) << 32,
            self.arg_add & (2**40 - 1),
            ((plane - 1) & 0xFFFF) << 16 | (plane * self.outputs - 1) << 32,
        ]

    def digest(self) -> int:
        """CRC-32 over everything that makes the layer."""
        crc = zlib.crc32(b"".join(w.to_bytes(8, "little") for w in self.words(0, 0)))
        for part in (self.pixels, self.weights, self.norm_bytes(), self.activation_bytes()):
            crc = zlib.crc32(part, crc)
        return crc


TABLES = ("line", "relu", "leaky", "smooth", "random", "steps", "falling", "equal", "unsorted", "wide")


def slope(random: Random, rise: float, sign: int = 1) -> tuple[int, int]:
    """mul and shift whose quotient is about `rise`, at a random precision."""
    bits = random.between(2, 15)
    shift = 0
    while rise * 2 ** (shift + 1) < 2**bits and shift < 46:
        shift += 1
    return sign * max(1, min(32767, int(rise * 2**shift))), shift


def make_table(random: Random, name: str, samples: list[int]) -> list[Segment]:
    """A table over the range of sampled values, which lie exactly on some of the starts."""
    low, high = min(samples), max(samples)
    span = max(16, high - low)
    start = [max(-S35 + 1, min(S35 - 1, random.between(low - span // 8, high))) for _ in range(15)]
    for i in range(random.between(0, 6)):
        start[i] = samples[i]
    if name == "equal":
        for i in range(random.between(2, 8)):
            start[i + 1] = start[i]
    if name != "unsorted":
        start.sort()
    if name in ("line", "relu", "leaky"):
        start = [-S35 + 1 + i for i in range(13)] + [low, (low + high) // 2]
    table = [Segment(-S35, 0, random.between(0, 46), random.between(0, 255))]
    for i, x in enumerate(start):
        sign = -1 if name in ("falling", "unsorted", "random", "equal") and random.chance(45) else 1
        rise = 2.0 ** random.between(-3, 3) * 256 / span
        mul, shift = slope(random, rise, sign)
        if name == "wide":
            mul, shift = random.between(-32768, 32767), random.between(0, 46)
        elif name == "steps" or (name in ("line", "relu", "leaky") and i < 13):
            mul = 0
        bias = random.between(0, 255)
        if name == "smooth":
            mul, shift = slope(random, 256 / span)
            bias = max(0, min(255, (x - low) * 255 // span))
        table.append(Segment(x, mul, shift, bias))
    if name in ("line", "relu", "leaky"):
        for segment in table[1:14] if random.chance(70) else ():
            segment.bias = table[0].bias
        table[14].bias = 0 if name == "relu" else random.between(0, 100)
        table[14].mul = 0 if name == "relu" else max(1, table[14].mul // 4)
    return table


def make_norms(random: Random, layer: Layer, us: list[int]) -> list[Norm]:
    """Factors that bring the results to a random number of bits, at most 31 for the sampled ones."""
    reach = max(abs(u) for u in us).bit_length() or 1
    norms = []
    for _ in range(layer.outputs):
        bits = random.between(6, 31)
        shift = random.between(0, 15)
        factor_bits = max(1, min(23, bits - reach + shift))
        mul = random.between(1, 2**factor_bits - 1) * (-1 if random.chance(30) else 1)
        add = random.between(-(2**31), 2**31 - 1) >> random.between(0, 31)
        norms.append(Norm(mul, shift, add))
    return norms


def finish(random: Random, layer: Layer, table: str) -> Layer:
    """Fills in pixels, weights, batch norm and activation of a layer that has its shape and arguments."""
    count = layer.width * layer.height * layer.channels
    layer.pixels = random.bytes(count)
    layer.weights = random.bytes(layer.outputs * layer.taps * (1 if layer.eight_bit else 2))
    spots = [
        (
            random.between(0, layer.outputs - 1),
            random.between(0, layer.height - 1),
            random.between(0, layer.width - 1),
        )
        for _ in range(6)
    ]
    us = [layer.u(*spot) for spot in spots]
    layer.norms = make_norms(random, layer, us)
    samples = [max(-S35 + 1, min(S35 - 1, layer.v(spot[0], u))) for spot, u in zip(spots, us, strict=True)]
    layer.table = table
    layer.segments = make_table(random, table, samples)
    return layer


def set_arguments(random: Random, layer: Layer) -> None:
    """Zero point terms: none, as compilers write them, or anything that keeps u in s36."""
    if random.chance(10):
        return
    zero_x, zero_w = random.between(0, 255), random.between(0, 255)
    layer.pad = zero_x
    layer.arg_x, layer.arg_w = -zero_w, -zero_x
    layer.arg_add = layer.kernel**2 * zero_x * zero_w
    if random.chance(40):
        layer.pad = random.between(0, 255)
        layer.shift_x, layer.shift_w = random.between(0, 15), random.between(0, 15)
        limit_x = 2 ** (23 - random.between(0, 15)) - 1
        limit_w = 2 ** (23 - random.between(0, 15)) - 1
        layer.arg_x = random.between(-limit_x - 1, limit_x)
        layer.arg_w = random.between(-limit_w - 1, limit_w)
        layer.arg_add = random.between(-(2**39), 2**39 - 1) >> random.between(16, 39)
        while layer.taps * 255 * abs(layer.arg_x) >> layer.shift_x >= 2**33:
            layer.arg_x //= 2
        while layer.taps * 255 * abs(layer.arg_w) >> layer.shift_w >= 2**33:
            layer.arg_w //= 2


def golden_layer(index: int) -> Layer:
    """Layer `index` of the set that the goldens belong to: every pool code, kernel, kind and table by turns."""
    random = Random(index + 1)
    pool = index % 10
    kernel = 3 if index // 10 % 2 else 1
    depthwise = index // 20 % 3 == 2
    table = TABLES[index // 60 % len(TABLES)]
    smallest = max(4, 4 * POOL_STRIDE[pool])
    width = random.between(smallest, random.pick((16, 17, 32, 33, 64, 65, 130)))
    height = random.between(smallest, 24)
    channels = random.between(1, random.pick((4, 16, 64)))
    outputs = channels if depthwise else random.between(1, random.pick((4, 16, 64)))
    while width * height * outputs > 6000 and outputs > 1:
        outputs = (outputs + 1) // 2
    channels = outputs if depthwise else channels
    layer = Layer(width, height, channels, outputs, kernel, depthwise, pool)
    set_arguments(random, layer)
    return finish(random, layer, table)


def stress_layer(index: int) -> Layer:
    """Layer `index` of an endless set at the corners of every field, 16-bit weights and values beyond s36 included."""
    random = Random(1_000_000 + index)
    pool = random.between(0, 9)
    kernel = random.pick((1, 3))
    depthwise = random.chance(30)
    width = random.pick((1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 129, 320, 511, 512))
    height = random.pick((1, 2, 3, 4, 5, 7, 8, 13, 16, 30, 61))
    width, height = max(width, POOL_STRIDE[pool]), max(height, POOL_STRIDE[pool])
    channels = random.between(1, random.pick((1, 3, 8, 40, 300, 1024)))
    outputs = channels if depthwise else random.between(1, random.pick((1, 5, 40, 300)))
    budget = 2_000_000 if random.chance(10) else 200_000
    while width * height * outputs * kernel**2 * (1 if depthwise else channels) > budget and channels * outputs > 1:
        if channels >= outputs:
            channels = (channels + 1) // 2
            outputs = channels if depthwise else outputs
        else:
            outputs = (outputs + 1) // 2
    layer = Layer(width, height, channels, outputs, kernel, depthwise, pool, eight_bit=not random.chance(30))
    set_arguments(random, layer)
    if random.chance(8):  # the ends of the fields
        layer.arg_x, layer.arg_w = random.pick((-(2**23), 2**23 - 1)), random.pick((-(2**23), 2**23 - 1))
        layer.arg_add = random.pick((-(2**39), 2**39 - 1))
    layer = finish(random, layer, TABLES[random.between(0, len(TABLES) - 1)])
    if random.chance(5):
        mul, add = random.pick((-(2**23), 2**23 - 1)), random.pick((-(2**31), 2**31 - 1))
        layer.norms[0] = Norm(mul, random.pick((0, 15)), add)
    if random.chance(5):
        layer.segments[random.between(1, 15)].shift = random.between(47, 255)
    if random.chance(5):
        layer.segments[0].start = random.between(-(2**34), 2**34)
    if random.chance(10):
        layer.pixels = bytes([random.pick((0, 255))]) * len(layer.pixels)
        layer.weights = bytes([random.pick((0, 255))]) * len(layer.weights)
    return layer
