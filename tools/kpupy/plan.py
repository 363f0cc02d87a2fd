"""What goes where in the flash, and every reason not to write it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kpupy import image, kfpkg
from kpupy.boards import Area
from kpupy.errors import Exit, ToolError
from kpupy.kmodel import parse
from kpupy.kmodel.parse import Kind, swap_words

SECTOR = 4096
MODEL_KINDS = (Kind.V3, Kind.V4, Kind.V5, Kind.ENCRYPTED, Kind.SWAPPED, Kind.FLASHED)
ELF = b"\x7fELF"


@dataclass(frozen=True)
class Part:
    """Bytes for one place. `kind`: firmware, model, filesystem or data."""

    name: str
    address: int
    data: bytes = field(repr=False)
    kind: str

    @property
    def end(self) -> int:
        return self.address + len(self.data)

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.data).digest()

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}, {len(self.data)} bytes at 0x{self.address:x})"


def split_spec(text: str) -> tuple[Path, int | None]:
    """FILE or FILE@ADDRESS."""
    name, at, address = text.rpartition("@")
    if at and (number := parse_address(address)) is not None:
        return Path(name), number
    return Path(text), None


def parse_address(text: str) -> int | None:
    try:
        return int(text, 0)
    except ValueError:
        return None


def load(path: Path, address: int | None = None, areas: Sequence[Area] = (), force: bool = False) -> list[Part]:
    """The parts of a file: a package has several; a firmware gets the boot ROM's header when it lacks it.

    `force` takes a .kmodel that is none as it is.
    """
    data = _read(path)
    if data[:4] == b"PK\3\4" or path.suffix == ".kfpkg":
        if address is not None:
            raise ToolError(Exit.USAGE, f"{path.name} is a package, which names its own addresses: give no address")
        return _package(path, areas)
    if data[:4] == ELF:
        raise ToolError(Exit.DATA, f"{path.name} is an ELF file, which the flash cannot hold",
                        [f"write the .bin: riscv64-unknown-elf-objcopy -O binary {path.name} firmware.bin"])
    suffix = path.suffix.lower()
    if suffix in (".kmodel", ".smodel") or (suffix != ".bin" and parse.identify(data).kind in MODEL_KINDS):
        return [_model(path, data, address, areas, force)]
    if address in (None, 0):
        return [Part(path.name, 0, firmware(data, path.name), "firmware")]
    assert address is not None
    return [Part(path.name, address, data, _kind_at(address, data, areas))]


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ToolError(Exit.DATA, f"{path}: {error.strerror}") from error
    if not data:
        raise ToolError(Exit.DATA, f"{path.name} is empty")
    return data


def firmware(data: bytes, name: str) -> bytes:
    """A boot image: as it is when it has a valid header and hash, else wrapped."""
    try:
        image.unwrap(data)
        return data
    except image.ImageError:
        pass
    kind, reason = parse.identify(data)
    if kind in MODEL_KINDS or kind is Kind.EMPTY:
        raise ToolError(Exit.REFUSED, f"{name} is no program: {reason or kind.value}",
                        ["a model needs an address, as in model.kmodel@0x300000"])
    return image.wrap(data)


def _model(path: Path, data: bytes, address: int | None, areas: Sequence[Area], force: bool) -> Part:
    kind, reason = parse.identify(data)
    if kind not in MODEL_KINDS and not force:
        raise ToolError(Exit.REFUSED, f"{path.name} is not a model: {reason or kind.value}",
                        ["kpupy model check FILE says more", "--force writes it as it is"])
    if address is None:
        area = next((a for a in areas if a.name == "models"), None)
        if area is None:
            raise ToolError(Exit.USAGE, f"{path.name}: give an address, as in {path.name}@0x300000")
        address = area.start
    return Part(path.name, address, data, "model")


def _package(path: Path, areas: Sequence[Area]) -> list[Part]:
    parts = []
    for member in kfpkg.read(path):
        data = swap_words(member.data) if member.swap else member.data
        if member.sha256_prefix:
            data = image.wrap(data)
        program = member.sha256_prefix or member.address == 0
        kind = "firmware" if program else _kind_at(member.address, data, areas)
        parts.append(Part(f"{path.name}:{member.name}", member.address, data, kind))
    return parts


def _kind_at(address: int, data: bytes, areas: Sequence[Area]) -> str:
    if parse.identify(data).kind in MODEL_KINDS:
        return "model"
    area = next((a for a in areas if a.start <= address < a.end), None)
    return "filesystem" if area and area.name == "filesystem" and address == area.start else "data"


# Which kind of part may touch which area of the layout.
_HOME = {"firmware": "firmware", "models": "model", "filesystem": "filesystem"}


def check(parts: Sequence[Part], areas: Iterable[Area], flash_size: int) -> None:
    """Refuse what does not fit, overlaps, or runs into an area of another purpose."""
    if not parts:
        raise ToolError(Exit.USAGE, "nothing to write")
    for part in parts:
        if part.address < 0 or part.end > flash_size:
            raise ToolError(
                Exit.REFUSED, f"{part} ends at 0x{part.end:x}, the flash of {flash_size >> 20} MiB ends at "
                              f"0x{flash_size:x}",
                [f"the highest address it fits at is 0x{(flash_size - len(part.data)) & ~0xFFF:x}"]
                if len(part.data) <= flash_size else ["it is larger than the flash"])
    for one, two in itertools.pairwise(sorted(parts, key=lambda p: p.address)):
        if one.end > two.address:
            raise ToolError(Exit.REFUSED, f"{one} runs into {two} by {one.end - two.address} bytes",
                            [f"the next free address after it is 0x{-(-one.end // SECTOR) * SECTOR:x}"])
    for part in parts:
        for area in areas:
            _check_area(part, area)


def _check_area(part: Part, area: Area) -> None:
    inside = part.address < area.end and part.end > area.start
    if not inside or _HOME.get(area.name) == part.kind or (part.kind == "data" and area.name == "models"):
        return
    raise ToolError(
        Exit.REFUSED, f"{part} would overwrite the {area.name} area 0x{area.start:x} to 0x{area.end:x}",
        ["--force writes it all the same", "--board names a board with another layout"],
    )
