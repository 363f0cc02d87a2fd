"""What a file is, by its first bytes (spec kmodel.md 1.1), and reading it when it is a model."""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple

from kpupy.kmodel import v3
from kpupy.kmodel.errors import KModelError
from kpupy.kmodel.v3_base import Bytes


class Kind(enum.Enum):
    V3 = "kmodel V3"
    V4 = "kmodel V4"
    V5 = "kmodel V5"
    V5_PRERELEASE = "kmodel V5 of a pre-release compiler"
    NEWER = "model of a newer chip"
    BAD_VERSION = "kmodel of an impossible version"
    PREVIEW = "kmodel V1 or V2"
    ENCRYPTED = "encrypted model"
    CONFIG_BLOB = "configuration blob"
    SWAPPED = "word-swapped model"
    PACKAGE = "flash package"
    OTHER_CHIP = "kmodel V3 of another architecture"
    FLASHED = "model behind a flash image header"
    EMPTY = "erased flash"
    UNKNOWN = "unknown data"


class Identity(NamedTuple):
    """The kind of a file and, when it cannot be used as it is, the reason with what to do."""

    kind: Kind
    reason: str


_LDMK = b"LDMK"


def identify(data: Bytes, size: int | None = None) -> Identity:
    """Tell what `data` begins with. `size` is the file's size when `data` is only its first bytes (16 or more)."""
    size = len(data) if size is None else size
    head = bytes(data[:64])
    if len(head) < 16:
        return Identity(Kind.UNKNOWN, f"{len(head)} bytes are too short for a kmodel")
    found = _identify_plain(head, size)
    if found.kind is not Kind.UNKNOWN:
        return found
    if head[:4] in (b"\0\0\0\3", b"KMDL"):
        inner = _identify_plain(swap_words(head), size)
        if inner.kind is not Kind.UNKNOWN:
            return Identity(Kind.SWAPPED, f"every 4-byte word is reversed ({inner.kind.value}); swap the words back")
    if head[:4] == b"PK\3\4":
        return Identity(Kind.PACKAGE, "a .kfpkg is a zip file; flash it or unpack its members")
    length = struct.unpack_from("<I", head, 1)[0]
    if head[0] <= 1 and 0 < length < 1 << 24:
        inner = _identify_plain(head[5:], size - 5)
        if inner.kind is not Kind.UNKNOWN:
            return Identity(Kind.FLASHED, f"{inner.kind.value} behind a 5-byte flash header; use the offset + 5")
    if head[:16] == b"\xff" * 16:
        return Identity(Kind.EMPTY, "only FF bytes: erased flash, no model here")
    return Identity(Kind.UNKNOWN, f"not a kmodel: it begins with {head[:8].hex(' ')}")


def _identify_plain(head: bytes, size: int) -> Identity:
    w0, w1, w2 = struct.unpack_from("<3I", head)
    if w0 == 3 and w2 == 0:
        return Identity(Kind.V3, "")
    if head[:4] == _LDMK:
        return _identify_ldmk(w1, w2)
    if w0 in (1, 2):
        return Identity(Kind.PREVIEW, f"kmodel V{w0} of an nncase preview; recompile the network")
    if w0 == 0x2713 and w1 == size - 8 and w1 % 16 == 0:
        return Identity(Kind.ENCRYPTED, "encrypted model (.smodel), bound to one chip; use the seller's kmodel")
    if w0 == 0x12345678:
        return Identity(
            Kind.CONFIG_BLOB, "config blob of the first vendor compiler, not a kmodel; recompile with nncase"
        )
    if w0 == 3:
        return Identity(Kind.OTHER_CHIP, f"kmodel V3 for architecture {w2}; only 0, the K210, is known")
    return Identity(Kind.UNKNOWN, "not a kmodel")


def _identify_ldmk(version: int, header_size: int) -> Identity:
    if version == 4:
        return Identity(Kind.V4, "")
    if version == 5 and header_size == 32:
        return Identity(Kind.V5, "")
    if version == 5:
        return Identity(Kind.V5_PRERELEASE, "kmodel V5 from a pre-release nncase; recompile with nncase 1.x")
    if version > 5:
        return Identity(Kind.NEWER, f"kmodel version {version} is not for the K210 (K230 and newer)")
    return Identity(Kind.BAD_VERSION, f"no kmodel version {version} exists in this form; the file is damaged")


def swap_words(data: Bytes) -> bytes:
    """Reverse every 4-byte word; the length is padded to a multiple of 4 with ASCII '0' (spec kmodel.md 1.3)."""
    padded = bytes(data) + b"0" * (-len(data) % 4)
    count = len(padded) // 4
    return struct.pack(f"<{count}I", *struct.unpack(f">{count}I", padded))


def parse(data: Bytes) -> v3.ModelV3:
    """Read a model; a word-swapped one is un-swapped first. Anything else raises KModelError with its reason."""
    kind, reason = identify(data)
    if kind is Kind.SWAPPED:
        return parse(swap_words(data))
    if kind is Kind.V3:
        return v3.parse(data)
    raise KModelError(reason or f"{kind.value} cannot be read yet: this reader knows kmodel V3")
