"""image, kfpkg, model, ls-boards, emu, completion: verbs that need no board."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpupy import boards, image
from kpupy.errors import Exit, ToolError
from kpupy.verbs import common

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def register(nouns: common.Nouns) -> None:
    _register_image(nouns)
    _register_kfpkg(nouns)
    _register_model(nouns)
    verb = common.add_verb(nouns, "ls-boards", "boards at the serial ports, or all known ones", """
        kpupy ls-boards
        kpupy ls-boards --known""")
    verb.add_argument("--known", action="store_true", help="every board with its names and settings")
    common.add_json(verb)
    verb.set_defaults(action=_ls_boards)

    verb = common.add_verb(nouns, "emu", "an emulated board; the options are those of python -m k210emu", """
        kpupy emu --firmware firmware.img --console
        kpupy emu --serve --flash board.flash""")
    verb.add_argument("options", nargs="*", help="kpupy emu --help shows them")

    verb = common.add_verb(nouns, "completion", "print a completion script for your shell", """
        kpupy completion bash > ~/.local/share/bash-completion/completions/kpupy
        kpupy completion zsh > ~/.zfunc/_kpupy""")
    verb.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    verb.set_defaults(action=_completion)


# ---- image


def _register_image(nouns: common.Nouns) -> None:
    verbs = nouns.add_parser("image", help="bootable flash images").add_subparsers(required=True, metavar="VERB")
    for name, action, text, files in (
        ("wrap", _image_wrap, "payload to boot image: flag, length, payload, SHA-256", "firmware.bin firmware.img"),
        ("unwrap", _image_unwrap, "boot image to payload, hash checked", "firmware.img firmware.bin"),
    ):
        verb = common.add_verb(verbs, name, text, f"kpupy image {name} {files}")
        verb.add_argument("input", type=Path)
        verb.add_argument("output", type=Path)
        verb.set_defaults(action=action)


def _image_wrap(args: argparse.Namespace) -> None:
    size = image.wrap_file(args.input, args.output)
    print(f"{args.output}: boot image, {size} bytes")


def _image_unwrap(args: argparse.Namespace) -> None:
    size = image.unwrap_file(args.input, args.output)
    print(f"{args.output}: payload, {size} bytes")


# ---- kfpkg


def _register_kfpkg(nouns: common.Nouns) -> None:
    verbs = nouns.add_parser("kfpkg", help="flash packages").add_subparsers(required=True, metavar="VERB")
    verb = common.add_verb(verbs, "create", "make a package", """
        kpupy kfpkg create all.kfpkg firmware.bin@0 face.kmodel@0x300000""")
    verb.add_argument("output", type=Path)
    verb.add_argument("files", nargs="+", metavar="FILE@ADDR", help="a program at 0 needs no header")
    common.add_json(verb)
    verb.set_defaults(action=_kfpkg_create)

    verb = common.add_verb(verbs, "list", "show what is in a package", "kpupy kfpkg list all.kfpkg")
    verb.add_argument("file", type=Path)
    common.add_json(verb)
    verb.set_defaults(action=_kfpkg_list)

    verb = common.add_verb(verbs, "extract", "unpack a package", "kpupy kfpkg extract all.kfpkg out/")
    verb.add_argument("file", type=Path)
    verb.add_argument("directory", type=Path, nargs="?", default=Path())
    common.add_json(verb)
    verb.set_defaults(action=_kfpkg_extract)


def _kfpkg_create(args: argparse.Namespace) -> None:
    from kpupy import kfpkg, plan

    if args.output.suffix != ".kfpkg":
        raise ToolError(Exit.USAGE, f"{args.output}: kflash knows a package by the extension .kfpkg only")
    parts = []
    for text in args.files:
        path, address = plan.split_spec(text)
        parts += plan.load(path, address, boards.default_areas())
    plan.check(parts, boards.default_areas(), boards.FLASH_SIZE)
    members = []
    for part in parts:
        program = part.kind == "firmware" and part.address == 0
        data = image.unwrap(part.data) if program else part.data
        members.append(kfpkg.Member(part.name.rpartition(":")[2], part.address, program, False, data))
    kfpkg.write(args.output, members)
    _show_members(args, members)


def _kfpkg_list(args: argparse.Namespace) -> None:
    from kpupy import kfpkg

    _show_members(args, kfpkg.read(args.file))


def _show_members(args: argparse.Namespace, members: Any) -> None:
    from kpupy.kmodel import parse

    rows = [
        {"name": m.name, "address": m.address, "length": len(m.data), "sha256_prefix": m.sha256_prefix,
         "kind": "firmware" if m.sha256_prefix else parse.identify(m.data).kind.value}
        for m in members
    ]
    text = "\n".join(f"0x{r['address']:06x} {r['length']:>9} {r['name']} ({r['kind']})" for r in rows)
    common.show(args, rows, text)


def _kfpkg_extract(args: argparse.Namespace) -> None:
    from kpupy import kfpkg

    members = kfpkg.read(args.file)
    for member in members:
        if Path(member.name).name != member.name:
            raise ToolError(Exit.REFUSED, f"{member.name!r} in the package would be written outside {args.directory}")
    args.directory.mkdir(parents=True, exist_ok=True)
    for member in members:
        (args.directory / member.name).write_bytes(member.data)
    _show_members(args, members)


# ---- model


def _register_model(nouns: common.Nouns) -> None:
    verbs = nouns.add_parser("model", help="kmodel files").add_subparsers(required=True, metavar="VERB")
    info = common.add_verb(verbs, "info", "check a model and show its layers, shapes and memory",
                           "kpupy model info face.kmodel")
    info.add_argument("file", type=Path, help=".kmodel, or .kfpkg with one model")
    common.add_json(info)
    info.set_defaults(action=_model_info)

    check = common.add_verb(verbs, "check", "say whether a model is one and fits", """
        kpupy model check face.kmodel --addr 0x300000
        kpupy model check face.kmodel --memory 4M --json""")
    check.add_argument("file", type=Path, help=".kmodel, or .kfpkg with one model")
    check.add_argument("-a", "--addr", type=common.number, help="flash offset it is to have")
    check.add_argument("-B", "--board", type=boards.find, metavar="NAME", help="for its flash layout")
    check.add_argument("-m", "--memory", type=common.number, help="free bytes (default: the firmware's after boot)")
    common.add_json(check)
    check.set_defaults(action=_model_check)

    run = common.add_verb(verbs, "run-reference", "run a model in exact integers on this computer", """
        kpupy model run-reference digits.kmodel five.png
        kpupy model run-reference digits.kmodel --lcg --save out/""")
    run.add_argument("file", type=Path, help=".kmodel, or .kfpkg with one model")
    source = run.add_mutually_exclusive_group(required=True)
    source.add_argument("image", type=Path, nargs="?", help="picture of the model's input size")
    source.add_argument("--lcg", action="store_true", help="reproducible noise instead of a picture")
    run.add_argument("--rgb565", action="store_true", help="colours as after a 16-bit image on the board")
    run.add_argument("--profile", choices=("A", "B"), default="B", help="rounding of the KPU (default: %(default)s)")
    run.add_argument("--top", type=int, default=5, help="how many of the largest values to print")
    run.add_argument("--save", type=Path, metavar="DIR", help="write outputs and every KPU layer's bytes there")
    run.set_defaults(action=_model_run)


def _model_info(args: argparse.Namespace) -> None:
    from kpupy import models
    from kpupy.kmodel import parse

    data = models.read(args.file)
    told = models.summarise(data)
    if told["version"] != 3:
        common.show(args, told, "\n".join(_later_lines(args.file.name, told)))
        return
    model = parse.parse(data)
    mmac = told["macs"] / 1e6
    lines = [f"{args.file.name}: kmodel V{told['version']}, {told['weight_bits']}-bit weights, {mmac:.1f} MMAC",
             f"  memory: {told['main_memory']} bytes main, {told['kpu_memory']} bytes KPU",
             f"  input:  {told['input']['type']} {model.input.shape}"]
    for index, out in enumerate(model.outputs):
        lines.append(f"  output {index}: f32 {model.output_shape(index)}, {out.size} bytes at {out.address}")
    lines += [f"  {index:3d} {layer.NAME:22s} {models.summary(layer)}" for index, layer in enumerate(model.layers)]
    lines += [f"  warning: {warning}" for warning in model.warnings]
    common.show(args, told, "\n".join(lines))


def _later_lines(name: str, told: dict[str, Any]) -> list[str]:
    """About a kmodel V4 or V5."""
    lines = [f"{name}: kmodel V{told['version']}, {told['length']} bytes, {told['macs'] / 1e6:.1f} MMAC on the KPU",
             f"  memory: {told['main_memory']} bytes main, {told['kpu_memory']} bytes KPU, "
             f"{told['constants']} bytes of constants"]
    for side in ("input", "output"):
        for index, tensor in enumerate(told[side + "s"]):
            shape = "x".join(map(str, tensor["shape"])) or "scalar"
            place = f" at {tensor['address']} of {tensor.get('memory', 'main memory')}" if "address" in tensor else ""
            lines.append(f"  {side} {index}: {tensor['type']} {shape}, {tensor['size']} bytes{place}")
    if told["version"] == 4:
        lines += _node_lines(told["layers"])
    else:
        lines += _module_lines(told)
    return lines + [f"  warning: {warning}" for warning in told["warnings"]]


def _node_lines(nodes: list[dict[str, Any]], indent: str = "  ") -> list[str]:
    from kpupy import models

    return [f"{indent}{index:3d} {node['name']:18s} {models.summary_of_node(node)}".rstrip()
            for index, node in enumerate(nodes)]


def _module_lines(told: dict[str, Any]) -> list[str]:
    lines = [f"  code: nncase {' or '.join(told['dialects'])}"]
    for index, module in enumerate(told["modules"]):
        pools = ", ".join(f"{name} {size}" for name, size in module["pools"].items()) or "none"
        lines.append(f"  module {index}: {module['type']}, {module['size']} bytes, memory: {pools}")
        for number, function in enumerate(module["functions"]):
            work = function.get("records", function.get("steps", []))
            lines.append(f"    function {number}: {len(function['inputs'])} in, {len(function['outputs'])} out, "
                         f"{len(work)} {'steps' if module['type'] == 'stackvm' else 'records'}")
            lines += _node_lines(work, "      ")
    return lines


def _model_check(args: argparse.Namespace) -> int:
    from kpupy import models

    data = models.read(args.file)
    told = models.summarise(data)
    areas = args.board.areas if args.board else boards.default_areas()
    area = next((a for a in areas if a.name == "models"), None)
    size = (args.board.flash_size if args.board else None) or boards.FLASH_SIZE
    needs = models.check(told, len(data), args.addr, area, size, args.memory or models.HEAP)
    result = {"file": str(args.file), "version": told["version"],
              "fits": all(n.fits for n in needs),
              "needs": [{"what": n.what, "needs": n.needs, "has": n.has, "fits": n.fits} for n in needs]}
    lines = [f"{args.file.name}: kmodel V{told['version']}, {len(data)} bytes"]
    lines += [f"  {'fits' if n.fits else 'DOES NOT FIT'}: {n.what}: {n.needs} of {n.has} bytes" for n in needs]
    common.show(args, result, "\n".join(lines))
    return Exit.OK if result["fits"] else Exit.REFUSED


def _model_run(args: argparse.Namespace) -> None:
    from kpupy import models, picture
    from kpupy.kmodel import parse, reference

    model = parse.parse(models.read(args.file))
    shape = model.input.shape
    data: npt.NDArray[np.uint8] | npt.NDArray[np.float32]
    if args.image is None:
        data = reference.lcg_input(model.input)
    elif model.input.is_float:
        raise ValueError("the model's input is f32: only --lcg can feed it, a picture is u8")
    else:
        data = picture.load(args.image, *shape)
        if args.rgb565 and shape.channels == 3:
            data = picture.through_rgb565(data)
    result = reference.run(model, data, args.profile)
    for index, values in enumerate(result.outputs):
        best = values.argsort()[::-1][: args.top]
        print(f"output {index}: f32 {model.output_shape(index)}, range {values.min():.6g} … {values.max():.6g}")
        for position in best:
            print(f"  [{position}] {values[position]:.6g}")
    if args.save:
        print(f"{len(models.save_result(result, args.save))} files in {args.save}")


# ---- the rest


def _ls_boards(args: argparse.Namespace) -> None:
    if args.known:
        known = boards.load_all().values()
        rows = [{"id": b.id, "product": b.product, "vendor": b.vendor, "usb": b.usb_id, "k210_port": b.k210_port,
                 "kflash": b.kflash, "baud": b.baud, "aliases": list(b.aliases)} for b in known]
        lines = [f"{b.id:20}{b.usb_id or '?':11}{b.k210_port:8}{b.kflash or 'auto':11}{b.baud:>8}  "
                 f"{b.vendor} {b.product}" for b in known]
        common.show(args, rows, "\n".join([f"{'id':20}{'USB id':11}{'port':8}{'kflash -B':11}{'baud':>8}", *lines]))
        return
    from kpupy import ports

    found = ports.scan()
    text = "\n".join(f"{f.device}  {f.usb_id}  {_channel(f.channel, f.channels)}{', '.join(f.boards) or f.description}"
                     for f in found)
    common.show(args, [vars(f) for f in found], text or "no board found; kpupy ls-boards --known lists what is known")


def _channel(channel: int, channels: int) -> str:
    return "" if channels == 1 else f"port {channel + 1} of {channels}: "


def emulate(options: list[str]) -> int:
    """kpupy emu OPTIONS; the emulator parses them itself."""
    from k210emu.cli import main

    return int(main(options))


def _completion(args: argparse.Namespace) -> None:
    import shtab

    from kpupy.cli import parser

    sys.stdout.write(shtab.complete(parser(), args.shell))
