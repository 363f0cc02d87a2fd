"""The bootable flash image that the K210's ROM reads at flash offset 0 (spec isp-flash.md 6.1).

    flags u8 | payload length u32 | payload | SHA-256 over everything before it

The payload runs at 0x80000000.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

HEADER_SIZE = 5
HASH_SIZE = 32
FLAG_ENCRYPTED = 0x01
MAX_PAYLOAD = 6 * 1024 * 1024  # general SRAM: the ROM copies the payload there before it checks the hash


class ImageError(ValueError):
    """Data that is no bootable image, or a payload that cannot be one."""


def wrap(payload: bytes) -> bytes:
    """Return the boot image of `payload` (flag byte 0x00: plain, quad reads)."""
    if not payload:
        raise ImageError("the payload is empty: the boot ROM refuses a length of 0")
    if len(payload) > MAX_PAYLOAD:
        raise ImageError(f"payload of {len(payload)} bytes is larger than the SRAM's {MAX_PAYLOAD}")
    head = struct.pack("<BI", 0x00, len(payload)) + payload
    return head + hashlib.sha256(head).digest()


def unwrap(image: bytes) -> bytes:
    """Return the payload of a boot image; bytes after the hash (erased flash, padding) are ignored."""
    if len(image) < HEADER_SIZE + HASH_SIZE:
        raise ImageError(
            f"{len(image)} bytes are too short for an image: header and hash take {HEADER_SIZE + HASH_SIZE}"
        )
    flags, length = struct.unpack_from("<BI", image)
    if length == 0 or length > MAX_PAYLOAD:
        raise ImageError(f"payload length {length} (0x{length:08x}) is outside 1..{MAX_PAYLOAD}: not a boot image")
    if flags & FLAG_ENCRYPTED:
        raise ImageError(f"flags 0x{flags:02x}: the payload is AES-encrypted for one chip")
    end = HEADER_SIZE + length
    if len(image) < end + HASH_SIZE:
        raise ImageError(f"image is cut off: {len(image)} bytes, but its header announces {end + HASH_SIZE}")
    found, computed = image[end : end + HASH_SIZE], hashlib.sha256(image[:end]).digest()
    if found != computed:
        raise ImageError(f"SHA-256 differs: stored {found.hex()[:16]}…, computed {computed.hex()[:16]}…")
    return image[HEADER_SIZE:end]


def wrap_file(source: Path, target: Path) -> int:
    """Write the boot image of file `source` to `target`; returns its size in bytes."""
    image = wrap(source.read_bytes())
    target.write_bytes(image)
    return len(image)


def unwrap_file(source: Path, target: Path) -> int:
    """Write the payload of boot image `source` to `target`; returns its size in bytes."""
    payload = unwrap(source.read_bytes())
    target.write_bytes(payload)
    return len(payload)
