"""What the verbs share: options for a port and a board, and where results go."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from kpupy import boards
from kpupy.boards import Board
from kpupy.progress import JsonLines, Reporter, Terminal

if TYPE_CHECKING:
    from kpupy.repl import Repl
    from kpupy.session import Session

Nouns = Any  # argparse's private type of what add_subparsers() returns
PORT_HELP = "serial port or pyserial URL (default: $KPUPY_PORT, else the first board by its USB id)"


def add_verb(nouns: Nouns, name: str, text: str, examples: str) -> argparse.ArgumentParser:
    """A verb whose --help ends with examples."""
    verb: argparse.ArgumentParser = nouns.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", epilog="examples:\n" + _indent(examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return verb


def _indent(text: str) -> str:
    return "\n".join("  " + line.strip() for line in text.strip().splitlines())


def number(text: str) -> int:
    """Decimal or 0x; K and M are 1024 and 1024 * 1024."""
    scale = {"K": 1 << 10, "M": 1 << 20}.get(text[-1:].upper(), 1)
    try:
        return int(text if scale == 1 else text[:-1], 0) * scale
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number such as 4096, 0x300000 or 3M") from None


def add_port(verb: argparse.ArgumentParser, baud: int | None = None) -> None:
    verb.add_argument("-p", "--port", default=os.environ.get("KPUPY_PORT", "auto"), help=PORT_HELP)
    verb.add_argument("-B", "--board", default=os.environ.get("KPUPY_BOARD"), type=_board, metavar="NAME",
                      help="board id, alias or kflash name (default: $KPUPY_BOARD, else found by trying)")
    verb.add_argument("-b", "--baud", type=number, default=baud, help="speed of the serial port")
    add_json(verb)


def _board(name: str) -> Board | None:
    """Not named at all and named by nothing are the same: make passes empty variables."""
    return boards.find(name) if name else None


def add_json(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--json", action="store_true", help="the result as JSON on standard output, events on the other")


def add_session(verb: argparse.ArgumentParser) -> None:
    add_port(verb)
    verb.add_argument("--manual-boot", action="store_true",
                      help="you hold BOOT and press RESET; the port's lines are not moved")


def reporter(args: argparse.Namespace) -> Reporter:
    return JsonLines() if args.json else Terminal()


def session(args: argparse.Namespace, report: Reporter) -> Session:
    from kpupy.session import Session

    return Session(args.port or "auto", args.board, manual=args.manual_boot, reporter=report)


def baud(args: argparse.Namespace, board: Board | None) -> int:
    """The speed asked for, else the board's, else one that every bridge can do."""
    return int(args.baud or (board.baud if board else 0) or 1500000)


def repl(args: argparse.Namespace) -> Repl:
    from kpupy.repl import BAUD, Repl

    return Repl(args.port or "auto", args.board, baud=args.baud or BAUD)


def show(args: argparse.Namespace, result: Any, text: str) -> None:
    """The result for a script or for a person."""
    print(json.dumps(result, indent=2) if args.json else text)


def show_raw(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
