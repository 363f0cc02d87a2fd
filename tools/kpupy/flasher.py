"""Flash, verify, read and erase, as functions; the command line only prints what they return."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kpupy import boards, plan, reader
from kpupy.boards import Area
from kpupy.engine import KflashEngine
from kpupy.errors import Exit, PortGone, ToolError
from kpupy.plan import SECTOR, Part
from kpupy.reader import FlashId, Reader
from kpupy.session import Session, speeds

BLOCK = 65536


@dataclass
class Outcome:
    """What a verb did, ready for JSON."""

    flash: FlashId
    written: list[Part] = field(default_factory=list)
    unchanged: list[Part] = field(default_factory=list)
    verified: bool = False
    baud: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        def tell(part: Part) -> dict[str, Any]:
            return {"name": part.name, "address": part.address, "length": len(part.data), "kind": part.kind,
                    "sha256": part.sha256.hex()}

        return {
            "flash": flash_json(self.flash), "written": [tell(p) for p in self.written],
            "unchanged": [tell(p) for p in self.unchanged], "verified": self.verified, "baud": self.baud,
            "seconds": round(self.seconds, 2),
        }


def flash_json(flash: FlashId) -> dict[str, Any]:
    return {"jedec": f"{flash.jedec:06x}", "size": flash.size, "unique_id": flash.unique_id.hex()}


def areas_of(session: Session) -> Sequence[Area]:
    return session.board.areas if session.board else boards.default_areas()


def write(session: Session, parts: Sequence[Part], *, baud: int, verify: bool = True, force: bool = False,
          again: bool = False) -> Outcome:
    """Write the parts and read their hashes back. Parts that are there already are left alone unless `again`."""
    started = time.monotonic()
    plan.check(parts, () if force else areas_of(session), _declared_size(session))
    outcome = Outcome(FlashId(0, 0, b""))
    todo = list(parts)
    if can_read(session):
        with _untouched():
            first = session.reader(baud)
            outcome.flash = _checked_flash(first)
            plan.check(parts, (), outcome.flash.size)
            outcome.unchanged = [] if again else _same(session, first, todo)
        todo = [part for part in todo if part not in outcome.unchanged]
    elif verify:
        raise reader.missing() if reader.program() is None else _no_verify_by_hand()
    outcome.written, outcome.baud = todo, baud
    if todo:
        outcome.baud = _write_and_verify(session, todo, baud, verify)
    outcome.verified = verify
    outcome.seconds = time.monotonic() - started
    return outcome


def can_read(session: Session) -> bool:
    """Held by hand the board enters programming mode once only: the reader would use it up."""
    return not session.manual and reader.program() is not None


def _no_verify_by_hand() -> ToolError:
    return ToolError(Exit.USAGE, "with --manual-boot the board cannot be reset again to be verified",
                     ["add --no-verify, and run kpupy verify --manual-boot afterwards"])


def _declared_size(session: Session) -> int:
    return (session.board.flash_size if session.board else None) or boards.FLASH_SIZE


def _checked_flash(first: Reader) -> FlashId:
    if first.flash.size == 0:
        raise ToolError(Exit.TRANSFER, f"no flash answered (JEDEC id {first.flash.jedec:06X})",
                        ["a broken or missing flash part, or a board whose flash is not on SPI3"])
    return first.flash


def _same(session: Session, first: Reader, parts: Sequence[Part]) -> list[Part]:
    same = []
    for part in parts:
        if first.sha256(part.address, len(part.data)) == part.sha256:
            same.append(part)
            session.reporter.note(f"{part.name} is at 0x{part.address:x} already")
    return same


def _write_and_verify(session: Session, parts: Sequence[Part], baud: int, verify: bool) -> int:
    """Returns the speed that worked. A difference found by reading back counts as a failure of that speed."""
    rates = speeds(baud)
    for rate in rates:
        last = rate == rates[-1]
        try:
            _write_once(session, parts, rate)
            if verify:
                _verify_parts(session, parts, rate)
            return rate
        except PortGone:
            raise
        except ToolError as error:
            if last or error.code not in (Exit.TRANSFER, Exit.VERIFY):
                raise
            _answers_still(session, error)
            session.reporter.warn(f"{error} at {rate} baud; trying a lower speed")
    raise AssertionError("the list of speeds is never empty")


def _answers_still(session: Session, error: ToolError) -> None:
    """Another speed is no use on a board that does not even greet."""
    try:
        session.rom()
    except ToolError:
        error.hints.insert(0, "the board answers no more: is it powered?")
        raise error from None


def _write_once(session: Session, parts: Sequence[Part], baud: int) -> None:
    engine = KflashEngine(session.kflash_board, move_lines=not session.manual)
    with _touched(engine):
        engine.write(session.port, parts, baud, session.reporter)


def _verify_parts(session: Session, parts: Sequence[Part], baud: int) -> None:
    with _state("written, not verified"):
        back = session.reader(baud)
        for part in parts:
            compare(back, part)
            session.reporter.note(f"verified {part.name}: SHA-256 {part.sha256.hex()[:16]}…")


def compare(back: Reader, part: Part) -> None:
    """VERIFY error naming the first byte that differs."""
    if back.sha256(part.address, len(part.data)) == part.sha256:
        return
    for start in range(0, len(part.data), BLOCK):
        want = part.data[start : start + BLOCK]
        piece = Part(part.name, part.address + start, want, part.kind)
        if back.sha256(piece.address, len(want)) != piece.sha256:
            found = back.read(piece.address, len(want))
            offset = next(i for i in range(len(want)) if found[i] != want[i])
            count = sum(a != b for a, b in zip(found, want, strict=True))
            raise ToolError(
                Exit.VERIFY, f"{part.name}: the flash differs from offset 0x{start + offset:x} on (flash address "
                             f"0x{piece.address + offset:x}: {found[offset]:02x}, not {want[offset]:02x}; "
                             f"{count} bytes in this 64 KiB)",
                ["write it: kpupy flash", "if it was just written: a lower --baud, or worn-out flash"])
    raise ToolError(Exit.VERIFY, f"{part.name}: the hash differs, but no block does: the flash reads unreliably",
                    ["power supply, cable, worn-out flash"])


def verify(session: Session, parts: Sequence[Part], *, baud: int) -> Outcome:
    """Compare the flash with the parts by hash."""
    started = time.monotonic()
    with _untouched():
        back = session.reader(baud)
        outcome = Outcome(_checked_flash(back), verified=True, baud=back.baud)
        for part in parts:
            compare(back, part)
            outcome.unchanged.append(part)
    outcome.seconds = time.monotonic() - started
    return outcome


def read(session: Session, start: int, length: int | None, *, baud: int) -> bytes:
    """Bytes of the flash, checked by hash; `length` None: to its end."""
    with _untouched():
        back = session.reader(baud)
        size = _checked_flash(back).size
        length = size - start if length is None else length
        if not 0 <= start < size or length <= 0 or start + length > size:
            raise ToolError(Exit.USAGE, f"{length} bytes at 0x{start:x} are not inside the flash of 0x{size:x} bytes")
        data = back.read(start, length, lambda done, total: session.reporter.progress("read flash", done, total))
        if back.sha256(start, length) != Part("", start, data, "data").sha256:
            raise ToolError(Exit.VERIFY, "what was read does not have the hash that the board computed",
                            ["power supply, worn-out flash"])
    return data


def identify(session: Session, *, baud: int) -> FlashId:
    with _untouched():
        return _checked_flash(session.reader(baud))


def erase(session: Session, start: int, length: int | None, *, baud: int, verify: bool = True) -> Outcome:
    """Erase a range, or everything with `length` None, and check that it reads as FF."""
    started = time.monotonic()
    if length is not None and (start % SECTOR or length % SECTOR or length <= 0 or start < 0):
        raise ToolError(Exit.USAGE, f"0x{start:x}, 0x{length:x}: address and length must be multiples of {SECTOR}")
    outcome = Outcome(FlashId(0, 0, b""), baud=baud)
    if can_read(session):
        with _untouched():
            outcome.flash = _checked_flash(session.reader(baud))
        if start + (length or 0) > outcome.flash.size:
            raise ToolError(Exit.REFUSED, f"0x{start:x} + 0x{length or 0:x} is beyond the flash's end "
                                          f"0x{outcome.flash.size:x}")
    elif verify:
        raise reader.missing() if reader.program() is None else _no_verify_by_hand()
    engine = KflashEngine(session.kflash_board, move_lines=not session.manual)
    with _touched(engine):
        engine.erase(session.port, start, length, baud, session.reporter)
    if verify:
        blank = b"\xff" * (length or outcome.flash.size)
        _verify_parts(session, [Part("erased flash", start, blank, "data")], baud)
    outcome.verified = verify
    outcome.seconds = time.monotonic() - started
    return outcome


# ---- saying how the board was left


@contextmanager
def _state(text: str) -> Iterator[None]:
    try:
        yield
    except ToolError as error:
        error.with_state(text)
        raise
    except KeyboardInterrupt as error:
        raise interrupted(text) from error


def _untouched() -> Any:
    return _state("flash unchanged; reset to its firmware")


@contextmanager
def _touched(engine: KflashEngine) -> Iterator[None]:
    try:
        yield
    except ToolError as error:
        error.with_state(_harm(engine))
        raise
    except KeyboardInterrupt as error:
        raise interrupted(_harm(engine)) from error


def _harm(engine: KflashEngine) -> str:
    touched = engine.guard.touched if engine.guard else None
    if touched is None:
        return "flash unchanged; reset to its firmware"
    start, end = touched
    program = " It will not start: the boot ROM then waits for programming." if start == 0 else ""
    return (f"flash HALF-WRITTEN from 0x{start:x} to 0x{end:x}; the rest is unchanged.{program} "
            f"Repeat the command to complete it")


def interrupted(state: str) -> ToolError:
    return ToolError(Exit.INTERRUPTED, "interrupted", [], state)
