"""What the tests of one machine's flash share; boards come from the plugin kpupy.testing."""

from __future__ import annotations

import pathlib
import sys

import pytest
from kpupy.testing.board import EmulatedBoard, SessionBoard

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))


@pytest.fixture(scope="session")
def fresh_flash(session_board: SessionBoard) -> bytes:
    """A flash with the firmware and an empty file system, as after the first start. For tests marked `emulator`."""
    assert isinstance(session_board, EmulatedBoard)
    return session_board.formatted
