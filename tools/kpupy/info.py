"""What a board is and holds: asked through its Python when it has one, through the flash reader otherwise."""

from __future__ import annotations

import ast
from typing import Any

from kpupy import image
from kpupy.boards import Area
from kpupy.kmodel import parse
from kpupy.kmodel.parse import Kind
from kpupy.reader import Reader
from kpupy.repl import Repl

SECTOR = 4096
HEAD = 64

# Runs on the board. Every question may fail on another firmware; the answer then is None.
_QUESTIONS = """
import os, sys, gc
def ask(f):
    try:
        return f()
    except Exception:
        return None
def mounts():
    r = {}
    for n in os.listdir('/'):
        s = ask(lambda: os.statvfs('/' + n))
        if s: r['/' + n] = {'total': s[1] * s[2], 'free': s[1] * s[3]}
    return r
def heap():
    import kpupy
    return tuple(kpupy.heap())
def freq():
    import machine
    f = machine.freq()
    return f if isinstance(f, int) else f[0]
def uid():
    import machine
    return ''.join('%02x' % b for b in machine.unique_id())
gc.collect()
print(repr({'system': ask(lambda: tuple(os.uname())), 'implementation': ask(lambda: (sys.implementation[0],
 sys.implementation[1][:3])), 'cpu_hz': ask(freq), 'unique_id': ask(uid), 'python_free': ask(gc.mem_free),
 'heap': ask(heap), 'mounts': ask(mounts)}))
"""

# Beginnings of models at 4 KiB steps: only those that are neither erased nor obviously something else are sent.
_SCAN = """
import kpupy
f = kpupy.Flash({start}, {length})
b = bytearray({head})
for k in range({length} // {step}):
    f.readblocks(k, b, 0)
    w = bytes(b[:4])
    if w in ({magics}) or bytes(b[5:9]) in ({magics}):
        print(repr(({start} + k * {step}, bytes(b))), end=',')
"""
_MAGICS = (b"\3\0\0\0", b"\0\0\0\3", b"LDMK", b"KMDL", b"\x13\x27\0\0", b"\1\0\0\0", b"\2\0\0\0")
_MODELS = (Kind.V3, Kind.V4, Kind.V5, Kind.V5_PRERELEASE, Kind.ENCRYPTED, Kind.SWAPPED, Kind.PREVIEW, Kind.NEWER,
           Kind.FLASHED)


def ask(repl: Repl, area: Area | None) -> dict[str, Any]:
    """Everything that the running firmware tells; models are looked for in `area`."""
    told: dict[str, Any] = ast.literal_eval(repl.exec(_QUESTIONS, timeout=20))
    told["models"] = _models_by_python(repl, area) if area else None
    return told


def _models_by_python(repl: Repl, area: Area) -> list[dict[str, Any]] | None:
    code = _SCAN.format(start=area.start, length=area.length, step=SECTOR, head=HEAD,
                        magics=", ".join(map(repr, _MAGICS)))
    if not repl.eval("'kpupy' in __import__('sys').modules or __import__('kpupy') is not None"):
        return None
    found = ast.literal_eval("[" + repl.exec(code, timeout=60) + "]")
    return [told for address, head in found if (told := _model(address, head))]


def _model(address: int, head: bytes) -> dict[str, Any] | None:
    kind, reason = parse.identify(head, 1 << 24)
    if kind not in _MODELS:
        return None
    return {"address": address, "format": kind.value, "note": reason}


def read_flash(reader: Reader, area: Area | None) -> dict[str, Any]:
    """What the flash itself tells: its id, the boot image, models."""
    flash = reader.flash
    told: dict[str, Any] = {"jedec": f"{flash.jedec:06x}", "size": flash.size, "unique_id": flash.unique_id.hex(),
                            "boot_image": _boot_image(reader)}
    if area:
        steps = range(area.start, min(area.end, flash.size), SECTOR)
        told["models"] = [m for at in steps if (m := _model(at, reader.read(at, HEAD)))]
    return told


def _boot_image(reader: Reader) -> dict[str, Any]:
    """Length and hash of what the boot ROM would start, and whether it would."""
    head = reader.read(0, image.HEADER_SIZE)
    length = int.from_bytes(head[1:5], "little")
    if not 0 < length <= image.MAX_PAYLOAD:
        return {"valid": False, "length": None, "note": "no program: the boot ROM waits for programming"}
    end = image.HEADER_SIZE + length
    stored, computed = reader.read(end, image.HASH_SIZE), reader.sha256(0, end)
    note = "" if stored == computed else "damaged: the SHA-256 differs, the boot ROM refuses it"
    return {"valid": stored == computed, "length": length, "sha256": computed.hex(), "note": note}
