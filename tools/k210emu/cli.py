"""The emulator's command line."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

from .machine import BOARDS, EmulationError, Machine
from .serve import ConsoleLink, Link, Server, how_to_use, open_link
from .wiring import WIRINGS

HEADER = 5
DIGEST = 32
DONE, FAILED, USAGE = 0, 1, 2


def flash_image(data: bytes) -> bytes:
    """`data` with the boot ROM's header and SHA-256 (spec isp-flash.md 6.1), unless it has them."""
    length = int.from_bytes(data[1:HEADER], "little")
    end = HEADER + length
    if len(data) >= end + DIGEST and hashlib.sha256(data[:end]).digest() == data[end:end + DIGEST]:
        return data
    image = b"\0" + len(data).to_bytes(4, "little") + data
    return image + hashlib.sha256(image).digest()


def _model(text: str) -> tuple[Path, int]:
    path, _, address = text.rpartition("@")
    try:
        return Path(path), int(address, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not FILE@ADDRESS, as in face.kmodel@0x300000") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m k210emu", description="Runs K210 firmware on an emulated board.",
        epilog="Without --console and --port the output is printed until --exit-on, --timeout, or nothing can happen "
               "any more. Exit status: 0 when it ended as asked, 1 when not, 2 for wrong arguments.")
    parser.add_argument("--board", choices=sorted(BOARDS), default="maix_bit")
    parser.add_argument("--flash", metavar="FILE", help="flash contents, kept (created erased); without: erased, lost")
    parser.add_argument("--firmware", metavar="FILE", type=Path,
                        help="program to put at flash offset 0: a raw payload, or with the boot ROM's header")
    parser.add_argument("--model", metavar="FILE@ADDR", type=_model, action="append", default=[],
                        help="file to put into flash at an offset; may be repeated")
    parser.add_argument("--console", action="store_true", help="serial port on this terminal; Ctrl-] leaves")
    parser.add_argument("--port", metavar="PORT",
                        help="serial port: pty, pty:LINK (a symbolic link to make), tcp:HOST:PORT or rfc2217:PORT")
    parser.add_argument("--serve", action="store_true",
                        help="port for programs that drive DTR and RTS, as kflash does: --port pty unless given; "
                             "prints how to use it")
    parser.add_argument("--wiring", choices=sorted(WIRINGS),
                        help="how DTR and RTS drive reset and IO16, as kflash -B; default: the board's")
    parser.add_argument("--flash-speed", metavar="N", type=int, default=1,
                        help="the flash programs and erases in 1/N of the time")
    parser.add_argument("--pace", action="store_true", help="no faster than the chip")
    parser.add_argument("--strict", action="store_true", help="fail at the first access that no model answers")
    parser.add_argument("--rounding", choices=["A", "B"], default="B", help="KPU rounding profile")
    parser.add_argument("--exit-on", metavar="TEXT", help="end when the firmware has sent this text")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, help="end after this much virtual time")
    parser.add_argument("--json", metavar="FILE", help="write the state of every device there at the end; - is stdout")
    return parser


def _fill_flash(machine: Machine, arguments: argparse.Namespace) -> None:
    if arguments.firmware:
        machine.write_flash(0, flash_image(arguments.firmware.read_bytes()))
    for path, address in arguments.model:
        machine.write_flash(address, path.read_bytes())


def _serve(machine: Machine, arguments: argparse.Namespace) -> int:
    link: Link = ConsoleLink() if arguments.console else open_link(arguments.port or "pty")
    if arguments.serve:
        print(how_to_use(link), flush=True)
    elif not arguments.console:
        print(f"serial port: {link.name}", file=sys.stderr, flush=True)
    server = Server(machine, link, arguments.pace)
    end = machine.now_ms + 1e3 * arguments.timeout if arguments.timeout else None
    try:
        while not server.error and not (isinstance(link, ConsoleLink) and link.left.is_set()):
            if arguments.exit_on and arguments.exit_on.encode() in machine.output:
                return DONE
            if end is not None and machine.now_ms >= end:
                return FAILED if arguments.exit_on else DONE
            time.sleep(0.02)
        if server.error:
            raise server.error
        return DONE
    except KeyboardInterrupt:
        return DONE
    finally:
        server.close()


def _batch(machine: Machine, arguments: argparse.Namespace) -> int:
    end = machine.now_ms + 1e3 * arguments.timeout if arguments.timeout else None
    while True:
        started = time.monotonic()
        stop = machine.run(ms=1.0 if arguments.pace else 10.0)
        sys.stdout.buffer.write(machine.read_new())
        sys.stdout.flush()
        if arguments.exit_on and arguments.exit_on.encode() in machine.output:
            return DONE
        if end is not None and machine.now_ms >= end:
            return FAILED if arguments.exit_on else DONE
        if stop.name == "POWER_CUT":
            print("the power was cut", file=sys.stderr)
            return FAILED
        if machine.stalled:
            print(f"nothing can happen any more: {machine.where()}", file=sys.stderr)
            return FAILED if arguments.exit_on else DONE
        if arguments.pace:
            time.sleep(max(0.0, 1e-3 - (time.monotonic() - started)))


def _finish(machine: Machine, arguments: argparse.Namespace) -> None:
    for report in machine.reports:
        print(f"k210emu: {report}", file=sys.stderr)
    if arguments.json:
        text = json.dumps(machine.state(), indent=2) + "\n"
        if arguments.json == "-":
            sys.stdout.write(text)
        else:
            Path(arguments.json).write_text(text)


def main(argv: list[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.console and (arguments.port or arguments.serve):
        parser.error("--console and --port are two places for one serial port: give one")
    try:
        with Machine(arguments.board, arguments.flash, arguments.strict, arguments.rounding,
                     wiring=arguments.wiring, flash_speed=arguments.flash_speed) as machine:
            _fill_flash(machine, arguments)
            print(f"boot ROM: {machine.boot()}", file=sys.stderr)
            try:
                run = _serve if arguments.console or arguments.port or arguments.serve else _batch
                return run(machine, arguments)
            finally:
                _finish(machine, arguments)
    except EmulationError as error:
        print(f"k210emu: {error}", file=sys.stderr)
        return FAILED
    except (OSError, ValueError) as error:
        print(f"k210emu: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return FAILED
