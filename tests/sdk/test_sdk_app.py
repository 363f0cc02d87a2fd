"""`make sdk-app`: programs with only SDK includes, built by one line, booted from flash on the emulated board."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DIGITS = ROOT / "examples" / "digits"
sys.path[:0] = [str(ROOT / "tools"), str(DIGITS)]

from k210emu import Machine  # noqa: E402
from kpupy.kmodel import parse, reference  # noqa: E402


def sdk_app(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "-s", "-C", str(ROOT), "sdk-app", f"APP={folder}"], capture_output=True, text=True,
                          timeout=300)


def test_program_of_four_languages() -> None:
    done = sdk_app(HERE / "app")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr, done.stderr
    made = ROOT / "build" / "sdk-app"
    assert {path.name for path in made.glob("app.*") if path.is_file()} >= {"app.elf", "app.bin", "app.img"}
    with Machine(strict=True) as m:
        m.write_flash(0, (made / "app.img").read_bytes())
        m.boot()
        m.run_while(lambda m: b"console" not in m.uart_output(3), timeout_ms=2000)
        text = m.uart_output(3).decode()
    assert text.splitlines()[:4] == ["area 64", "sum 42", "half 2.50 size 4", "file included text"]


def test_folders_of_the_same_name(tmp_path: Path) -> None:
    texts = []
    for number in (1, 2, 1):
        folder = tmp_path / str(number) / "same"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "main.c").write_text(f'#include <bsp.h>\nint main(void) {{ return printk("number {number}"); }}\n')
        done = sdk_app(folder)
        assert done.returncode == 0, done.stdout + done.stderr
        texts.append((ROOT / "build" / "sdk-app" / "same.bin").read_bytes())
    assert b"number 1" in texts[0] and b"number 2" in texts[1] and texts[2] == texts[0]


def test_a_folder_without_a_program_is_named(tmp_path: Path) -> None:
    done = sdk_app(tmp_path)
    assert done.returncode != 0
    assert str(tmp_path) in done.stderr and "APP=" in done.stderr
    assert sdk_app(tmp_path / "absent").returncode != 0


def test_model(tmp_path: Path) -> None:
    """A model run through kpu.h gives what the reference of the host tools computes."""
    import make_pictures

    digits = make_pictures.chosen(10)
    folder = tmp_path / "model"
    shutil.copytree(HERE / "model", folder)
    shutil.copy(DIGITS / "digits.kmodel", folder)
    (folder / "pictures.bin").write_bytes(digits.pixels.tobytes())
    done = sdk_app(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    with Machine(strict=True) as m:
        m.write_flash(0, (ROOT / "build" / "sdk-app" / "model.img").read_bytes())
        m.boot()
        m.run_while(lambda m: b"end\n" not in m.uart_output(3), timeout_ms=5000)
        lines = m.uart_output(3).decode().splitlines()
    assert lines[0].startswith("kpu: ERR_KMODEL_VER"), lines[0]
    assert lines[1] == "junk -1"
    model = parse.parse((DIGITS / "digits.kmodel").read_bytes())
    outputs = [line.split()[1:] for line in lines if line.startswith("output 0.") or line.startswith("output 1.")]
    assert len(outputs) == len(digits.pixels) == 10
    for values, pixels in zip(outputs, digits.pixels, strict=True):
        wanted = reference.run(model, pixels[None]).outputs[0]
        assert np.allclose([float(value) for value in values], wanted, atol=2e-6)
    assert lines[-2:] == ["output 1 -1", "end"]
