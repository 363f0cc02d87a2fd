"""The pytest plugin on the emulated board in the test's own process: fixture, markers, reports."""

from __future__ import annotations

import base64
import pathlib
import re
import xml.etree.ElementTree as ElementTree

import pytest
from hil_support import run_inside, run_outside
from kpupy.testing import targets

pytest_plugins = ["pytester"]

PASSING = """
    import re
    import pytest

    def test_expectations(dut):
        dut.send("print('a', 6 * 7)")
        match = dut.expect(r"a (\\d+)\\r\\n")
        assert match[1] == b"42"
        assert dut.expect_exact(">>> ") == b">>> "
        with pytest.raises(AssertionError, match="'never'.* did not come within 50 ms"):
            dut.expect_exact("never", timeout_ms=50)

    def test_code(dut, tmp_path):
        (tmp_path / "s.py").write_text("for i in range(3): print(i)")
        assert dut.run_script(tmp_path / "s.py") == "0\\n1\\n2\\n"
        assert dut.eval("[1, 'x', b'\\x00', None]") == [1, "x", b"\\x00", None]

    def test_files(dut, tmp_path):
        data = bytes(range(256)) * 40 + b"end"
        dut.put(data, "/flash/a.bin")
        assert dut.get("/flash/a.bin") == data
        assert dut.eval("__import__('os').stat('/flash/a.bin')[6]") == len(data)
        (tmp_path / "t.txt").write_text("from a file")
        dut.put(tmp_path / "t.txt", "t.txt")
        assert dut.get("/flash/t.txt") == b"from a file"
        dut.put(b"", "empty")
        assert dut.get("empty") == b""

    def test_every_test_gets_an_empty_board(dut):
        assert dut.eval("__import__('os').listdir('/flash')") == []
        assert "_f" not in dut.eval("dir()")

    def test_memory(dut):
        assert dut.crashes == []
        assert dut.read_memory(0x80000004, 4) == (0xDEADBEEF).to_bytes(4, "little")

    def test_crash(dut):
        dut.exec_start("import machine; machine.mem32[0x90000004] = 1")
        crash = dut.read_crash()
        assert (crash["reason"], crash["cause"], crash["address"]) == ("fault store", 7, 0x90000004)
        assert set(crash["registers"]) >= {"ra", "sp", "a0", "t6", "s11"}
        assert 0x80000000 <= crash["epc"] < 0x80600000
        assert dut.crashes == [crash]

    def test_reset(dut):
        assert "init end" in dut.boot()
        dut.exec("x = 1")
        dut.soft_reset()
        assert "soft reboot" in dut.log_text and "x" not in dut.eval("dir()")
"""


def test_what_a_test_can_do(pytester: pytest.Pytester, firmware_path: pathlib.Path) -> None:
    pytester.makepyfile(PASSING)
    run_inside(pytester, firmware_path).assert_outcomes(passed=7)


def test_functions_run_on_the_board(pytester: pytest.Pytester, firmware_path: pathlib.Path) -> None:
    pytester.makepyfile("""
        import pytest

        def where(prefix: str, *, times: int = 1) -> list:
            import sys
            print("noise before the value")
            return [prefix + sys.platform] * times

        def decorator(function):
            return function

        def fails():
            return [1, 2, 3][9]

        def object_result():
            return object()

        def test_value(dut):
            assert dut.call(where, "on ", times=2) == ["on MaixPy"] * 2
            assert "noise before" in dut.log_text
            assert "where" not in dut.eval("dir()")

        def test_inner(dut):
            @decorator
            def inner(n):
                return {"sum": sum(range(n)), "text": "\\x03 \\u00e9", "bytes": b"\\xff"}
            assert dut.call(inner, 10) == {"sum": 45, "text": "\\x03 \\u00e9", "bytes": b"\\xff"}

        def test_errors(dut):
            with pytest.raises(Exception, match="IndexError"):
                dut.call(fails)
            with pytest.raises(TypeError, match="object_result.. returned <object>, which is no Python literal"):
                dut.call(object_result)
            with pytest.raises(TypeError, match="argument 1 of where.. is <object"):
                dut.call(where, object())
            captured = 3
            def closure():
                return captured
            with pytest.raises(TypeError, match="uses captured of the function around it"):
                dut.call(closure)
            with pytest.raises(TypeError, match="is not a function defined with `def`"):
                dut.call(lambda: 1)
    """)
    run_inside(pytester, firmware_path).assert_outcomes(passed=3)


FAILING = """
    def test_fails(dut):
        dut.exec("print('only the log knows ' + str(6 * 7))")
        assert dut.eval("1") == 2
"""


def test_failure_shows_log_and_registers(pytester: pytest.Pytester, firmware_path: pathlib.Path) -> None:
    pytester.makepyfile(FAILING)
    result = run_inside(pytester, firmware_path, "--junitxml=report.xml", "--hil-report=page.html")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert re.search(r"-+ serial log of emulated board -+", text)
    assert "only the log knows 42" in text
    assert re.search(r"hart 0 (asleep|awake) pc 0x80[0-9a-f]{6}", text)
    assert re.search(r"\bx2 0x00000000800[0-9a-f]{5}\b.*\n", text), "the stack pointer is in SRAM"
    case = ElementTree.parse(pytester.path / "report.xml").find(".//testcase")
    assert case is not None
    properties = {p.get("name"): p.get("value") or "" for p in case.iter("property")}
    assert "only the log knows 42" in properties["serial log"] and properties["board"] == "maix_bit"
    page = (pytester.path / "page.html").read_text()
    assert "1 failed" in page and "only the log knows 42" in page and "test_fails" in page
    assert "http" not in page, "the page needs nothing from elsewhere"


def test_a_passing_test_has_its_log_in_junit_and_page(pytester: pytest.Pytester, firmware_path: pathlib.Path) -> None:
    pytester.makepyfile("def test_it(dut):\n    dut.exec('print(\"<b>\", 6 * 7)')")
    run_inside(pytester, firmware_path, "--junitxml=report.xml", "--hil-report=page.html").assert_outcomes(passed=1)
    assert any(
        "<b> 42" in (p.get("value") or "") for p in ElementTree.parse(pytester.path / "report.xml").iter("property")
    )
    page = (pytester.path / "page.html").read_text()
    assert "&lt;b&gt; 42" in page and "<b> 42" not in page and 'class="passed"' in page


def test_needs_that_the_board_lacks_deselect(pytester: pytest.Pytester, firmware_path: pathlib.Path) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.mark.esp
        def test_wifi(dut): raise AssertionError("must not run")

        @pytest.mark.flash16m
        @pytest.mark.emulator
        def test_runs(dut): assert dut.machine.now_ms > 0
    """)
    result = run_inside(pytester, firmware_path, "--strict-markers")
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines(["deselected 1: needs a Wi-Fi co-processor; emulated board (maix_bit) has none"])


def test_boards_spread_over_workers(pytester: pytest.Pytester, firmware_path: pathlib.Path) -> None:
    pytester.makepyfile("""
        import os
        import pytest

        @pytest.mark.parametrize("n", range(6))
        def test_own_board(dut, n, worker_id):
            assert dut.eval("__import__('os').listdir('/flash')") == []
            dut.put(worker_id.encode(), "/flash/who")
            assert dut.get("/flash/who") == worker_id.encode()
            with open("workers", "a") as file:
                file.write(worker_id + "\\n")

        @pytest.mark.camera
        def test_camera(dut): pass
    """)
    result = run_outside(pytester, firmware_path, "-n", "2", "--junitxml=report.xml")
    result.assert_outcomes(passed=6)
    assert set((pytester.path / "workers").read_text().split()) == {"gw0", "gw1"}
    result.stdout.fnmatch_lines(["deselected 1: needs a camera; emulated board (maix_bit) has none"])
    logs = [
        p for p in ElementTree.parse(pytester.path / "report.xml").iter("property") if p.get("name") == "serial log"
    ]
    assert len(logs) == 6


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("none.toml", "none.toml: No such file or directory"),
        ("bad.toml", "bad.toml, board 1: `port` is missing"),
        ("empty.toml", r"empty.toml: no \[\[board\]\] entries"),
        ("features.toml", r"board 1: features \['kamera'\] are not among camera, lcd"),
        ("keys.toml", "board 1: unknown keys prot"),
        ("reset.toml", "board 1: reset 'maybe' is not one of auto, lines, repl"),
        ("board.toml", "board 1: board 'maix_byte' is not known"),
        ("syntax.toml", "syntax.toml: "),
        ("none.yaml", "none.yaml: "),
    ],
)
def test_wrong_targets_say_why(
    pytester: pytest.Pytester, firmware_path: pathlib.Path, target: str, message: str
) -> None:
    lists = {
        "bad": '[[board]]\nname = "x"',
        "empty": "",
        "features": '[[board]]\nport = "emu"\nfeatures = ["kamera"]',
        "keys": '[[board]]\nport = "emu"\nprot = 1',
        "reset": '[[board]]\nport = "emu"\nreset = "maybe"',
        "board": '[[board]]\nport = "emu"\nboard = "maix_byte"',
        "syntax": "[[board",
    }
    for name, text in lists.items():
        (pytester.path / f"{name}.toml").write_text(text)
    pytester.makepyfile("def test_it(dut): pass")
    result = run_inside(pytester, firmware_path, f"--target={target}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert re.search(message, result.stderr.str() + result.stdout.str())


def test_firmware_that_is_missing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(dut): pass")
    result = run_inside(pytester, pathlib.Path("no/firmware.img"))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no/firmware.img is missing: run `make firmware`*"])


def test_pictures_are_on_the_page(pytester: pytest.Pytester, firmware_path: pathlib.Path) -> None:
    png = b"\x89PNG\r\n\x1a\n made up"
    pytester.makepyfile(f"def test_it(dut): dut.show('the <display>', {png!r})\ndef test_none(dut): pass")
    run_inside(pytester, firmware_path, "--hil-report=page.html").assert_outcomes(passed=2)
    page = (pytester.path / "page.html").read_text()
    assert f'src="data:image/png;base64,{base64.b64encode(png).decode()}"' in page
    assert "the &lt;display&gt;" in page and page.count("<img") == 1


def test_no_board_found(
    pytester: pytest.Pytester, firmware_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kpupy.ports.scan", lambda: [])
    pytester.makepyfile("def test_it(dut): pass")
    result = run_inside(pytester, firmware_path, "--target=auto")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "found among the serial ports" in result.stderr.str() and "--target=emu" in result.stderr.str()


@pytest.mark.parametrize(
    ("board", "has"),
    [  # spec boards.md 4
        ("maix_bit", {"camera", "lcd", "sd", "flash16m"}),
        ("bit", {"camera", "lcd", "sd", "flash16m"}),
        ("maix_dock_m1w", {"camera", "lcd", "sd", "esp", "flash16m"}),
        ("m5unitv", {"camera", "sd", "flash16m"}),
        ("goE", set()),
    ],
)
def test_what_boards_have(board: str, has: set[str]) -> None:
    (target,) = targets.parse("/dev/ttyUSB0", board)
    assert target.features == has
    assert target.missing("emulator") == (
        f"needs the emulated board in the test's own process; /dev/ttyUSB0 ({target.board}) has none"
    )


def test_the_manual_s_example(pytester: pytest.Pytester, firmware_path: pathlib.Path, root: pathlib.Path) -> None:
    text = (root / "docs" / "testing.md").read_text()
    pytester.makepyfile(text.partition("```python\n")[2].partition("```")[0])
    (pytester.path / "model.kmodel").write_bytes(b"a model")
    run_inside(pytester, firmware_path).assert_outcomes(passed=2)
