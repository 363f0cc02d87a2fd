"""Firmware and models onto a board at a port, by the same functions as `kpupy flash`."""

from __future__ import annotations

from collections.abc import Mapping

from kpupy import boards, flasher, plan
from kpupy.errors import Exit, PortGone, ToolError
from kpupy.session import Session

from .link import BoardLost


def write(port: str, board_name: str, parts: Mapping[int, bytes]) -> None:
    """Write and verify `parts` by address; the board runs its firmware afterwards. The port must be free.

    BoardLost if the port is gone, else ToolError with what to check.
    """
    board = boards.find(board_name)
    planned = [plan.Part(f"0x{at:x}", at, data, _kind(board, at)) for at, data in parts.items()]
    try:
        with Session(port, board) as session:
            flasher.write(session, planned, baud=board.baud)
    except PortGone as error:
        raise BoardLost(f"{port}: {error}") from error
    except ToolError as error:
        if error.code == Exit.PORT:
            raise BoardLost(f"{port}: {error}") from error
        raise


def _kind(board: boards.Board, address: int) -> str:
    area = next((area for area in board.areas if area.start <= address < area.end), None)
    return {"firmware": "firmware", "filesystem": "filesystem"}.get(area.name if area else "", "model")
