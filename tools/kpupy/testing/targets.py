"""Which board a test run uses: the value of --target, what the board has, and its lock file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from kpupy import boards, ports
from kpupy.errors import ToolError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EMULATED, AUTO = "emu", "auto"
NEEDS = {
    "camera": "a camera",
    "lcd": "a display",
    "sd": "an SD card slot with a card in it",
    "esp": "a Wi-Fi co-processor",
    "flash16m": "16 MiB of flash",
    "emulator": "the emulated board in the test's own process",
}
RESETS = ("auto", "lines", "repl")


class TargetError(ValueError):
    """A --target that cannot be used."""


@dataclass(frozen=True)
class Target:
    """One board. `port` is "emu", a device, a pyserial URL, or a labgrid environment with its target's name."""

    port: str
    name: str
    board: str
    baud: int = 115200
    reset: str = "auto"
    features: frozenset[str] = field(default_factory=frozenset)

    @property
    def emulated(self) -> bool:
        return self.port == EMULATED

    @property
    def farm(self) -> bool:
        return ".yaml#" in self.port or ".yml#" in self.port

    @property
    def by_line(self) -> bool:
        """Whether DTR and RTS reset the board. A bare TCP port has no lines; a device that has none tells so."""
        return self.reset == "lines" or (self.reset == "auto" and not self.port.startswith("socket://"))

    @property
    def wiring(self) -> boards.Wiring | None:
        return boards.find(self.board).wiring

    def missing(self, need: str) -> str | None:
        """Why a test with this need cannot run here; None if it can."""
        if need in self.features:
            return None
        return f"needs {NEEDS[need]}; {self.name} ({self.board}) has none"


def _features(port: str, board: str, extra: list[str] | None, where: str) -> frozenset[str]:
    """What the board's data or the list says; on the emulated board, what is modelled."""
    unknown = set(extra or ()) - set(NEEDS) - {"emulator"}
    if unknown or "emulator" in (extra or ()):
        raise TargetError(f"{where}: features {sorted(unknown) or ['emulator']} are not among "
                          f"{', '.join(need for need in NEEDS if need != 'emulator')}")  # fmt: skip
    data = boards.raw(board) if board in boards.load_all() else {}
    fixed = {"flash16m"} if (data.get("flash", {}).get("size") or 0) >= 16 << 20 else set()
    listed = [*data.get("features", ()), *(["esp"] if data.get("esp") else [])]
    around = set(listed if extra is None else extra)
    if port == EMULATED:
        import k210emu

        modelled: frozenset[str] = getattr(k210emu, "FEATURES", frozenset())  # parts around the chip with a model
        return frozenset(fixed | {"emulator"} | (around & modelled))
    return frozenset(fixed | around)


def _check_board(name: str, where: str) -> str:
    """The id of a board. An alias may be a kflash name too; then the board is meant, not only its wiring."""
    for board in boards.load_all().values():
        if name.lower() in (alias.lower() for alias in board.aliases):
            return board.id
    try:
        return boards.find(name).id
    except ToolError as error:
        raise TargetError(f"{where}: {error}") from error


def parse(text: str, board: str, baud: int = 115200) -> list[Target]:
    """The targets that --target names: one, or those of a .toml list or a labgrid environment (.yaml).

    `board` is the board's id, alias or kflash name, for targets that do not say it themselves.
    """
    if text.endswith(".toml"):
        return _from_list(Path(text), board, baud)
    if text.endswith((".yaml", ".yml")):
        from .farm import from_environment

        return [replace(target, features=_features(target.port, target.board, None, text))
                for target in from_environment(Path(text), board)]  # fmt: skip
    board = _check_board(board, "--board")
    if text == AUTO:
        text = _found(board)
    name = "emulated board" if text == EMULATED else text
    return [Target(text, name, board, baud, features=_features(text, board, None, "--target"))]


def _found(board: str) -> str:
    """The port of the first board with this kind's USB id."""
    try:
        return ports.candidates(ports.AUTO, boards.find(board))[0]
    except ToolError as error:
        raise TargetError("\n".join([*error.lines(), "  - the emulated board: --target=emu"])) from error


def _from_list(path: Path, board: str, baud: int) -> list[Target]:
    try:
        data = tomllib.loads(path.read_text())
    except OSError as error:
        raise TargetError(f"{path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise TargetError(f"{path}: {error}") from error
    entries = data.get("board")
    if not isinstance(entries, list) or not entries:
        raise TargetError(f"{path}: no [[board]] entries")
    return [_entry(entry, f"{path}, board {number}", board, baud) for number, entry in enumerate(entries, 1)]


def _entry(entry: dict[str, Any], where: str, board: str, baud: int) -> Target:
    unknown = set(entry) - {"port", "name", "board", "baud", "reset", "features"}
    if unknown:
        raise TargetError(f"{where}: unknown keys {', '.join(sorted(unknown))}")
    if not isinstance(port := entry.get("port"), str):
        raise TargetError(f"{where}: `port` is missing: emu, a device or a URL")
    reset = entry.get("reset", "auto")
    if reset not in RESETS:
        raise TargetError(f"{where}: reset {reset!r} is not one of {', '.join(RESETS)}")
    board = _check_board(entry.get("board", board), where)
    features = _features(port, board, entry.get("features"), where)
    return Target(port, entry.get("name", port), board, entry.get("baud", baud), reset, features)


class Lock:
    """A lock file per target: two test runs, or two workers of one, never talk to one board."""

    def __init__(self, target: Target, folder: Path | None = None) -> None:
        folder = folder or Path(tempfile.gettempdir()) / "kpupy-locks"
        folder.mkdir(mode=0o777, exist_ok=True)
        self.path = folder / f"{hashlib.sha256(target.port.encode()).hexdigest()[:16]}.lock"
        self._file: IO[str] | None = None

    def take(self) -> bool:
        """True if the board is ours now. It is let go when the process ends, however it ends."""
        file = open(self.path, "a+")  # noqa: SIM115
        try:
            _lock(file)
        except OSError:
            file.close()
            return False
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file
        return True

    def owner(self) -> str:
        """Who has it, as far as the file tells."""
        with contextlib.suppress(OSError):
            return self.path.read_text().strip()
        return ""

    def release(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def choose(targets: list[Target], worker: int) -> tuple[Target, Lock | None]:
    """A free target; worker n of a parallel run first tries the n-th. Emulated ones are always free."""
    order = targets[worker % len(targets) :] + targets[: worker % len(targets)]
    busy = []
    for target in order:
        if target.emulated:
            return target, None
        lock = Lock(target)
        if lock.take():
            return target, lock
        busy.append(f"{target.name} is used by process {lock.owner() or 'unknown'} ({lock.path})")
    raise TargetError("no free board: " + "; ".join(busy))
