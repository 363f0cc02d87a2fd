"""What the emulator takes from boards/NAME/board.json: the size of the flash, the co-processor, the USB bridge."""

from __future__ import annotations

import json
import os
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from .wiring import WIRINGS

FLASH_SIZE = 16 << 20


def _directory() -> Path:
    """$KPUPY_BOARDS, the installed package's copy, or the checkout's folder."""
    if given := os.environ.get("KPUPY_BOARDS"):
        return Path(given)
    try:
        installed = Path(str(resources.files("kpupy_boards")))
        if any(installed.glob("*/board.json")):
            return installed
    except ModuleNotFoundError:
        pass
    return Path(__file__).resolve().parents[2] / "boards"


@cache
def load_all() -> dict[str, dict[str, Any]]:
    """The contents of every board.json by board id."""
    found = sorted(_directory().glob("*/board.json"))
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in found}


def flash_size(board: str) -> int:
    return int(load_all()[board].get("flash", {}).get("size") or FLASH_SIZE)


def esp(board: str) -> dict[str, Any] | None:
    """The co-processor, where the K210 is wired to the UART of its boot loader."""
    settings: dict[str, Any] | None = load_all()[board].get("esp")
    return settings if settings and settings.get("via") == "k210" else None


def wiring(board: str) -> str:
    """How DTR and RTS are wired, as a value of kflash -B: what the board names, else what drives reset."""
    settings = load_all()[board]
    named = settings.get("kflash", {}).get("board")
    return named if named in WIRINGS else "goE" if settings.get("boot", {}).get("dtr") == "reset" else "dan"
