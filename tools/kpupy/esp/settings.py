"""A board's co-processor: the `esp` object of boards/NAME/board.json (wiring: spec isp-flash.md 12.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kpupy import boards
from kpupy.errors import Exit, ToolError

KEEP = "keep"


@dataclass(frozen=True)
class Settings:
    """Pads are the K210's, None where it is not wired. `via` is "usb", "k210" or None: no way to its boot loader."""

    chip: str
    name: str
    via: str | None
    hint: str
    port: str
    baud: int
    rx: int | None
    tx: int | None
    en: int | None
    gpio0: int | None
    gpio15: int | None
    flash_size: str
    flash_mode: str
    flash_freq: str


def of(board: str) -> Settings:
    """ToolError if the board has no co-processor that can be programmed."""
    known = board in boards.load_all()  # else it is a kflash name, which tells nothing but the reset lines
    found: dict[str, Any] | None = boards.raw(board).get("esp") if known else None
    if found is None:
        having = [name for name in boards.load_all() if boards.raw(name).get("esp")]
        raise ToolError(Exit.USAGE, f"board {board} has no ESP co-processor",
                        [f"boards that have: {', '.join(having)}"])
    if found["via"] is None:
        raise ToolError(Exit.USAGE, f"the {found['name']} of board {board} cannot be programmed from here",
                        [found["hint"]])
    uart, flash = found.get("uart", {}), found["flash"]
    return Settings(
        chip=found["chip"], name=found["name"], via=found["via"], hint=found["hint"], port=found.get("port", "only"),
        baud=found["baud"], rx=uart.get("rx"), tx=uart.get("tx"), en=found.get("en"), gpio0=found.get("gpio0"),
        gpio15=found.get("gpio15"), flash_size=flash["size"], flash_mode=flash["mode"], flash_freq=flash["freq"],
    )  # fmt: skip
