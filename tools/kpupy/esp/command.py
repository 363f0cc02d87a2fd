"""Arguments and output of `kpupy esp` (docs/cli/esp.md)."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpupy import boards, ports
from kpupy.boards import Board
from kpupy.errors import Exit, ToolError
from kpupy.esp import settings
from kpupy.progress import Reporter
from kpupy.verbs import common

if TYPE_CHECKING:
    from kpupy.esp.work import Link

Work = Callable[["Link", Reporter], dict[str, Any]]


def file_at(text: str) -> tuple[Path, int]:
    """FILE@ADDRESS; FILE alone goes to 0."""
    path, at, address = text.rpartition("@")
    if not at:
        return Path(text), 0
    return Path(path), common.number(address)


def register(nouns: common.Nouns) -> None:
    """Add the noun `esp` and its verbs."""
    noun = common.add_verb(nouns, "esp", "the board's ESP8285 or ESP32 co-processor", """
        kpupy esp info --board maix_go
        kpupy esp flash at_firmware.bin --board maix_go --baud 921600
        kpupy esp flash firmware.bin --board maixduino --port /dev/ttyUSB1""")
    verbs = noun.add_subparsers(required=True, metavar="VERB")

    flash = common.add_verb(verbs, "flash", "write files to its flash and compare them", """
        kpupy esp flash at_firmware.bin --board maix_go --baud 921600
        kpupy esp flash boot.bin@0x0 app.bin@0x1000 --board maix_dock_m1w""")
    flash.add_argument("files", metavar="FILE[@ADDR]", type=file_at, nargs="+",
                       help="file and flash address (default: 0)")
    flash.add_argument("--erase-all", action="store_true", help="erase the whole flash before")
    _add_common(flash, _flash)

    erase = common.add_verb(verbs, "erase", "erase its flash, or a part of it", """
        kpupy esp erase --board maix_go
        kpupy esp erase --board maix_go --addr 0xFC000 --length 4096""")
    erase.add_argument("-a", "--addr", type=common.number, help="where to start, a multiple of 4096; needs --length")
    erase.add_argument("-l", "--length", type=common.number, help="how many bytes, a multiple of 4096")
    _add_common(erase, _erase)

    info = common.add_verb(verbs, "info", "chip, MAC address and flash", """
        kpupy esp info --board maix_go
        kpupy esp info --board lilygo_m1 --json""")
    _add_common(info, _info)


def _add_common(verb: argparse.ArgumentParser, action: Callable[[argparse.Namespace], None]) -> None:
    common.add_session(verb)
    verb.add_argument("--wait", type=float, default=10.0, metavar="SECONDS",
                      help="how long to try until it answers (default: %(default)s)")
    verb.add_argument("--no-stub", action="store_true",
                      help="use only the boot loader in ROM: slower; an ESP8285 can neither compare nor erase then")
    verb.set_defaults(action=action)


# ---- actions


def _board(args: argparse.Namespace) -> Board:
    if args.board:
        return args.board  # type: ignore[no-any-return]
    having = {name for found in ports.scan() for name in found.boards if boards.raw(name).get("esp")}
    if len(having) != 1:
        which = f"several boards are possible: {', '.join(sorted(having))}" if having else "which board?"
        raise ToolError(Exit.USAGE, which, ["name it with --board: it says how the co-processor is wired"])
    return boards.find(having.pop())


def _run(args: argparse.Namespace, work_on: Work) -> dict[str, Any]:
    board = _board(args)
    chip = settings.of(board.id)
    from kpupy.esp import work  # loads esptool, which takes a moment

    reporter = common.reporter(args)
    options = work.Options(args.port or ports.AUTO, args.baud, not args.no_stub, args.manual_boot, args.wait)
    try:
        with work.connected(board, chip, options, reporter) as link:
            return {"board": board.id, "esp": chip.name, **work_on(link, reporter)}
    except KeyboardInterrupt:
        raise ToolError(Exit.INTERRUPTED, "interrupted",
                        state="reset; the co-processor's flash is as it was") from None
    finally:
        reporter.close()


def _read(files: list[tuple[Path, int]]) -> list[tuple[int, bytes]]:
    parts = []
    for path, address in files:
        try:
            parts.append((address, path.read_bytes()))
        except OSError as error:
            raise ToolError(Exit.DATA, f"{path}: {error.strerror}", ["FILE@ADDR, as in app.bin@0x1000"]) from error
    return parts


def _flash(args: argparse.Namespace) -> None:
    parts = _read(args.files)
    from kpupy.esp import work

    work.check_parts(parts)

    def work_on(link: Link, reporter: Reporter) -> dict[str, Any]:
        verified = work.flash(link, parts, erase_all=args.erase_all)
        if not verified:
            reporter.warn("not compared: the ESP8266's boot loader in ROM cannot read its flash")
        written = [{"file": str(path), "address": address, "length": len(data)}
                   for (path, _), (address, data) in zip(args.files, parts, strict=True)]
        return {"written": written, "verified": verified}

    result = _run(args, work_on)
    compared = ", compared" if result["verified"] else ""
    text = "\n".join(f"{result['esp']}: {part['file']}, {part['length']} bytes at 0x{part['address']:x}{compared}"
                     for part in result["written"])
    common.show(args, result, text)


def _erase(args: argparse.Namespace) -> None:
    if (args.addr is None) != (args.length is None):
        raise ToolError(Exit.USAGE, "--addr and --length belong together", ["without both everything is erased"])
    region = None if args.addr is None else (args.addr, args.length)
    from kpupy.esp import work

    work.check_erase(settings.of(_board(args).id), not args.no_stub, region)

    def work_on(link: Link, reporter: Reporter) -> dict[str, Any]:
        work.erase(link, region)
        return {"erased": {"address": region[0], "length": region[1]} if region else "all"}

    result = _run(args, work_on)
    common.show(args, result, f"{result['esp']}: erased")


def _info(args: argparse.Namespace) -> None:
    def work_on(link: Link, reporter: Reporter) -> dict[str, Any]:
        from kpupy.esp import work

        return work.info(link)

    result = _run(args, work_on)
    flash = result["flash"]
    common.show(args, result, "\n".join([
        f"chip:    {result['chip']} ({', '.join(result['features'])})",
        f"MAC:     {result['mac']}",
        f"crystal: {result['crystal_mhz']} MHz",
        f"flash:   {flash['size'] or 'unknown size'}, manufacturer {flash['manufacturer']:02x}, "
        f"device {flash['device']:04x}",
    ]))
