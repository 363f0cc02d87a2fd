"""Arguments and output of `kpupy esp` (docs/cli/esp.md)."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpupy import boards, ports
from kpupy.boards import Board
from kpupy.errors import Exit, ToolError
from kpupy.esp import settings
from kpupy.progress import JsonLines, Reporter, Terminal

if TYPE_CHECKING:
    from kpupy.esp.work import Link

Nouns = Any  # argparse._SubParsersAction[argparse.ArgumentParser], which only type checkers know

EXAMPLES = """\
examples:
  kpupy esp info --board maix_go
  kpupy esp flash AT_V1.7.4_8Mbit_40Mhz.bin --board maix_go --baud 921600
  kpupy esp flash boot.bin@0x0 app.bin@0x1000 --board maix_dock_m1w
  kpupy esp flash maixduino_firmware.bin --board maixduino --port /dev/ttyUSB1
  kpupy esp erase --board maix_go
"""


def number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, as in 4096 or 0x1000") from None


def file_at(text: str) -> tuple[Path, int]:
    """FILE@ADDRESS; FILE alone goes to 0."""
    path, at, address = text.rpartition("@")
    if not at:
        return Path(text), 0
    return Path(path), number(address)


def add_parser(nouns: Nouns) -> None:
    """Add the noun `esp` and its verbs."""
    noun = nouns.add_parser("esp", help="the board's ESP8285 or ESP32 co-processor", epilog=EXAMPLES,
                            formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = noun.add_subparsers(required=True, metavar="VERB")

    flash = _verb(verbs, "flash", "write files to its flash and compare them", _flash)
    flash.add_argument("files", metavar="FILE[@ADDRESS]", type=file_at, nargs="+",
                       help="file and flash address (default 0x0)")
    flash.add_argument("--erase-all", action="store_true", help="erase the whole flash before")
    _add_speed(flash)

    erase = _verb(verbs, "erase", "erase its flash", _erase)
    erase.add_argument("--address", type=number, metavar="ADDR", help="erase a part: from here, a multiple of 4096")
    erase.add_argument("--length", type=number, metavar="BYTES", help="and so much, a multiple of 4096")

    info = _verb(verbs, "info", "chip, MAC address and flash", _info)
    info.add_argument("--no-stub", action="store_true", help="use only the boot loader in ROM")


def _verb(verbs: Nouns, name: str, text: str, action: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text, epilog=EXAMPLES,
                                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    verb.add_argument("--board", metavar="NAME", help="board with the co-processor (default: by the port's USB id)")
    verb.add_argument("--port", metavar="PORT", default=os.environ.get("KPUPY_PORT", ports.AUTO),
                      help="device or pyserial URL (default: %(default)s)")
    verb.add_argument("--wait", type=float, default=10.0, metavar="SECONDS",
                      help="how long to try until it answers (default: %(default)s)")
    verb.add_argument("--manual-boot", action="store_true", help="the K210 has been put into its boot ROM by hand")
    verb.add_argument("--json", action="store_true", help="result as JSON, progress as JSON lines on standard error")
    verb.set_defaults(action=action, baud=None, no_stub=False)
    return verb


def _add_speed(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--baud", type=number, help="speed of the transfer (default: the board's, 115200)")
    verb.add_argument("--no-stub", action="store_true",
                      help="use only the boot loader in ROM: slower; an ESP8285 cannot compare then")


# ---- actions


def _board(args: argparse.Namespace) -> Board:
    if args.board:
        return boards.find(args.board)
    having = {name for found in ports.scan() for name in found.boards if boards.raw(name).get("esp")}
    if len(having) != 1:
        which = f"several boards are possible: {', '.join(sorted(having))}" if having else "which board?"
        raise ToolError(Exit.USAGE, which, ["name it with --board"])
    return boards.find(having.pop())


def _run(args: argparse.Namespace, work_on: Callable[[Link, Reporter], dict[str, Any]],
         tell: Callable[[dict[str, Any]], None]) -> None:
    board = _board(args)
    chip = settings.of(board.id)
    from kpupy.esp import work  # loads esptool, which takes a moment

    reporter = JsonLines() if args.json else Terminal()
    options = work.Options(args.port, args.baud, not args.no_stub, args.manual_boot, args.wait)
    try:
        with work.connected(board, chip, options, reporter) as link:
            result = {"board": board.id, "esp": chip.name, **work_on(link, reporter)}
    except KeyboardInterrupt:
        raise ToolError(Exit.INTERRUPTED, "interrupted", state="reset; the co-processor's flash is unchanged") from None
    finally:
        reporter.close()
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        tell(result)


def _read(files: list[tuple[Path, int]]) -> list[tuple[int, bytes]]:
    parts = []
    for path, address in files:
        try:
            parts.append((address, path.read_bytes()))
        except OSError as error:
            raise ToolError(Exit.DATA, f"{path}: {error.strerror}", ["FILE@ADDRESS, as in app.bin@0x1000"]) from error
    return parts


def _flash(args: argparse.Namespace) -> None:
    parts = _read(args.files)

    def work_on(link: Link, reporter: Reporter) -> dict[str, Any]:
        from kpupy.esp import work

        verified = work.flash(link, parts, erase_all=args.erase_all)
        if not verified:
            reporter.warn("not compared: the ESP8266's boot loader in ROM cannot read its flash")
        return {"written": [{"file": str(path), "address": address, "length": len(data)}
                            for (path, address), (_, data) in zip(args.files, parts, strict=True)],
                "verified": verified}

    def tell(result: dict[str, Any]) -> None:
        for part in result["written"]:
            print(f"{result['esp']}: {part['file']}, {part['length']} bytes at 0x{part['address']:x}"
                  f"{', compared' if result['verified'] else ''}")

    _run(args, work_on, tell)


def _erase(args: argparse.Namespace) -> None:
    if (args.address is None) != (args.length is None):
        raise ToolError(Exit.USAGE, "--address and --length belong together", ["without both everything is erased"])
    region = None if args.address is None else (args.address, args.length)

    def work_on(link: Link, reporter: Reporter) -> dict[str, Any]:
        from kpupy.esp import work

        work.erase(link, region)
        return {"erased": {"address": region[0], "length": region[1]} if region else "all"}

    _run(args, work_on, lambda result: print(f"{result['esp']}: erased"))


def _info(args: argparse.Namespace) -> None:
    def work_on(link: Link, reporter: Reporter) -> dict[str, Any]:
        from kpupy.esp import work

        return work.info(link)

    def tell(result: dict[str, Any]) -> None:
        flash = result["flash"]
        print(f"chip:    {result['chip']} ({', '.join(result['features'])})")
        print(f"MAC:     {result['mac']}")
        print(f"crystal: {result['crystal_mhz']} MHz")
        print(f"flash:   {flash['size'] or 'unknown size'}, manufacturer {flash['manufacturer']:02x}, "
              f"device {flash['device']:04x}")

    _run(args, work_on, tell)
