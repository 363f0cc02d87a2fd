"""The main job, end to end, on the emulated board: a model at a flash offset classifies pictures.

Puts the firmware at flash offset 0 and the model at 0x300000, copies pictures to the board's file system over its
serial port with mpremote, runs the script of the MaixPy course for each of them, and shows what it printed.
"""

from __future__ import annotations

import argparse
import ast
import json
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

from k210emu import Machine
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
MODEL_OFFSET = 0x300000
PICTURE_IN_SCRIPT = "digit_7.bmp"

# Around the script: how long it took on the board, in microseconds of the board's own clock.
TIMED = "import time as _t\n_t0 = _t.ticks_us()\n{script}\nprint('us', _t.ticks_diff(_t.ticks_us(), _t0))\n"


def mpremote(port: str, *arguments: str) -> str:
    """Runs the stock mpremote on the board and returns what it printed; exits with its message on failure."""
    command = [sys.executable, "-m", "mpremote", "connect", port, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if result.returncode:
        sys.exit(f"mpremote {' '.join(arguments[:2])} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


def drawing(path: pathlib.Path, width: int = 28) -> list[str]:
    """The picture as text, two pixels in a character: for people who would rather look."""
    with Image.open(path) as source:
        picture = source.convert("L").resize((width, width))
    shades = " ░▒▓█"
    pixels = picture.load()
    assert pixels is not None
    rows = []
    for y in range(0, width, 2):
        pairs = ((int(pixels[x, y]), int(pixels[x, y + 1])) for x in range(width))  # type: ignore[arg-type, call-overload]
        rows.append("".join(shades[min(4, (a + b) * 5 // 511)] for a, b in pairs))
    return rows


def classify(port: str, script: str, picture: pathlib.Path) -> dict[str, Any]:
    """Runs `script` on the board for `picture` and returns its probabilities and its time in emulated ms."""
    text = TIMED.format(script=script.replace(PICTURE_IN_SCRIPT, picture.name))
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(text)
        file.flush()
        lines = mpremote(port, "run", file.name).split("\n")
    probabilities = ast.literal_eval(next(line for line in lines if line.startswith("(")).strip())
    microseconds = int(next(line for line in lines if line.startswith("us ")).split()[1])
    label = max(range(len(probabilities)), key=probabilities.__getitem__)
    return {"label": label, "probabilities": probabilities, "ms": microseconds / 1000}


def show(picture: pathlib.Path, result: dict[str, Any]) -> None:
    """Prints the picture and beside it the label, the probabilities as bars, and the times."""
    right = [
        f"{picture.name}: {result['label']}",
        f"script {result['ms']:.2f} ms, of which KPU {result['kpu_ms']:.3f} ms (emulated)",
    ]
    right += [f"{digit} {p:6.4f} {'█' * round(p * 30)}" for digit, p in enumerate(result["probabilities"])]
    left = drawing(picture)
    for row in range(max(len(left), len(right))):
        a = left[row] if row < len(left) else ""
        b = right[row] if row < len(right) else ""
        print(f"  {a:28s}   {b}".rstrip())
    print()


def kpu_busy_ms(machine: Machine) -> float:
    """How long the KPU has computed since power-on, in emulated ms."""
    devices = machine.state()["devices"]
    return 1000 * int(devices["kpu"]["busy_clocks"]) / int(devices["sysctl"]["clocks"]["ai"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--firmware", type=pathlib.Path, required=True, help="firmware image with its boot header")
    parser.add_argument("--board", default="maix_bit", help="board to emulate (default: %(default)s)")
    parser.add_argument("--model", type=pathlib.Path, default=HERE / "digits.kmodel", help="model put at 0x300000")
    parser.add_argument("--count", type=int, default=10, help="number of pictures (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON only")
    arguments = parser.parse_args()

    sys.path.insert(0, str(HERE))
    from make_pictures import write_pictures

    script = (HERE / "classify.py").read_text()
    say = (lambda *_: None) if arguments.json else print
    with tempfile.TemporaryDirectory() as directory, Machine(board=arguments.board) as machine:
        pictures = write_pictures(pathlib.Path(directory), arguments.count)
        machine.write_flash(0, arguments.firmware.read_bytes())
        machine.write_flash(MODEL_OFFSET, arguments.model.read_bytes())
        machine.boot()
        machine.serve(port="pty")
        say(f"\nThe board ({arguments.board}) boots from its flash; serial port {machine.port}")
        size = arguments.model.stat().st_size
        say(f"Model {arguments.model.name} ({size} bytes) is at flash offset 0x{MODEL_OFFSET:x}")
        mpremote(machine.port, "fs", "cp", *(str(picture) for picture in pictures), ":/flash/")
        say(f"Copied {len(pictures)} pictures to /flash with mpremote. The script, run for each picture:\n")
        say("".join(f"    {line}\n" for line in script.splitlines()))
        results = []
        for picture in pictures:
            before = kpu_busy_ms(machine)
            result = classify(machine.port, script, picture)
            result |= {"picture": picture.name, "kpu_ms": kpu_busy_ms(machine) - before}
            results.append(result)
            if not arguments.json:
                show(picture, result)
    if arguments.json:
        print(json.dumps(results, indent=2))
    right = sum(f"_{result['label']}." in result["picture"] for result in results)
    say(f"{right} of {len(results)} right.")
    return 0 if right >= len(results) * 0.9 else 1


if __name__ == "__main__":
    sys.exit(main())
