"""Command line of kpupy: parses arguments and prints what the library functions return.

numpy is imported only by the verbs that compute, so that wrapping a firmware needs nothing but Python.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kpupy import image

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def _image_wrap(args: argparse.Namespace) -> None:
    size = image.wrap_file(args.input, args.output)
    print(f"{args.output}: boot image, {size} bytes")


def _image_unwrap(args: argparse.Namespace) -> None:
    size = image.unwrap_file(args.input, args.output)
    print(f"{args.output}: payload, {size} bytes")


def _model_info(args: argparse.Namespace) -> None:
    from kpupy import models
    from kpupy.kmodel import parse

    model = parse.parse(models.read(args.file))
    told = models.describe(model)
    if args.json:
        print(json.dumps(told, indent=2))
        return
    shape = model.input.shape
    mmac = told["macs"] / 1e6
    print(f"{args.file.name}: kmodel V{told['version']}, {told['weight_bits']}-bit weights, {mmac:.1f} MMAC")
    print(f"  memory: {told['main_memory']} bytes main, {told['kpu_memory']} bytes KPU")
    print(f"  input:  {told['input']['type']} {shape}")
    for index, out in enumerate(model.outputs):
        print(f"  output {index}: f32 {model.output_shape(index)}, {out.size} bytes at {out.address}")
    for index, layer in enumerate(model.layers):
        print(f"  {index:3d} {layer.NAME:22s} {models.summary(layer)}")
    for warning in model.warnings:
        print(f"  warning: {warning}")


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


def _add_image(nouns: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verbs = nouns.add_parser("image", help="bootable flash images").add_subparsers(required=True, metavar="VERB")
    for name, action, text in (
        ("wrap", _image_wrap, "payload to boot image: flag, length, payload, SHA-256"),
        ("unwrap", _image_unwrap, "boot image to payload, hash checked"),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("input", type=Path)
        verb.add_argument("output", type=Path)
        verb.set_defaults(action=action)


def _add_model(nouns: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verbs = nouns.add_parser("model", help="kmodel files").add_subparsers(required=True, metavar="VERB")
    info = verbs.add_parser("info", help="check a model and show its layers, shapes and memory")
    info.add_argument("file", type=Path, help=".kmodel, or .kfpkg with one model")
    info.add_argument("--json", action="store_true", help="everything, as JSON")
    info.set_defaults(action=_model_info)

    run = verbs.add_parser("run-reference", help="run a model in exact integers on this computer")
    run.add_argument("file", type=Path, help=".kmodel, or .kfpkg with one model")
    source = run.add_mutually_exclusive_group(required=True)
    source.add_argument("image", type=Path, nargs="?", help="picture of the model's input size")
    source.add_argument("--lcg", action="store_true", help="reproducible noise instead of a picture")
    run.add_argument("--rgb565", action="store_true", help="colours as after a 16-bit image on the board")
    run.add_argument("--profile", choices=("A", "B"), default="B", help="rounding of the KPU (default: %(default)s)")
    run.add_argument("--top", type=int, default=5, help="how many of the largest values to print")
    run.add_argument("--save", type=Path, metavar="DIR", help="write outputs and every KPU layer's bytes there")
    run.set_defaults(action=_model_run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kpupy", description="Host tools for K210 boards")
    nouns = parser.add_subparsers(required=True, metavar="NOUN")
    _add_image(nouns)
    _add_model(nouns)
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
