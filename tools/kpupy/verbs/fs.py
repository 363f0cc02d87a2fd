"""fs: files on the board. A path on the board begins with ':'."""

from __future__ import annotations

import argparse
from pathlib import Path

from kpupy import boards
from kpupy.errors import Exit, ToolError
from kpupy.files import BoardFiles
from kpupy.verbs import common


def register(nouns: common.Nouns) -> None:
    verbs = nouns.add_parser("fs", help="files on the board: cp, ls, rm, mkdir, df, tree, sync").add_subparsers(
        required=True, metavar="VERB")
    verb = common.add_verb(verbs, "ls", "list a directory of the board", "kpupy fs ls\nkpupy fs ls /sd")
    _add_path(verb, "directory (default: the current one, /flash)")
    verb.set_defaults(action=_ls)

    verb = common.add_verb(verbs, "tree", "list everything below a directory", "kpupy fs tree /flash")
    _add_path(verb, "directory (default: the current one, /flash)")
    verb.set_defaults(action=_tree)

    verb = common.add_verb(verbs, "df", "free space of every mounted file system", "kpupy fs df")
    common.add_port(verb)
    verb.set_defaults(action=_df)

    verb = common.add_verb(verbs, "cp", "copy files and folders to or from the board", """
        kpupy fs cp main.py :
        kpupy fs cp lib/ config.json :/flash/
        kpupy fs cp :/flash/log.txt .""")
    verb.add_argument("paths", nargs="+", metavar="PATH", help="sources, then the target; ':' begins one on the board")
    common.add_port(verb)
    verb.set_defaults(action=_cp)

    verb = common.add_verb(verbs, "rm", "remove files, with -r folders", "kpupy fs rm old.py\nkpupy fs rm -r lib")
    verb.add_argument("paths", nargs="+", metavar="PATH")
    verb.add_argument("-r", "--recursive", action="store_true")
    common.add_port(verb)
    verb.set_defaults(action=_rm)

    verb = common.add_verb(verbs, "mkdir", "make a directory and its parents", "kpupy fs mkdir lib/drivers")
    verb.add_argument("path")
    common.add_port(verb)
    verb.set_defaults(action=_mkdir)

    verb = common.add_verb(verbs, "sync", "make a folder of the board like one here; sends only what differs", """
        kpupy fs sync project/ /flash
        kpupy fs sync project/ /flash --delete""")
    verb.add_argument("source", type=Path)
    verb.add_argument("target", nargs="?", default="/flash", help="on the board (default: %(default)s)")
    verb.add_argument("--delete", action="store_true", help="remove what is only on the board")
    common.add_port(verb)
    verb.set_defaults(action=_sync)


    verb = common.add_verb(verbs, "image", "make a littlefs image of a folder", "kpupy fs image project/ fs.img")
    verb.add_argument("source", type=Path)
    verb.add_argument("output", type=Path)
    verb.add_argument("-B", "--board", type=boards.find, metavar="NAME", help="for its flash layout")
    common.add_json(verb)
    verb.set_defaults(action=_image)

    verb = common.add_verb(verbs, "flash", "replace the board's file system by a folder, through the boot ROM", """
        kpupy fs flash project/""")
    verb.add_argument("source", type=Path)
    common.add_session(verb)
    verb.set_defaults(action=_flash)


def _add_path(verb: argparse.ArgumentParser, text: str) -> None:
    verb.add_argument("path", nargs="?", default="", help=text)
    common.add_port(verb)


def _plain(path: str) -> str:
    """With or without the ':'."""
    return path.removeprefix(":")


def _ls(args: argparse.Namespace) -> None:
    with common.repl(args) as board:
        entries = BoardFiles(board).listing(_plain(args.path))
    text = "\n".join(f"{'' if e.is_dir else e.size:>10} {e.name}{'/' if e.is_dir else ''}" for e in entries)
    common.show(args, [e.as_json() for e in entries], text or "(empty)")


def _tree(args: argparse.Namespace) -> None:
    with common.repl(args) as board:
        found = list(BoardFiles(board).walk(_plain(args.path)))
    lines = [f"{'  ' * depth}{e.name}{'/' if e.is_dir else f' ({e.size})'}" for depth, e in found]
    common.show(args, [e.as_json() for _, e in found], "\n".join(lines) or "(empty)")


def _df(args: argparse.Namespace) -> None:
    with common.repl(args) as board:
        mounts = BoardFiles(board).mounts()
    rows = [f"{'mounted on':14}{'size':>12}{'used':>12}{'free':>12}"]
    rows += [f"{name:14}{total:>12}{total - free:>12}{free:>12}" for name, (total, free) in mounts.items()]
    common.show(args, {name: {"total": total, "free": free} for name, (total, free) in mounts.items()}, "\n".join(rows))


def _cp(args: argparse.Namespace) -> None:
    *sources, target = args.paths
    if not sources:
        raise ToolError(Exit.USAGE, "cp needs a source and a target")
    to_board = target.startswith(":")
    if any(source.startswith(":") is to_board for source in sources):
        raise ToolError(Exit.USAGE, "one side of cp must be the board: its path begins with ':'",
                        ["to the board: kpupy fs cp main.py :", "from it: kpupy fs cp :main.py ."])
    report = common.reporter(args)
    copied: list[str] = []
    with common.repl(args) as board:
        files = BoardFiles(board, report.progress)
        for source in sources:
            if to_board:
                copied += files.put(Path(source), _into(_plain(target), len(sources)))
            else:
                copied += map(str, files.get(_plain(source), Path(target)))
    report.close()
    common.show(args, {"copied": copied}, "\n".join(copied))


def _into(target: str, count: int) -> str:
    """Several sources go into a directory."""
    return target if count == 1 or target == "" or target.endswith("/") else target + "/"


def _rm(args: argparse.Namespace) -> None:
    with common.repl(args) as board:
        files = BoardFiles(board)
        removed = sum(files.remove(_plain(path), args.recursive) for path in args.paths)
    common.show(args, {"removed": removed}, f"{removed} removed")


def _mkdir(args: argparse.Namespace) -> None:
    with common.repl(args) as board:
        BoardFiles(board).make_dirs(_plain(args.path))
    common.show(args, {"made": _plain(args.path)}, f"{_plain(args.path)} is there")


def _sync(args: argparse.Namespace) -> None:
    report = common.reporter(args)
    with common.repl(args) as board:
        result = BoardFiles(board, report.progress).sync(args.source, _plain(args.target), args.delete)
    report.close()
    common.show(args, result, ", ".join(f"{len(paths)} {what}" for what, paths in result.items()))


def _area(args: argparse.Namespace) -> boards.Area:
    areas = args.board.areas if args.board else boards.default_areas()
    area = next((a for a in areas if a.name == "filesystem"), None)
    if area is None:
        raise ToolError(Exit.USAGE, f"{args.board.id} has no file system area in its board.json")
    return area


def _image(args: argparse.Namespace) -> None:
    from kpupy import fsimage

    area = _area(args)
    data = fsimage.build(args.source, area.length)
    args.output.write_bytes(data)
    told = {"output": str(args.output), "address": area.start, "length": len(data)}
    common.show(args, told, f"{args.output}: {len(data)} bytes; kpupy flash {args.output}@0x{area.start:x}")


def _flash(args: argparse.Namespace) -> None:
    from kpupy import flasher, fsimage

    area = _area(args)
    parts = fsimage.parts(fsimage.build(args.source, area.length), area.start)
    with common.session(args, common.reporter(args)) as session:
        outcome = flasher.write(session, parts, baud=common.baud(args, session.board), verify=not args.manual_boot)
    common.show(args, outcome.as_json(), f"{args.source} is the board's /flash now, {outcome.seconds:.1f} s")
