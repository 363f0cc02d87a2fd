"""`make sdk-app`: programs with only SDK includes, built by one line, booted from flash on the emulated board."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from k210emu import Machine  # noqa: E402


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


def test_a_folder_without_a_program_is_named(tmp_path: Path) -> None:
    done = sdk_app(tmp_path)
    assert done.returncode != 0
    assert str(tmp_path) in done.stderr and "APP=" in done.stderr
    assert sdk_app(tmp_path / "absent").returncode != 0
