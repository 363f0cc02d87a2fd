"""repl, monitor, run, fs, info: the board's running firmware."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from kpupy import boards
from kpupy.errors import Exit, ToolError
from kpupy.verbs import common


def register(nouns: common.Nouns) -> None:
    verb = common.add_verb(nouns, "repl", "a terminal on the board; Ctrl-] leaves", """
        kpupy repl
        kpupy repl --port rfc2217://localhost:2217""")
    common.add_port(verb)
    verb.set_defaults(action=_repl)

    verb = common.add_verb(nouns, "monitor", "show what the board says, without sending anything; Ctrl-C leaves", """
        kpupy monitor --timestamps
        kpupy monitor --reset --seconds 10""")
    common.add_port(verb)
    verb.add_argument("-t", "--timestamps", action="store_true", help="the time before each line")
    verb.add_argument("--reset", action="store_true", help="reset the board first")
    verb.add_argument("--seconds", type=float, help="end after this time")
    verb.set_defaults(action=_monitor)

    verb = common.add_verb(nouns, "run", "run a script of this computer on the board", """
        kpupy run hello.py
        kpupy run server.py --no-follow""")
    verb.add_argument("script", type=Path, help="a file, - for standard input")
    verb.add_argument("--follow", action=argparse.BooleanOptionalAction, default=True,
                      help="show its output until it ends (default); without: start it and leave it running")
    verb.add_argument("--no-reset", action="store_true", help="keep the interpreter's state instead of a fresh one")
    common.add_port(verb)
    verb.set_defaults(action=_run)

    verb = common.add_verb(nouns, "info", "board, firmware, flash, memory, file systems, models", """
        kpupy info
        kpupy info --json --no-reset""")
    verb.add_argument("--no-reset", action="store_true", help="ask only the running firmware, not the flash itself")
    common.add_session(verb)
    verb.set_defaults(action=_info)


def _repl(args: argparse.Namespace) -> None:
    from kpupy import ports
    from kpupy.repl import BAUD
    from kpupy.terminal import Terminal, keyboard

    name = ports.choose(args.port or ports.AUTO, args.board)
    terminal = Terminal(name, args.baud or BAUD, common.show_raw, _note_raw)
    with keyboard() as keys:
        # Said once the terminal is raw: a Ctrl-C typed from now on goes to the board.
        print(f"{name}: Ctrl-] leaves, Ctrl-C interrupts, Ctrl-D resets; pasted lines keep their indentation",
              end="\r\n", file=sys.stderr, flush=True)
        terminal.run(keys)
    print("", file=sys.stderr)


def _note_raw(text: str) -> None:
    print(f"\r\n[{text}]\r", file=sys.stderr, flush=True)


def _monitor(args: argparse.Namespace) -> None:
    from kpupy import ports
    from kpupy.repl import BAUD
    from kpupy.terminal import Terminal

    name = ports.choose(args.port or ports.AUTO, args.board)
    if args.reset:
        _reset(name, args)
    show = _Stamped() if args.timestamps else common.show_raw
    try:
        Terminal(name, args.baud or BAUD, show, _note_raw).run(seconds=args.seconds)
    except KeyboardInterrupt:
        print("\nleft; the board goes on", file=sys.stderr)


def _reset(name: str, args: argparse.Namespace) -> None:
    from kpupy import lines, ports
    from kpupy.boards import Wiring

    port = ports.open_port(name)
    try:
        wirings = [args.board.wiring] if args.board and args.board.wiring else [Wiring.RTS_RESET, Wiring.DTR_RESET]
        for wiring in wirings:
            lines.play(port, lines.BOOT[wiring])
    finally:
        port.close()


class _Stamped:
    """Output with the time at the start of each line."""

    def __init__(self) -> None:
        self._fresh = True

    def __call__(self, data: bytes) -> None:
        for line in data.splitlines(keepends=True):
            stamp = f"{time.strftime('%H:%M:%S')}.{int(time.time() * 1000) % 1000:03d} " if self._fresh else ""
            self._fresh = line.endswith(b"\n")
            common.show_raw(stamp.encode() + line)


def _run(args: argparse.Namespace) -> None:
    from kpupy.repl import BoardException

    if str(args.script) == "-":
        code = sys.stdin.read()
    else:
        try:
            code = args.script.read_text()
        except OSError as error:
            raise ToolError(Exit.DATA, f"{args.script}: {error.strerror}") from error
    with common.repl(args) as board:
        if not args.no_reset:
            board.soft_reset()
        if not args.follow:
            board.start(code)
            board.detach()
            print("started; the board runs on by itself", file=sys.stderr)
            return
        try:
            board.exec(code, timeout=None, consumer=None if args.json else common.show_raw)
        except BoardException as error:
            print(error.traceback, file=sys.stderr, end="")
            raise


def _info(args: argparse.Namespace) -> None:
    from kpupy import info

    area = next((a for a in (args.board.areas if args.board else boards.default_areas()) if a.name == "models"), None)
    told: dict[str, Any] = {"board": args.board.id if args.board else None, "firmware": None, "flash": None}
    failure: ToolError | None = None
    if not args.manual_boot:
        try:
            with common.repl(args) as board:
                told["port"] = board.name
                told["firmware"] = info.ask(board, area)
        except ToolError as error:
            if error.code is not Exit.NO_ANSWER or args.no_reset:
                raise
            failure = error
    if not args.no_reset:
        told |= _ask_flash(args, told["firmware"] is None, failure)
    common.show(args, told, "\n".join(_describe(told)))


def _ask_flash(args: argparse.Namespace, with_models: bool, failure: ToolError | None) -> dict[str, Any]:
    from kpupy import info

    report = common.reporter(args)
    if failure:
        report.note("no MicroPython prompt; asking the flash itself")
    try:
        with common.session(args, report) as session:
            area = session.board.area("models") if session.board else boards.find("maix_bit").area("models")
            reader = session.reader(common.baud(args, session.board))
            wiring = session.wiring.value if session.wiring else None
            return {"port": session.name, "wiring": wiring,
                    "flash": info.read_flash(reader, area if with_models else None)}
    except ToolError as error:
        if failure:
            raise
        report.warn(f"the flash itself was not asked: {error}")
        return {}


def _describe(told: dict[str, Any]) -> list[str]:
    lines = [f"port          {told.get('port')}" + (f", wired like {told['wiring']}" if told.get("wiring") else "")]
    if told["board"]:
        lines.append(f"board         {told['board']}")
    firmware, flash = told["firmware"], told["flash"]
    if firmware:
        lines += _describe_firmware(firmware)
    else:
        lines.append("firmware      no MicroPython prompt")
    if flash:
        lines += _describe_flash(flash)
    models = (firmware or {}).get("models") if firmware else (flash or {}).get("models")
    for model in models or []:
        note = f" ({model['note']})" if model["note"] else ""
        lines.append(f"model         0x{model['address']:x}: {model['format']}{note}")
    if models is not None and not models:
        lines.append("model         none in flash")
    return lines


def _describe_flash(flash: dict[str, Any]) -> list[str]:
    boot = flash["boot_image"]
    state = f"{boot['length']} bytes, {'valid' if boot['valid'] else boot['note']}" if boot["length"] else boot["note"]
    return [f"flash         JEDEC id {flash['jedec']}, {flash['size'] >> 20} MiB, unique id {flash['unique_id']}",
            f"boot image    {state}"]


def _describe_firmware(firmware: dict[str, Any]) -> list[str]:
    system = firmware["system"]
    lines = [f"firmware      {' '.join(system[i] for i in (0, 3, 4))}" if system else "firmware      unknown"]
    if firmware["cpu_hz"]:
        lines.append(f"CPU           {firmware['cpu_hz'] / 1e6:.0f} MHz")
    if firmware["heap"]:
        lines.append(f"memory        {firmware['heap'][0]} bytes free, largest block {firmware['heap'][1]}")
    if firmware["unique_id"]:
        lines.append(f"chip id       {firmware['unique_id']}")
    for name, room in (firmware["mounts"] or {}).items():
        lines.append(f"file system   {name}: {room['free']} of {room['total']} bytes free")
    return lines
