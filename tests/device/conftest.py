"""Fixtures of the tests that run on a board: the firmware under test and boards that run it."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from dut import Dut
from k210emu import Machine

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def firmware() -> bytes:
    """The boot image under test: $KPUPY_FIRMWARE or the one that `make firmware` builds."""
    path = pathlib.Path(os.environ.get("KPUPY_FIRMWARE", ROOT / "build/firmware/maix_bit/firmware.img"))
    if not path.is_file():
        pytest.fail(f"{path} is missing: run `make firmware`")
    return path.read_bytes()


@pytest.fixture(scope="session")
def fresh_flash(firmware: bytes) -> bytes:
    """A flash with the firmware and an empty file system, as after the first start."""
    with Machine(board="maix_bit", flash=None) as machine:
        machine.write_flash(0, firmware)
        dut = Dut(machine)
        dut.boot(timeout_ms=20_000)
        return bytes(machine.flash)


@pytest.fixture
def blank_board(firmware: bytes) -> Iterator[Dut]:
    """A board that has the firmware and nothing else in its flash, not yet started."""
    with Machine(board="maix_bit", flash=None) as machine:
        machine.write_flash(0, firmware)
        yield Dut(machine)


@pytest.fixture
def dut(fresh_flash: bytes) -> Iterator[Dut]:
    """A started board with an empty file system."""
    with Machine(board="maix_bit", flash=fresh_flash) as machine:
        dut = Dut(machine)
        dut.boot()
        yield dut
