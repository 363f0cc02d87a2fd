"""Emulated boards in processes of their own, and pytest runs inside tests."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLUGIN = ("-p", "kpupy.testing.plugin")


class Served:
    """`python -m k210emu --port …`: a board that only its serial port reaches."""

    def __init__(self, flash: pathlib.Path, port: str, *arguments: str) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT / "tools")}
        command = [sys.executable, "-m", "k210emu", "--flash", str(flash), "--port", port, *arguments]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        self.port = self._name()

    def _name(self) -> str:
        assert self.process.stderr
        seen = ""
        for line in self.process.stderr:
            seen += line
            if line.startswith("serial port: "):
                return line.removeprefix("serial port: ").split()[0]
        raise AssertionError(f"the emulator ended: {seen}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@contextlib.contextmanager
def served(flash: pathlib.Path, firmware: bytes, port: str = "rfc2217:0", *arguments: str) -> Iterator[Served]:
    """A board with this firmware in its flash."""
    flash.write_bytes(firmware)
    board = Served(flash, port, *arguments)
    try:
        yield board
    finally:
        board.stop()


def options(firmware: pathlib.Path, *arguments: str) -> list[str]:
    return [*PLUGIN, f"--firmware={firmware}", "-p", "no:cacheprovider", *arguments]


def run_inside(pytester: pytest.Pytester, firmware: pathlib.Path, *arguments: str) -> pytest.RunResult:
    """A pytest run in this process, with the plugin."""
    return pytester.runpytest_inprocess(*options(firmware, *arguments))


def run_outside(pytester: pytest.Pytester, firmware: pathlib.Path, *arguments: str) -> pytest.RunResult:
    """A pytest run in a process of its own, for xdist and for what may hang."""
    return pytester.runpytest_subprocess(*options(firmware, *arguments), timeout=90)
