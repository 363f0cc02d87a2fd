"""Static placement of buffers whose lifetimes are known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Lifetime:
    """A buffer of `size` units, written by step `born` and last read by step `dies`."""

    size: int
    born: int
    dies: int


def place(buffers: list[Lifetime]) -> tuple[list[int], int]:
    """First fit: an offset for each buffer so that none overlap while both live, and the size of the whole."""
    offsets: list[int] = []
    for index, buffer in enumerate(buffers):
        taken = sorted(
            (offsets[i], offsets[i] + other.size)
            for i, other in enumerate(buffers[:index])
            if other.born <= buffer.dies and buffer.born <= other.dies
        )
        at = 0
        for start, end in taken:
            if at + buffer.size <= start:
                break
            at = max(at, end)
        offsets.append(at)
    return offsets, max((at + b.size for at, b in zip(offsets, buffers, strict=True)), default=0)
