"""Command line of kpupy: finds the verb, runs it, and turns failures into messages and exit statuses.

A verb's module is imported for its arguments only; what it needs beyond Python it imports when it runs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from kpupy.errors import Exit, ToolError
from kpupy.esp import command as esp
from kpupy.verbs import flash, fs, offline, python

VERBS = (flash, python, fs, offline, esp)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="kpupy", description="Host tools for K210 boards: flash, REPL, files, models, an emulated board",
        epilog="Exit status: 0 done, 1 bad file, 2 bad arguments, 3 port, 4 no answer, 5 transfer broke off, 6 flash "
               "differs, 7 refused, 8 the script failed, 130 interrupted.")
    nouns = top.add_subparsers(required=True, metavar="VERB")
    for verb in VERBS:
        verb.register(nouns)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (kpupy.errors.Exit)."""
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    try:
        if words[:1] == ["emu"]:
            return offline.emulate(words[1:])
        if words[:1] and words[0] in flash.JOINS:
            words = flash.join_addresses(words)
        args = parser().parse_args(words)
        return int(args.action(args) or 0)
    except ToolError as error:
        return _fail(error, as_json)
    except (ValueError, OSError) as error:
        return _fail(ToolError(Exit.DATA, str(error)), as_json)
    except KeyboardInterrupt:
        state = "the port is free; what was asked last may not have been finished"
        return _fail(ToolError(Exit.INTERRUPTED, "interrupted", [], state), as_json)


def _fail(error: ToolError, as_json: bool) -> int:
    if as_json:
        print(json.dumps(error.as_json()))
    first, *rest = error.lines()
    print("\n".join([f"kpupy: {first}", *rest]), file=sys.stderr)
    return int(error.code)
