"""The boards of boards/NAME/board.json: USB ids, wiring of the modem lines, flash and its layout."""

from __future__ import annotations

import enum
import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kpupy.errors import Exit, ToolError

FLASH_SIZE = 16 << 20


class Wiring(enum.Enum):
    """How the USB bridge's modem lines reach reset and IO16 (spec isp-flash.md 2.1)."""

    RTS_RESET = "dan"
    DTR_RESET = "goE"
    GO_DAP = "goD"


# kflash -B names, as every tool of the field knows them
KFLASH_WIRING = {
    "bit": Wiring.RTS_RESET, "dan": Wiring.RTS_RESET, "trainer": Wiring.RTS_RESET,
    "bit_mic": Wiring.DTR_RESET, "goE": Wiring.DTR_RESET, "kd233": Wiring.DTR_RESET,
    "maixduino": Wiring.DTR_RESET, "goD": Wiring.GO_DAP,
}


@dataclass(frozen=True)
class Area:
    """A part of the flash with one purpose."""

    name: str
    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass(frozen=True)
class Board:
    """A board, or only a kind of wiring when just the kflash name is known."""

    id: str
    product: str
    vendor: str
    aliases: tuple[str, ...]
    flash_size: int | None
    usb_id: str | None
    usb_ports: int
    k210_port: str
    button: str | None
    kflash: str | None
    baud: int
    areas: tuple[Area, ...]

    @property
    def wiring(self) -> Wiring | None:
        return KFLASH_WIRING[self.kflash] if self.kflash else None

    def area(self, name: str) -> Area | None:
        return next((area for area in self.areas if area.name == name), None)


def directory() -> Path | None:
    """Where the data is: $KPUPY_BOARDS, the installed package's copy, or the checkout."""
    if given := os.environ.get("KPUPY_BOARDS"):
        return Path(given)
    tools = Path(__file__).resolve().parents[1]
    return next((path for path in (tools / "kpupy_boards", tools.parent / "boards") if path.is_dir()), None)


def raw(name: str) -> dict[str, Any]:
    """All of a board's board.json, for keys that only one tool reads."""
    folder = directory()
    if folder is None:
        raise ToolError(Exit.DATA, "the board data is not installed", ["set KPUPY_BOARDS to the folder boards/"])
    try:
        data: dict[str, Any] = json.loads((folder / name / "board.json").read_text())
    except FileNotFoundError:
        raise _unknown(name) from None
    return data


@functools.cache
def load_all() -> dict[str, Board]:
    """Every board by its id."""
    folder = directory()
    found = sorted(folder.glob("*/board.json")) if folder else []
    return {path.parent.name: _board(json.loads(path.read_text())) for path in found}


def _board(data: dict[str, Any]) -> Board:
    usb, kflash = data["usb"], data["kflash"]
    areas = tuple(Area(name, part["start"], part["length"]) for name, part in data.get("layout", {}).items())
    return Board(
        id=data["id"], product=data["product"], vendor=data["vendor"], aliases=tuple(data["aliases"]),
        flash_size=data["flash"]["size"], usb_id=usb.get("id"), usb_ports=usb.get("ports") or 1,
        k210_port=usb.get("k210_port", "unknown"), button=data["boot"].get("button"), kflash=kflash["board"],
        baud=kflash["baud"], areas=areas,
    )


def find(name: str) -> Board:
    """The board with this id, alias or kflash -B name; the last describes the wiring only."""
    known = load_all()
    if name in known:
        return known[name]
    if name in KFLASH_WIRING:
        return Board(name, f"any board that kflash calls {name}", "", (), None, None, 1, "unknown", None, name, 115200,
                     default_areas())
    for board in known.values():
        if name.lower() in (alias.lower() for alias in board.aliases):
            return board
    raise _unknown(name)


def default_areas() -> tuple[Area, ...]:
    """The layout that all boards with 16 MiB share."""
    reference = load_all().get("maix_bit")
    return reference.areas if reference else ()


def _unknown(name: str) -> ToolError:
    known = ", ".join([*load_all(), *KFLASH_WIRING])
    return ToolError(Exit.USAGE, f"board {name!r} is not known", [f"known boards and kflash names: {known}"])
