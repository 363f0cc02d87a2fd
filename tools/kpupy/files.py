"""Files on the board: list, copy, remove, synchronise. A path on the board begins with ':' on the command line."""

from __future__ import annotations

import ast
import hashlib
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mpremote.transport import TransportExecError  # type: ignore[import-untyped]

from kpupy.errors import Exit, ToolError
from kpupy.repl import Repl

CHUNK = 1024  # of a file per command: larger ones need more memory on the board and are hardly faster
TEMPORARY = ".part~"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Entry:
    """A file or directory."""

    path: str
    is_dir: bool
    size: int

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    def as_json(self) -> dict[str, Any]:
        return {"path": self.path, "type": "dir" if self.is_dir else "file", "size": self.size}


@contextmanager
def _told(path: str) -> Iterator[None]:
    """The board's file errors, with the path."""
    try:
        yield
    except OSError as error:
        raise ToolError(Exit.DATA, f":{path}: {error.args[0] if not error.strerror else error.strerror}") from error
    except TransportExecError as error:
        raise ToolError(Exit.SCRIPT, f":{path}: {str(error.error_output).strip().splitlines()[-1]}") from error


def join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}" if folder else name


class BoardFiles:
    """The file systems of a board at its raw prompt."""

    def __init__(self, repl: Repl, progress: Progress | None = None) -> None:
        self.repl, self._progress = repl, progress
        self._fs = repl.transport

    def entry(self, path: str) -> Entry | None:
        try:
            status = self._fs.fs_stat(path or ".")
        except OSError:
            return None
        return Entry(path, stat.S_ISDIR(status.st_mode), status.st_size)

    def listing(self, path: str) -> list[Entry]:
        """What is in a directory, directories first."""
        with _told(path):
            found = self._fs.fs_listdir(path)
        entries = [Entry(join(path, f.name), bool(f.st_mode & 0x4000), f.st_size) for f in found]
        return sorted(entries, key=lambda e: (not e.is_dir, e.name))

    def walk(self, path: str) -> Iterator[tuple[int, Entry]]:
        """Everything below a directory with its depth, parents before children."""
        stack = [(0, entry) for entry in reversed(self.listing(path))]
        while stack:
            depth, entry = stack.pop()
            yield depth, entry
            if entry.is_dir:
                stack += [(depth + 1, child) for child in reversed(self.listing(entry.path))]

    def read(self, path: str) -> bytes:
        with _told(path):
            return bytes(self._fs.fs_readfile(path, CHUNK, self._telling(path)))

    def write(self, path: str, data: bytes) -> None:
        """Write beside the old file, compare by hash, then take its place: no half file has the name at any time."""
        temporary = path + TEMPORARY
        with _told(path):
            try:
                self._fs.fs_writefile(temporary, data, CHUNK, self._telling(path))
            except OSError as error:
                self._discard(temporary)
                free = self._free(path)
                if free is not None and free < len(data):
                    raise ToolError(Exit.DATA, f":{path}: the file system is full: {len(data)} bytes to write, "
                                               f"{free} bytes free", ["kpupy fs df, kpupy fs rm"],
                                    "the old file, if any, is unchanged") from error
                raise
            if self.sha256(temporary) != hashlib.sha256(data).digest():
                self._discard(temporary)
                raise ToolError(Exit.VERIFY, f":{path}: what arrived on the board is not what was sent",
                                ["cable, --baud"], "the old file, if any, is unchanged")
            self._replace(temporary, path)

    def _telling(self, path: str) -> Callable[[int, int], None] | None:
        progress = self._progress
        return (lambda done, total: progress(path, done, total)) if progress else None

    def _discard(self, path: str) -> None:
        self.repl.exec(f"import os\ntry:\n f.close()\nexcept Exception:\n pass\n"
                       f"try:\n os.remove({path!r})\nexcept OSError:\n pass")

    def _replace(self, temporary: str, path: str) -> None:
        """FAT does not rename over an existing file."""
        self._fs.exec(f"import os\ntry:\n os.rename({temporary!r},{path!r})\n"
                      f"except OSError:\n os.remove({path!r})\n os.rename({temporary!r},{path!r})")

    def _free(self, path: str) -> int | None:
        folder = str(PurePosixPath(path).parent)
        try:
            values = self.repl.eval(f"__import__('os').statvfs({folder!r})")
        except ToolError:
            return None
        return int(values[1] * values[3])

    def sha256(self, path: str) -> bytes:
        with _told(path):
            return bytes(self._fs.fs_hashfile(path, "sha256", CHUNK))

    def make_dirs(self, path: str) -> None:
        parts = PurePosixPath(path).parts
        for count in range(1, len(parts) + 1):
            part = str(PurePosixPath(*parts[:count]))
            if part not in ("/", ".") and self.entry(part) is None:
                with _told(part):
                    self._fs.fs_mkdir(part)

    def remove(self, path: str, recursive: bool = False) -> int:
        """Returns how many files and directories went."""
        entry = self.entry(path)
        if entry is None:
            raise ToolError(Exit.DATA, f":{path} does not exist")
        if not entry.is_dir:
            with _told(path):
                self._fs.fs_rmfile(path)
            return 1
        if not recursive:
            raise ToolError(Exit.DATA, f":{path} is a directory", ["-r removes it with everything in it"])
        count = sum(self.remove(child.path, True) for child in self.listing(path))
        if path.strip("/") and path not in self.mounts():
            with _told(path):
                self._fs.fs_rmdir(path)
            count += 1
        return count

    def mounts(self) -> dict[str, tuple[int, int]]:
        """Mount points with total and free bytes."""
        code = ("import os\nr={}\nfor n in os.listdir('/'):\n try:\n  s=os.statvfs('/'+n)\n"
                "  r['/'+n]=(s[1]*s[2],s[1]*s[3])\n except OSError:\n  pass\nprint(repr(r))")
        found: dict[str, tuple[int, int]] = ast.literal_eval(self.repl.exec(code))
        return found

    # ---- whole trees

    def put(self, source: Path, target: str) -> list[str]:
        """Copy a file or tree to the board; returns the paths written."""
        if not source.exists():
            raise ToolError(Exit.DATA, f"{source} does not exist")
        entry = self.entry(target)
        if target == "" or target.endswith("/") or (entry and entry.is_dir):
            target = join(target, source.name)
        if source.is_file():
            self.make_dirs(str(PurePosixPath(target).parent))
            self.write(target, source.read_bytes())
            return [target]
        written = []
        self.make_dirs(target)
        for path, name in local_files(source):
            self.make_dirs(str(PurePosixPath(join(target, name)).parent))
            self.write(join(target, name), path.read_bytes())
            written.append(join(target, name))
        return written

    def get(self, source: str, target: Path) -> list[Path]:
        """Copy a file or tree from the board; returns the paths written."""
        entry = self.entry(source)
        if entry is None:
            raise ToolError(Exit.DATA, f":{source} does not exist")
        if target.is_dir():
            target = target / (entry.name or "board")
        if not entry.is_dir:
            return [_save(target, self.read(source))]
        written = []
        for _, found in self.walk(source):
            here = target / PurePosixPath(found.path).relative_to(source or ".")
            if found.is_dir:
                here.mkdir(parents=True, exist_ok=True)
            else:
                written.append(_save(here, self.read(found.path)))
        return written

    def sync(self, source: Path, target: str, delete: bool = False) -> dict[str, list[str]]:
        """Make a directory of the board like a local one; only files whose hash differs are sent."""
        if not source.is_dir():
            raise ToolError(Exit.DATA, f"{source} is not a directory")
        self.make_dirs(target)
        there = {e.path: e for _, e in self.walk(target)}
        result: dict[str, list[str]] = {"written": [], "same": [], "removed": []}
        wanted = set()
        for path, name in local_files(source):
            place, data = join(target, name), path.read_bytes()
            wanted |= {place, *(str(parent) for parent in PurePosixPath(place).parents)}
            old = there.get(place)
            if old and old.size == len(data) and self.sha256(place) == hashlib.sha256(data).digest():
                result["same"].append(place)
                continue
            self.make_dirs(str(PurePosixPath(place).parent))
            self.write(place, data)
            result["written"].append(place)
        if delete:
            for path_there in sorted(set(there) - wanted, reverse=True):  # children before parents
                self.remove(path_there, recursive=True)
                result["removed"].append(path_there)
        return result


def local_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files with their paths relative to the folder; hidden ones and Python's caches are left out."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in relative.parts):
            yield path, relative.as_posix()


def _save(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
