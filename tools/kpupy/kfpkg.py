"""Flash packages: a zip with flash-list.json and the files it names (spec kmodel.md 1.5, isp-flash.md 6.2)."""

from __future__ import annotations

import itertools
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FLASH_SIZE = 16 * 1024 * 1024
LIST_NAME = "flash-list.json"
_MAX_LIST = 1 << 20


class PackageError(ValueError):
    """A package that cannot be read or must not be flashed."""


@dataclass
class Member:
    """One file of a package. `swap`: its 4-byte words are to be reversed while it is written."""

    name: str
    address: int
    sha256_prefix: bool
    swap: bool
    data: bytes


def read(path: Path) -> list[Member]:
    """The members in flashing order."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _members(archive)
    except zipfile.BadZipFile as error:
        raise PackageError(f"{path.name}: {error}") from None


def _members(archive: zipfile.ZipFile) -> list[Member]:
    sizes = {info.filename: info.file_size for info in archive.infolist()}
    if sizes.get(LIST_NAME, _MAX_LIST + 1) > _MAX_LIST:
        raise PackageError(f"the package has no usable {LIST_NAME} in its root")
    text = archive.read(LIST_NAME).decode("utf-8-sig")
    # addresses may be bare C literals, which JSON does not know
    text = re.sub(r'("address"\s*:\s*)(0[xX][0-9a-fA-F]+)', lambda m: m[1] + str(int(m[2], 16)), text)
    try:
        entries = json.loads(text)["files"]
        found = []
        for entry in entries:
            name, address = entry["bin"], int(str(entry["address"]), 0)
            if name not in sizes:
                raise PackageError(f"{LIST_NAME} names {name}, which is not in the package")
            if not 0 <= address < FLASH_SIZE or address + sizes[name] > FLASH_SIZE:
                raise PackageError(f"{name}: {sizes[name]} bytes at 0x{address:x} do not fit the 16 MiB flash")
            swap = bool(entry.get("swap", entry.get("reverse4Bytes", False)))
            found.append(Member(name, address, bool(entry.get("sha256Prefix", False)), swap, archive.read(name)))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, PackageError):
            raise
        raise PackageError(f"{LIST_NAME} is malformed: {error}") from None
    by_address = sorted(found, key=lambda member: member.address)
    for one, two in itertools.pairwise(by_address):
        if one.address + len(one.data) > two.address:
            raise PackageError(f"{one.name} at 0x{one.address:x} runs into {two.name} at 0x{two.address:x}")
    return found


def write(path: Path, members: Sequence[Member], compression: int = zipfile.ZIP_DEFLATED) -> None:
    """Write a package that every tool reads: addresses as plain numbers, one key per line, the address not last."""
    files = [
        {
            "address": member.address,
            "bin": member.name,
            "sha256Prefix": member.sha256_prefix,
            **({"reverse4Bytes": True} if member.swap else {}),
        }
        for member in members
    ]
    version = "0.1.1" if any(member.swap for member in members) else "0.1.0"
    text = json.dumps({"version": version, "files": files}, indent=2)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(_entry(LIST_NAME, compression), text)
        for member in members:
            archive.writestr(_entry(member.name, compression), member.data)


def _entry(name: str, compression: int) -> zipfile.ZipInfo:
    """A fixed time, so that the same members give the same file."""
    entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
    entry.compress_type = compression
    return entry
