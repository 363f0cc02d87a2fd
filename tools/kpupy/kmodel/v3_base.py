"""What the layers of kmodel V3 have in common (spec kmodel.md 3.3).

A field annotated U32, I32 or F32 is part of the body's fixed struct, in order of declaration; the others are the
variable part. Addresses are byte offsets into main memory. The same classes serve the reader and the writer.
"""

from __future__ import annotations

import struct
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Annotated, ClassVar, NamedTuple, TypeVar

from kpupy.kmodel.errors import KModelError

U32 = Annotated[int, "I"]
I32 = Annotated[int, "i"]
F32 = Annotated[float, "f"]
Bytes = bytes | memoryview

MAX_ELEMENTS = 1 << 28


class Span(NamedTuple):
    """A piece of main memory that a layer reads or writes. `item` is 1 (u8) or 4 (f32) bytes."""

    name: str
    address: int
    size: int
    item: int
    write: bool


class Shape(NamedTuple):
    channels: int
    height: int
    width: int

    @property
    def elements(self) -> int:
        return self.channels * self.height * self.width

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


@dataclass(kw_only=True)
class Layer:
    """What every layer has: its type number and name, its flags word, and where its body was found."""

    TYPE: ClassVar[int]
    NAME: ClassVar[str]
    STRUCT: ClassVar[struct.Struct]
    STRUCT_FIELDS: ClassVar[tuple[str, ...]]

    flags: U32 = 0
    position: int = field(default=0, compare=False)

    @classmethod
    def fixed_size(cls) -> int:
        return cls.STRUCT.size

    @classmethod
    def read(cls: type[T], data: Bytes, at: int, size: int) -> T:
        """Decode the body of `size` bytes at file offset `at`."""
        fixed = cls.fixed_size()
        if size < fixed:
            raise KModelError(f"body of {size} bytes is shorter than the {fixed} of its fixed part")
        layer = cls(**dict(zip(cls.STRUCT_FIELDS, cls.STRUCT.unpack_from(data, at), strict=True)), position=at)
        layer.read_tail(data, at + fixed, size - fixed)
        return layer

    def head(self) -> bytes:
        """The fixed part, encoded."""
        try:
            return self.STRUCT.pack(*(getattr(self, name) for name in self.STRUCT_FIELDS))
        except struct.error as error:
            raise KModelError(f"{self.NAME}: {error}") from None

    def read_tail(self, data: Bytes, at: int, size: int) -> None:
        """Decode the variable part."""

    def tail(self) -> bytes:
        """The variable part, encoded."""
        return b""

    def spans(self) -> Iterator[Span]:
        """Everything the layer touches in main memory."""
        return iter(())

    def check(self) -> None:
        """Raise KModelError for fields with which the layer cannot run."""

    def used_size(self) -> int:
        """Bytes of the body that carry meaning (the rest is padding)."""
        return self.fixed_size() + len(self.tail())

    def out_shape(self) -> Shape | None:
        """Shape of the result, where the layer knows one."""
        return None


T = TypeVar("T", bound=Layer)
L = TypeVar("L", bound=type[Layer])
LAYERS: dict[int, type[Layer]] = {}


def layer(number: int, name: str) -> Callable[[L], L]:
    """Class decorator: register a layer type."""

    def register(cls: L) -> L:
        hints = typing.get_type_hints(cls, include_extras=True)
        placed = {f.name: hints[f.name].__metadata__[0] for f in fields(cls) if hasattr(hints[f.name], "__metadata__")}
        cls.TYPE, cls.NAME = number, name
        cls.STRUCT, cls.STRUCT_FIELDS = struct.Struct("<" + "".join(placed.values())), tuple(placed)
        LAYERS[number] = cls
        return cls

    return register


#: Types with a number but no defined body: no compiler release wrote them.
UNDEFINED = {
    0: "INVALID",
    3: "GLOBAL_MAX_POOL2D",
    4: "QUANTIZED_GLOBAL_MAX_POOL2D",
    6: "QUANTIZED_GLOBAL_AVERAGE_POOL2D",
    10: "QUANTIZED_AVERAGE_POOL2D",
    19: "QUANTIZED_FULLY_CONNECTED",
    21: "QUANTIZED_TENSORFLOW_FLATTEN",
}


def at_least_one(**values: int) -> None:
    """Raise KModelError for a value below 1."""
    for name, value in values.items():
        if value < 1:
            raise KModelError(f"{name} is {value}, it must be at least 1")
