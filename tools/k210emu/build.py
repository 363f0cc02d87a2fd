"""Builds the emulator's libraries when a source is newer than they are."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
BUILD = PACKAGE.parent.parent / "build" / "k210emu"


def _sources() -> list[Path]:
    return [PACKAGE / "Makefile", *(PACKAGE / "src").glob("*.[ch]"), *(PACKAGE / "preload").glob("*.c")]


def library() -> Path:
    """Path of libk210emu.so, up to date. K210EMU_LIBRARY names another one, which is taken as it is."""
    if os.environ.get("K210EMU_LIBRARY"):
        return Path(os.environ["K210EMU_LIBRARY"])
    return _built("libk210emu.so")


def modem_library() -> Path:
    """Path of libkpupy_modem.so, which programs preload to drive DTR and RTS of an emulated board's pty."""
    return _built("libkpupy_modem.so")


def _built(name: str) -> Path:
    target = BUILD / name
    newest = max(source.stat().st_mtime for source in _sources())
    if target.exists() and target.stat().st_mtime >= newest:
        return target
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["make", "-s", "-j2", "-C", str(PACKAGE), f"PYTHON={sys.executable}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"building the emulator failed: {' '.join(command)}\n{done.stderr or done.stdout}")
        target.touch()
    return target
