"""Command line of kpupy: parses arguments and prints what the library functions return."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kpupy import image


def _image_wrap(args: argparse.Namespace) -> None:
    size = image.wrap_file(args.input, args.output)
    print(f"{args.output}: boot image, {size} bytes")


def _image_unwrap(args: argparse.Namespace) -> None:
    size = image.unwrap_file(args.input, args.output)
    print(f"{args.output}: payload, {size} bytes")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kpupy", description="Host tools for K210 boards")
    nouns = parser.add_subparsers(required=True, metavar="NOUN")

    verbs = nouns.add_parser("image", help="bootable flash images").add_subparsers(required=True, metavar="VERB")
    for name, action, text in (
        ("wrap", _image_wrap, "payload to boot image: flag, length, payload, SHA-256"),
        ("unwrap", _image_unwrap, "boot image to payload, hash checked"),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("input", type=Path)
        verb.add_argument("output", type=Path)
        verb.set_defaults(action=action)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (1: bad data or file, 2: bad arguments)."""
    args = _parser().parse_args(argv)
    try:
        args.action(args)
    except (ValueError, OSError) as error:
        print(f"kpupy: {error}", file=sys.stderr)
        return 1
    return 0
