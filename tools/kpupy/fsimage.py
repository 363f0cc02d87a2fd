"""A littlefs image of a folder, as the firmware's /flash (boards/NAME/board.json gives place and block size)."""

from __future__ import annotations

from pathlib import Path

from kpupy.errors import Exit, ToolError
from kpupy.files import local_files
from kpupy.plan import Part

BLOCK = 4096
PROGRAM, READ = 256, 64  # as firmware/modules/flashfs.py
STRIPE = 65536  # what kflash's program rewrites at once
BLANK = b"\xff"


def build(folder: Path, size: int) -> bytes:
    """The file system's bytes, erased flash where nothing is."""
    from littlefs import LittleFS, LittleFSError

    if not folder.is_dir():
        raise ToolError(Exit.DATA, f"{folder} is not a directory")
    system = LittleFS(block_size=BLOCK, block_count=size // BLOCK, prog_size=PROGRAM, read_size=READ)
    for path, name in local_files(folder):
        try:
            system.makedirs(str(Path(name).parent), exist_ok=True)
            with system.open(name, "wb") as file:
                file.write(path.read_bytes())
        except LittleFSError as error:
            raise ToolError(Exit.REFUSED, f"{name} ({path.stat().st_size} bytes) does not fit the file system of "
                                          f"{size} bytes: {error}", ["leave files out, or use the SD card"]) from error
    return bytes(system.context.buffer)


def parts(image: bytes, address: int) -> list[Part]:
    """Only the 64 KiB stripes that hold something: what is in the others means nothing to littlefs."""
    found = []
    for start in range(0, len(image), STRIPE):
        stripe = image[start : start + STRIPE]
        if stripe.strip(BLANK):
            found.append(Part(f"file system at 0x{address + start:x}", address + start, stripe, "filesystem"))
    return found
