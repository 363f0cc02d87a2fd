"""`kpupy esp` as a user runs it: over a serial port with modem lines, into the emulated co-processor's flash."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from esp_support import MachinePort, OwnPort, chip_of, named, start
from k210emu import Machine
from kpupy import boards, cli
from kpupy.errors import Exit, ToolError
from kpupy.esp import work
from kpupy.progress import Reporter

IMAGE = random.Random(5).randbytes(50000) + b"\xff" * 3000 + b"\x9e\xc0\xdb\xdd" * 1000
OWN = "rfc2217://own"
Serve = Callable[[str], Machine]


@pytest.fixture
def plug() -> Iterator[Serve]:
    """A board with its boot ROM, GPIO0 grounded, at the port that kpupy() opens."""
    with contextlib.ExitStack() as stack:

        def plug_in(board: str) -> Machine:
            machine = stack.enter_context(Machine(board=board))
            machine.boot()
            assert machine.esp
            machine.esp.ground_gpio0()
            stack.enter_context(named(lambda: MachinePort(machine)))
            return machine

        yield plug_in


@pytest.fixture
def serve() -> Iterator[Serve]:
    machines: list[Machine] = []

    def start_board(board: str) -> Machine:
        machine = Machine(board=board)
        machines.append(machine)
        machine.boot()
        machine.serve("rfc2217:0")
        assert machine.esp
        machine.esp.ground_gpio0()
        return machine

    yield start_board
    for machine in machines:
        machine.close()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.bin"
    path.write_bytes(IMAGE)
    return path


def kpupy(machine: Machine, board: str, *words: str | Path) -> int:
    return cli.main(["esp", *map(str, words), "--board", board, "--port", machine.port or OWN])


def chip_state(machine: Machine) -> dict[str, object]:
    return dict(machine.state()["devices"]["esp"])


@pytest.mark.parametrize(("board", "words"), [
    ("maix_go", ["--baud", "921600"]), ("maix_go", ["--no-stub"]),
    ("lilygo_m1", ["--baud", "2000000"]), ("lilygo_m1", ["--no-stub", "--baud", "460800"]),
])
def test_flash(plug: Serve, image: Path, capsys: pytest.CaptureFixture[str], board: str, words: list[str]) -> None:
    machine = plug(board)
    assert machine.esp
    machine.esp.flash[:] = bytes(len(machine.esp.flash))
    assert kpupy(machine, board, "flash", f"{image}@0x3000", *words) == Exit.OK
    assert machine.esp.flash[0x3000:0x3000 + len(IMAGE)] == IMAGE
    assert machine.esp.flash[:0x3000] == bytes(0x3000)  # nothing before it
    last = (0x3000 + len(IMAGE) + 4095) // 4096 * 4096
    quirk = 4096 if board == "maix_go" and "--no-stub" in words else 0  # the ROM erases an even number of sectors
    assert machine.esp.flash[last + quirk:last + quirk + 4096] == bytes(4096)
    told = capsys.readouterr()
    compared = not (board == "maix_go" and "--no-stub" in words)
    assert (", compared" in told.out) == compared and ("not compared" in told.err) != compared
    machine.run(ms=300)
    assert chip_state(machine)["lost"] in (0, 1)  # 1: in the banner, while the K210 sets its UART up
    # GPIO0 is still grounded, so that the chip is in its loader again; the K210 has been reset as well
    assert chip_state(machine)["mode"] == "boot loader"


def test_settings_of_the_board_reach_the_image(plug: Serve, tmp_path: Path) -> None:
    """The header of a bootable image says mode DOUT (3), 40 MHz (0) and, for 1 MB, size code 2."""
    machine = plug("maix_go")
    assert machine.esp
    header = bytes([0xE9, 1, 0x02, 0x40]) + (0x40100000).to_bytes(4, "little")
    segment = (0x40100000).to_bytes(4, "little") + (16).to_bytes(4, "little") + bytes(16)
    body = header + segment
    body += bytes(-(len(body) + 1) % 16) + bytes([0xEF])
    path = tmp_path / "app.bin"
    path.write_bytes(body)
    assert kpupy(machine, "maix_go", "flash", path) == Exit.OK
    assert machine.esp.flash[:4] == bytes([0xE9, 1, 0x03, 0x20])
    assert machine.esp.flash[4:len(body)] == body[4:]


def test_several_files(plug: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = plug("maix_go")
    assert machine.esp
    for name, data in (("a", b"A" * 5000), ("b", b"B" * 100)):
        (tmp_path / name).write_bytes(data)
    words = ["flash", f"{tmp_path}/a@0x1000", f"{tmp_path}/b@0xFC000", "--erase-all", "--json"]
    machine.esp.flash[0x80000] = 0
    assert kpupy(machine, "maix_go", *words) == Exit.OK
    result = json.loads(capsys.readouterr().out)
    assert [(p["address"], p["length"]) for p in result["written"]] == [(0x1000, 5000), (0xFC000, 100)]
    assert result["verified"] is True
    assert bytes(machine.esp.flash).rstrip(b"\xff")[0x1000:0x1000 + 5000] == b"A" * 5000
    assert machine.esp.flash[0xFC000:0xFC064] == b"B" * 100
    assert machine.esp.flash[0x80000] == 0xFF


def test_info(plug: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    assert kpupy(plug("maix_go"), "maix_go", "info") == Exit.OK
    out = capsys.readouterr().out
    assert "ESP8285" in out and "5c:cf:7f:3c:5d:7e" in out and "1MB" in out and "26 MHz" in out
    assert kpupy(plug("lilygo_m1"), "lilygo_m1", "info", "--json", "--no-stub") == Exit.OK
    told = json.loads(capsys.readouterr().out)
    assert told["mac"] == "24:0a:c4:3c:5d:7e" and told["flash"]["size"] == "4MB" and told["crystal_mhz"] == 40
    assert told["board"] == "lilygo_m1" and told["chip"].startswith("ESP32")


def test_erase(plug: Serve) -> None:
    machine = plug("maix_go")
    assert machine.esp
    machine.esp.flash[:] = bytes(len(machine.esp.flash))
    assert kpupy(machine, "maix_go", "erase", "--addr", "0x2000", "--length", "8192") == Exit.OK
    assert machine.esp.flash[0x2000:0x4000] == b"\xff" * 0x2000
    assert machine.esp.flash.count(0xFF) == 0x2000
    assert kpupy(machine, "maix_go", "erase", "--addr", "0xFF000", "--length", "0x2000") == Exit.REFUSED
    assert machine.esp.flash.count(0xFF) == 0x2000
    assert kpupy(machine, "maix_go", "erase") == Exit.OK
    assert machine.esp.flash.count(0xFF) == len(machine.esp.flash)


# ---- a chip with a USB port of its own


def test_a_chip_on_its_own_port(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Machine(board="lilygo_m1") as machine:
        assert machine.esp
        with named(lambda: OwnPort(machine, chip_of("lilygo_m1"))) as url:
            code = cli.main(["esp", "flash", f"{image}@0x10000", "--board", "maixduino", "--port", url, "--json"])
        assert code == Exit.OK, capsys.readouterr().err
        assert machine.esp.flash[0x10000:0x10000 + len(IMAGE)] == IMAGE
        assert json.loads(capsys.readouterr().out)["verified"] is True
        machine.run(ms=100)
        assert chip_state(machine)["mode"] == "application"  # reset by RTS at the end


def test_no_chip_on_the_port(capsys: pytest.CaptureFixture[str]) -> None:
    """The first channel of a MaixDuino leads to the K210."""
    with Machine(board="maixduino") as machine:
        machine.boot()
        url = machine.serve("rfc2217:0")
        assert cli.main(["esp", "info", "--board", "maixduino", "--port", url, "--wait", "1"]) == Exit.NO_ANSWER
        told = capsys.readouterr().err
        assert "did not answer on rfc2217" in told and "second (higher-numbered) port" in told


# ---- what can go wrong


def test_gpio0_not_grounded(plug: Serve, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = plug("maix_go")
    assert machine.esp
    machine.esp.ground_gpio0(False)
    before = bytes(machine.esp.flash)
    assert kpupy(machine, "maix_go", "flash", image, "--wait", "1") == Exit.NO_ANSWER
    told = capsys.readouterr().err
    assert "the boot loader of the ESP8285 did not answer for 1 s" in told
    assert "GPIO0 pad" in told and "run their firmware again" in told
    assert bytes(machine.esp.flash) == before
    machine.run(ms=300)
    assert chip_state(machine)["mode"] == "application"  # EN has been let go


def test_gpio0_grounded_while_it_waits(serve: Serve, image: Path) -> None:
    machine = serve("maix_go")
    esp = machine.esp
    assert esp
    esp.ground_gpio0(False)
    timer = threading.Timer(2.5, esp.ground_gpio0)
    timer.start()
    assert kpupy(machine, "maix_go", "flash", image, "--wait", "20") == Exit.OK
    timer.join()
    assert esp.flash[:len(IMAGE)] == IMAGE


def test_en_not_wired(serve: Serve, capsys: pytest.CaptureFixture[str], tmp_path: Path,
                      monkeypatch: pytest.MonkeyPatch) -> None:
    """The board's data says EN is on IO8, but the wire is broken: the chip keeps running its firmware."""
    folder = tmp_path / "boards"
    for name, changes in (("maix_go", {"en": 11}), ("maix_bit", {})):
        data = boards.raw(name)
        if "esp" in data:
            data["esp"].update(changes)
        (folder / name).mkdir(parents=True)
        (folder / name / "board.json").write_text(json.dumps(data))
    machine = Machine(board="maix_go")
    try:
        machine.boot()
        machine.serve("rfc2217:0")
        assert machine.esp
        machine.run(ms=50)  # it started before GPIO0 was grounded
        machine.esp.ground_gpio0()
        monkeypatch.setenv("KPUPY_BOARDS", str(folder))
        boards.load_all.cache_clear()
        assert kpupy(machine, "maix_go", "info", "--wait", "1") == Exit.NO_ANSWER
        assert "did not answer" in capsys.readouterr().err
        assert chip_state(machine)["mode"] == "application"
    finally:
        machine.close()
        monkeypatch.undo()
        boards.load_all.cache_clear()


def test_the_wrong_board(plug: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """The ESP32 of a LilyGO M1 with the pads of a Maix Go: RX and TX are crossed."""
    machine = plug("lilygo_m1")
    assert kpupy(machine, "maix_go", "info", "--wait", "0.5") == Exit.NO_ANSWER
    assert "--board" in capsys.readouterr().err


def test_another_chip_than_the_boards() -> None:
    with Machine(board="lilygo_m1") as machine:
        assert machine.esp
        chip = chip_of("lilygo_m1", chip="esp8266", name="ESP8285")
        port = start(machine, chip)
        machine.esp.ground_gpio0()
        work.log.use(Reporter())
        with pytest.raises(ToolError, match=r"the co-processor is not an ESP8285.*ESP32"):
            work._enter_loader(port, chip, 2.0, Reporter())


def test_beyond_the_flash(plug: Serve, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = plug("maix_go")
    assert machine.esp
    before = bytes(machine.esp.flash)
    assert kpupy(machine, "maix_go", "flash", f"{image}@0xFC000") == Exit.REFUSED
    told = capsys.readouterr().err
    assert f"end at 0x{0xFC000 + len(IMAGE):x}, beyond the 1MB of flash" in told
    assert bytes(machine.esp.flash) == before


@pytest.mark.parametrize(("words", "code", "text"), [
    (["flash", "IMAGE@0x1001"], Exit.USAGE, "not a multiple of 4096"),
    (["flash", "IMAGE@0x1000", "IMAGE@0x2000"], Exit.REFUSED, "overlaps 0x2000"),
    (["flash", "/dev/null"], Exit.DATA, "is empty"),
    (["flash", "nowhere.bin"], Exit.DATA, "nowhere.bin"),
    (["flash", "IMAGE", "--no-stub", "--baud", "921600"], Exit.USAGE, "stays at 115200 baud"),
    (["erase", "--addr", "0x2001", "--length", "8192"], Exit.USAGE, "multiples of 4096"),
    (["erase", "--addr", "0x2000", "--length", "0"], Exit.USAGE, "multiples of 4096"),
    (["erase", "--addr", "0x2000"], Exit.USAGE, "belong together"),
    (["erase", "--no-stub"], Exit.USAGE, "cannot erase"),
    (["info", "--board", "maix_bit"], Exit.USAGE, "has no ESP co-processor"),
    (["info", "--board", "bit"], Exit.USAGE, "has no ESP co-processor"),
    (["info", "--board", "lilygo_twatch_k210"], Exit.USAGE, "cannot be programmed from here"),
    (["info", "--port", "/dev/ttyNONE"], Exit.PORT, "/dev/ttyNONE does not exist"),
    (["info", "--board", "maixduino", "--port", "/dev/ttyNONE"], Exit.PORT, "/dev/ttyNONE does not exist"),
])
def test_refused_without_a_board(image: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: Exit,
                                 text: str) -> None:
    words = [word.replace("IMAGE", str(image)) for word in words]
    named = words if "--board" in words else [*words, "--board", "maix_go"]
    assert cli.main(["esp", *named]) == code
    assert text in capsys.readouterr().err


def _when(condition: Callable[[], bool], then: Callable[[], None]) -> threading.Thread:
    def watch() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if condition():
                then()
                return
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_unplugged_while_writing_then_again(serve: Serve, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = serve("maix_go")
    esp = machine.esp
    assert esp
    esp.flash[:] = bytes(len(esp.flash))
    thread = _when(lambda: esp.flash[:100] == IMAGE[:100], machine.stop_serving)
    code = kpupy(machine, "maix_go", "flash", image)
    thread.join()
    told = capsys.readouterr().err
    assert code == Exit.TRANSFER, told
    assert work.TOUCHED in told and "unplugged" in told
    assert esp.flash[:len(IMAGE)] != IMAGE
    machine.serve("rfc2217:0")
    assert kpupy(machine, "maix_go", "flash", image, "--baud", "921600") == Exit.OK
    assert esp.flash[:len(IMAGE)] == IMAGE


def test_interrupted_while_writing(serve: Serve, image: Path) -> None:
    """Ctrl-C in a process of its own: it says what state the flash is in, and both chips run again."""
    machine = serve("maix_go")
    esp = machine.esp
    assert esp
    esp.flash[:] = bytes(len(esp.flash))
    tools = Path(cli.__file__).parents[1]
    command = [sys.executable, "-m", "kpupy", "esp", "flash", str(image), "--board", "maix_go", "--port",
               machine.port or "", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "PYTHONPATH": str(tools)})
    thread = _when(lambda: esp.flash[:100] == IMAGE[:100], lambda: process.send_signal(signal.SIGINT))
    out, err = process.communicate(timeout=60)
    thread.join()
    assert process.returncode == Exit.INTERRUPTED, err
    assert json.loads(out)["state"] == work.TOUCHED
    esp.ground_gpio0(False)
    machine.run(ms=300)
    assert chip_state(machine)["mode"] in ("boot loader", "application")
    assert kpupy(machine, "maix_go", "info", "--wait", "0.5") == Exit.NO_ANSWER
    assert chip_state(machine)["mode"] == "application"
