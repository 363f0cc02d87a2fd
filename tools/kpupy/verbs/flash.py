"""flash, verify, read, erase: the flash through the boot ROM."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path

from kpupy import boards, flasher, plan
from kpupy.errors import Exit, ToolError
from kpupy.plan import Part
from kpupy.verbs import common

JOINS = ("flash", "verify")  # verbs whose --addr belongs to the file before it


def join_addresses(argv: Sequence[str]) -> list[str]:
    """`FILE --addr A` as `FILE@A`, so that several files can have one each."""
    out: list[str] = []
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if name not in ("--addr", "-a"):
            out.append(word)
            continue
        value = value if equals else next(words, "")
        if plan.parse_address(value) is None:
            raise ToolError(Exit.USAGE, f"--addr {value}: no address such as 0x300000")
        if not out or out[-1].startswith("-") or "@" in Path(out[-1]).name:
            raise ToolError(Exit.USAGE, f"--addr {value} must follow the file it is for")
        out[-1] += f"@{value}"
    return out


def register(nouns: common.Nouns) -> None:
    _register_flash(nouns)
    verb = common.add_verb(nouns, "verify", "compare the flash with files, by hash", """
        kpupy verify firmware.img
        kpupy verify face.kmodel@0x300000""")
    _add_files(verb)
    common.add_session(verb)
    verb.set_defaults(action=_verify)

    verb = common.add_verb(nouns, "read", "read the flash into a file", """
        kpupy read backup.bin
        kpupy read model.kmodel --addr 0x300000 --length 0x180000""")
    verb.add_argument("output", type=Path)
    verb.add_argument("-a", "--addr", type=common.number, default=0, help="where to start (default: 0)")
    verb.add_argument("-l", "--length", type=common.number, help="how many bytes (default: to the end of the flash)")
    common.add_session(verb)
    verb.set_defaults(action=_read)

    verb = common.add_verb(nouns, "erase", "erase a part of the flash, or all of it", """
        kpupy erase --area filesystem
        kpupy erase --addr 0x300000 --length 1M
        kpupy erase --all""")
    what = verb.add_mutually_exclusive_group(required=True)
    what.add_argument("--all", action="store_true", help="everything")
    what.add_argument("--area", choices=("firmware", "models", "filesystem"), help="an area of the board's layout")
    what.add_argument("-a", "--addr", type=common.number, help="where to start; needs --length")
    verb.add_argument("-l", "--length", type=common.number, help="how many bytes; multiples of 4096")
    verb.add_argument("--no-verify", action="store_true", help="do not read back that it is empty")
    common.add_session(verb)
    verb.set_defaults(action=_erase)


def _register_flash(nouns: common.Nouns) -> None:
    verb = common.add_verb(nouns, "flash", "write firmware, models and packages to the flash, and verify them", """
        kpupy flash firmware.img
        kpupy flash face.kmodel --addr 0x300000
        kpupy flash firmware.bin face.kmodel@0x300000 data.bin@0x500000
        kpupy flash all.kfpkg --port /dev/ttyUSB0 --board bit --baud 1500000""")
    _add_files(verb)
    verb.add_argument("-a", "--addr", action="append", metavar="ADDR", help="flash offset of the file before it")
    verb.add_argument("--no-verify", action="store_true", help="do not read back")
    verb.add_argument("--force", action="store_true", help="also what would overwrite another area, or is no model")
    verb.add_argument("--again", action="store_true", help="write even what is there already")
    common.add_session(verb)
    verb.set_defaults(action=_flash)


def _add_files(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("files", nargs="+", metavar="FILE[@ADDR]",
                      help=".bin (header added when absent), .img, .kmodel, .kfpkg; ADDR is a flash offset")


def _parts(args: argparse.Namespace, force: bool = False) -> list[Part]:
    areas = args.board.areas if args.board else boards.default_areas()
    specs = [plan.split_spec(text) for text in args.files]
    return list(itertools.chain.from_iterable(plan.load(path, address, areas, force) for path, address in specs))


def _flash(args: argparse.Namespace) -> None:
    report = common.reporter(args)
    parts = _parts(args, args.force)
    plan.check(parts, () if args.force else (args.board.areas if args.board else boards.default_areas()),
               (args.board.flash_size if args.board else None) or boards.FLASH_SIZE)
    with common.session(args, report) as session:
        outcome = flasher.write(session, parts, baud=common.baud(args, session.board), verify=not args.no_verify,
                                force=args.force, again=args.again)
    written = sum(len(p.data) for p in outcome.written)
    checked = "verified" if outcome.verified else "not verified"
    speed = f"{written / 1024 / max(outcome.seconds, 0.01):.0f} KiB/s" if written else "nothing to write"
    text = f"done in {outcome.seconds:.1f} s: {written} bytes written, {checked} ({speed}); the board starts it"
    common.show(args, outcome.as_json(), text)


def _verify(args: argparse.Namespace) -> None:
    parts = _parts(args)
    with common.session(args, common.reporter(args)) as session:
        outcome = flasher.verify(session, parts, baud=common.baud(args, session.board))
    same = "\n".join(f"{part.name}: the same, {len(part.data)} bytes at 0x{part.address:x}" for part in parts)
    common.show(args, outcome.as_json(), same)


def _read(args: argparse.Namespace) -> None:
    with common.session(args, common.reporter(args)) as session:
        data = flasher.read(session, args.addr, args.length, baud=common.baud(args, session.board))
    args.output.write_bytes(data)
    told = {"output": str(args.output), "address": args.addr, "length": len(data)}
    common.show(args, told, f"{args.output}: {len(data)} bytes from 0x{args.addr:x}")


def _erase(args: argparse.Namespace) -> None:
    start, length = _range(args)
    with common.session(args, common.reporter(args)) as session:
        outcome = flasher.erase(session, start, length, baud=common.baud(args, session.board),
                                verify=not args.no_verify)
    what = "the whole flash" if length is None else f"0x{start:x} to 0x{start + length:x}"
    common.show(args, outcome.as_json() | {"address": start, "length": length},
                f"erased {what} in {outcome.seconds:.1f} s")


def _range(args: argparse.Namespace) -> tuple[int, int | None]:
    if args.all:
        return 0, None
    if args.area:
        areas = args.board.areas if args.board else boards.default_areas()
        area = next((a for a in areas if a.name == args.area), None)
        if area is None:
            raise ToolError(Exit.USAGE, f"{args.board.id} has no area {args.area} in its board.json")
        return area.start, area.length
    if args.length is None:
        raise ToolError(Exit.USAGE, "--addr needs --length")
    return args.addr, args.length
