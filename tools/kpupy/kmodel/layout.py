"""Feature maps in KPU RAM (spec kpu.md 4.1, kmodel.md 2.2). A row is 64 bytes; KPU RAM has 32,768 of them."""

from __future__ import annotations

from typing import NamedTuple

ROW = 64
ROWS = 32768

POOL_STRIDE = {0: 1, 1: 2, 2: 2, 3: 4, 4: 4, 5: 2, 6: 2, 7: 4, 8: 1, 9: 1}
POOL_NAMES = {
    0: "none",
    1: "max 2x2",
    2: "mean 2x2",
    3: "max 4x4",
    4: "mean 4x4",
    5: "left top of 2x2",
    6: "right top of 2x2",
    7: "left top of 4x4",
    8: "mean 2x2 stride 1",
    9: "max 2x2 stride 1",
}


class Layout(NamedTuple):
    """How a map of one width lies in rows: channels per row, bytes per lane, rows per image line."""

    group: int
    lane: int
    row_pitch: int


def layout_of(width: int) -> Layout:
    if width <= 16:
        return Layout(4, 16, 1)
    if width <= 32:
        return Layout(2, 32, 1)
    return Layout(1, 64, -(-width // ROW))


def rows_of(width: int, height: int, channels: int) -> int:
    """Rows that a map occupies."""
    group, _, row_pitch = layout_of(width)
    return row_pitch * height * -(-channels // group)
