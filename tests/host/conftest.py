"""Fixtures of the host tests; makes their support modules importable."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

if TYPE_CHECKING:
    from dev_support import Board


@pytest.fixture
def board() -> Iterator[Board]:
    """A machine whose registers the test pokes itself."""
    from dev_support import Board

    with Board(harts=1) as machine:
        yield machine
