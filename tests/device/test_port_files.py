"""The file system /flash."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from kpupy.testing import BoardLost, Dut, ExecError
from littlefs import LittleFS

START, LENGTH = 0xD00000, 0x300000


def host_filesystem(flash: bytes) -> LittleFS:
    """The board's file system as a second implementation sees it."""
    fs = LittleFS(block_size=4096, block_count=LENGTH // 4096, mount=False)
    fs.context.buffer[:] = flash[START : START + LENGTH]
    fs.mount()
    return fs


def test_blank_flash_gets_a_file_system(blank_board):
    text = blank_board.boot(timeout_ms=5_000)
    assert "no file system found, making one" in text
    assert blank_board.eval("__import__('os').listdir('/')") == ["flash"]
    assert blank_board.eval("__import__('os').listdir('/flash')") == []


@pytest.mark.emulator
def test_a_second_implementation_reads_the_new_file_system(blank_board):
    blank_board.boot(timeout_ms=5_000)
    assert host_filesystem(bytes(blank_board.machine.flash)).listdir("/") == []


@pytest.mark.emulator
def test_formatting_erases_only_what_it_needs(blank_board):
    blank_board.machine.write_flash(START + 0x10000, b"old data" * 512)
    blank_board.boot(timeout_ms=5_000)
    assert bytes(blank_board.machine.flash)[START + 0x10000 :][:8] == b"old data"


def test_second_boot_does_not_format(dut):
    assert "making one" not in dut.boot()


@pytest.mark.emulator
def test_files_survive_reset_and_a_second_implementation_reads_them(dut):
    data = bytes((i * 37 + i // 256) & 0xFF for i in range(50_000))
    dut.exec("import os\nos.mkdir('/flash/dir')\nwith open('/flash/dir/a.bin', 'wb') as f:\n"
             "    for i in range(0, 50000, 500): f.write(bytes((j * 37 + j // 256) & 255 for j in range(i, i + 500)))",
             timeout_ms=60_000)
    dut.boot()
    assert dut.eval("__import__('os').stat('/flash/dir/a.bin')[6]") == len(data)
    digest = dut.eval("__import__('hashlib').sha256(open('/flash/dir/a.bin', 'rb').read()).digest()")
    assert digest == hashlib.sha256(data).digest()
    fs = host_filesystem(bytes(dut.machine.flash))
    with fs.open("/dir/a.bin", "rb") as f:
        assert f.read() == data


@pytest.mark.emulator
def test_board_reads_what_a_second_implementation_wrote(session_board):
    fs = LittleFS(block_size=4096, block_count=LENGTH // 4096)
    with fs.open("hello.txt", "w") as f:
        f.write("from the host")
    flash = bytearray(session_board.formatted)
    flash[START : START + LENGTH] = fs.context.buffer
    with session_board.powered(bytes(flash)) as dut:
        dut.boot()
        assert dut.eval("open('/flash/hello.txt').read()") == "from the host"


def test_directory_operations(dut):
    code = """import os
os.mkdir('d'); os.chdir('d'); print(os.getcwd())
open('x', 'w').close(); os.rename('x', 'y'); print(os.listdir(), list(os.ilistdir())[0][:2])
os.remove('y'); os.chdir('..'); os.rmdir('d'); print(os.listdir())"""
    assert dut.exec(code) == "/flash/d\n['y'] ('y', 32768)\n[]\n"


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("open('/flash/none')", 2),
        ("open('/sd/none')", 2),
        ("os.listdir('/flash/none')", 2),
        ("os.mkdir('/flash/a'); os.mkdir('/flash/a')", 17),
        ("open('/x', 'w')", 1),
    ],
)
def test_errors_are_oserrors_with_the_usual_numbers(dut, code, number):
    with pytest.raises(ExecError) as error:
        dut.exec(f"import os\n{code}")
    names = {1: "EPERM", 2: "ENOENT", 17: "EEXIST", 19: "ENODEV"}
    allowed = {number, 19} if code.startswith(("open('/sd", "open('/x")) else {number}
    assert any(f"OSError: [Errno {n}] {names[n]}" in str(error.value) for n in allowed), str(error.value)


def test_statvfs_follows_the_contents(dut):
    block, _, total, free_before = dut.eval("__import__('os').statvfs('/flash')[:4]")
    assert (block, total) == (4096, LENGTH // 4096)
    dut.exec("with open('/flash/big', 'wb') as f:\n    for _ in range(25): f.write(bytes(4096))", timeout_ms=60_000)
    free_after = dut.eval("__import__('os').statvfs('/flash')[3]")
    assert 25 <= free_before - free_after <= 27


def test_full_file_system_is_an_error_and_recovers(dut):
    code = """import os
os.statvfs('/flash')
n = 0
try:
    with open('/flash/fill', 'wb') as f:
        b = bytes(32768)
        while True: n += f.write(b)
except OSError as e:
    print(e.errno, n > 2800000)
os.remove('/flash/fill')
with open('/flash/small', 'w') as f: f.write('ok')
print(open('/flash/small').read())"""
    assert dut.exec(code, timeout_ms=300_000) == "28 True\nok\n"


@pytest.mark.emulator
def test_damaged_file_system_does_not_stop_the_boot_and_is_left_alone(dut, session_board):
    dut.exec("with open('/flash/keep', 'w') as f: f.write('x')")
    flash = bytearray(dut.machine.flash)
    for block in (0, 1):
        # The magic stays; everything behind it is destroyed.
        start = START + 4096 * block
        flash[start + 16 : start + 4096] = b"\x00" * (4096 - 16)
    with session_board.powered(bytes(flash)) as damaged:
        text = damaged.boot()
        assert "/flash is not mounted" in text and "flashfs.format()" in text
        assert bytes(damaged.machine.flash)[START : START + 4096] == bytes(flash[START : START + 4096])
        damaged.exec("import flashfs; flashfs.format()\nwith open('/flash/a', 'w') as f: f.write('b')")
        assert "not mounted" not in damaged.boot()
        assert damaged.eval("open('/flash/a').read()") == "b"


@pytest.mark.emulator
def test_foreign_file_system_is_replaced(blank_board):
    blank_board.machine.write_flash(START, bytes(range(256)) * 64)
    assert "making one" in blank_board.boot()
    assert blank_board.eval("__import__('os').listdir('/flash')") == []


def test_flash_object_checks_its_range(dut):
    outside = ("1, 4096", "0, 4097", "0, 0", "-4096, 4096", "0xFFF000, 8192", "1 << 40, 4096", "0, 1 << 24 | 4096")
    for arguments in outside:
        with pytest.raises(ExecError, match="ValueError: start"):
            dut.exec(f"import kpupy; kpupy.Flash({arguments})")
    with pytest.raises(ExecError, match="EINVAL"):
        dut.exec("import kpupy; kpupy.Flash(0xD00000, 4096).readblocks(0, bytearray(4097))")


def test_flash_object_reads_and_writes_blocks(dut):
    code = """import kpupy
f = kpupy.Flash(0xC00000, 8192)
b = bytearray(4096)
for i in range(4096): b[i] = (i * 3 + 1) & 255
print(f.writeblocks(1, b), f.ioctl(4, 0), f.ioctl(5, 0))
c = bytearray(77)
print(f.readblocks(1, c, 13), c == b[13:90])"""
    assert dut.exec(code) == "0 2 4096\n0 True\n"


@pytest.mark.emulator
def test_blocks_are_where_they_should_be(dut):
    dut.exec("import kpupy; kpupy.Flash(0xC00000, 8192).writeblocks(1, bytes(i % 251 for i in range(4096)))")
    assert bytes(dut.machine.flash)[0xC01000:0xC02000] == bytes(i % 251 for i in range(4096))


def run_until_cut_or(dut: Dut, end: bytes, operations: int) -> bool:
    """Let the board work until the power goes at the n-th flash operation (True) or it sends `end`."""
    dut.machine.cut_power_after(operations)
    try:
        dut.read_until(end, timeout_ms=60_000)
    except BoardLost:
        return True
    finally:
        dut.machine.cut_power_after(0)
    return False


@pytest.mark.emulator
def test_power_cut_at_every_flash_operation_of_a_rewrite_keeps_old_or_new(dut):
    old, new = "old" * 3000, "new" * 3000
    seen = set()
    for operation in itertools.count(1):
        dut.exec("with open('/flash/f', 'w') as f: f.write('old' * 3000)", timeout_ms=30_000)
        dut.enter_raw()
        dut.write(b"with open('/flash/f', 'w') as f: f.write('new' * 3000)\x04")
        dut.read_until(b"OK")
        cut = run_until_cut_or(dut, b"\x04\x04", operation)
        assert "not mounted" not in dut.boot()
        text = dut.eval("open('/flash/f').read()")
        assert text in (old, new), (operation, len(str(text)))
        seen.add(text)
        if not cut:
            break
    assert operation > 10 and seen == {old, new}


@pytest.mark.emulator
def test_power_cut_at_every_flash_operation_of_the_first_start(session_board):
    for operation in itertools.count(1):
        with session_board.blank() as board:
            board.hard_reset()
            cut = run_until_cut_or(board, b">>> ", operation)
            assert "not mounted" not in board.boot(), operation
            assert board.eval("__import__('os').listdir('/flash')") == []
        if not cut:
            break
    assert operation > 3
