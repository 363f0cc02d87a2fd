"""What a test's report tells about its board, and the page that `make hil` makes of all reports."""

from __future__ import annotations

import base64
import html
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kpupy.testing.dut import Dut
    from kpupy.testing.targets import Target

LOG_LIMIT = 64 << 10  # characters of serial log per test: the end tells why it failed


def printable(text: str) -> str:
    """Console text in which control characters are visible."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


def attach(item: pytest.Item, result: pytest.TestReport, duts: list[Dut], target: Target) -> None:
    """Adds the serial log to the report (and so to JUnit's properties); state and screen if the test failed."""
    log = "\n".join(printable(dut.log_text) for dut in duts)[-LOG_LIMIT:]
    told: list[tuple[str, object]] = [("target", target.name), ("board", target.board), ("serial log", log)]
    result.user_properties += told  # for the page
    item.user_properties += told  # JUnit takes those that the teardown's report has
    result.kpupy_pictures = [  # type: ignore[attr-defined]
        (title, _data_url(picture)) for dut in duts for title, picture in pictures(dut)
    ]
    if not result.failed:
        return
    result.sections.append((f"serial log of {target.name}", log or "(nothing received)"))
    for dut in duts:
        if state := dut.state():
            result.sections.append((f"state of {dut.link.name}", state))


def pictures(dut: Dut) -> list[tuple[str, bytes]]:
    """What the test has shown, and the display where it can be seen."""
    screen = dut.screen()
    return [*dut.shown, *([("screen", screen)] if screen else [])]


def _data_url(picture: bytes) -> str:
    kind = "jpeg" if picture.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222 }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .2em .6em; border-bottom: 1px solid #ddd }
td.time { text-align: right; font-variant-numeric: tabular-nums }
pre { background: #f4f4f4; padding: .6em; overflow: auto }
.passed { color: #176b2c } .failed, .error { color: #b00020; font-weight: 600 } .skipped { color: #666 }
img { max-width: 320px; border: 1px solid #999 }
"""


class Page:
    """Collects reports in the process that the user started and writes one HTML file without outside parts."""

    def __init__(self, path: Path, config: pytest.Config) -> None:
        self.path, self.config = path, config
        self._started = time.time()
        self._reports: list[pytest.TestReport] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.failed or report.skipped:
            self._reports.append(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        from kpupy.testing.plugin import LACKING, chosen

        lacking: dict[str, list[str]] = self.config.stash[LACKING]
        names = ", ".join(f"{target.name} ({target.board})" for target in chosen(self.config))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self._page(names, lacking, time.time() - self._started, int(exitstatus)), encoding="utf-8")

    @staticmethod
    def _outcome(report: pytest.TestReport) -> str:
        return "error" if report.failed and report.when != "call" else report.outcome

    def _page(self, names: str, lacking: dict[str, list[str]], seconds: float, status: int) -> str:
        counts = Counter(self._outcome(report) for report in self._reports)
        verdict = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()) or "no test ran"
        if status not in (0, 1):
            verdict += f"; the run ended early (pytest status {status})"
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(self._started))
        rows = "".join(self._row(number, report) for number, report in enumerate(self._reports))
        away = "".join(f"<li>{len(tests)} tests: {html.escape(reason)}</li>" for reason, tests in lacking.items())
        details = "".join(self._detail(number, report) for number, report in enumerate(self._reports))
        left_out = f"<h2>Not run on this board</h2><ul>{away}</ul>" if away else ""
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Board test: {html.escape(verdict)}</title>'
            f"<style>{STYLE}</style><h1>Board test</h1>"
            f"<p><b>{html.escape(verdict)}</b> in {seconds:.1f} s on {html.escape(names)}, {when}</p>{left_out}"
            f"<table><tr><th>test<th>board<th>result<th>seconds</tr>{rows}</table>{details}</html>\n"
        )

    def _row(self, number: int, report: pytest.TestReport) -> str:
        outcome = self._outcome(report)
        board = dict(report.user_properties).get("target", "")
        return (
            f'<tr><td><a href="#t{number}">{html.escape(report.nodeid)}</a><td>{html.escape(str(board))}'
            f'<td class="{outcome}">{outcome}<td class="time">{report.duration:.2f}</tr>'
        )

    def _detail(self, number: int, report: pytest.TestReport) -> str:
        parts = [(title, text) for title, text in report.sections if not title.startswith("Captured")]
        if not report.failed and (log := dict(report.user_properties).get("serial log")):
            parts.append(("serial log", str(log)))
        if report.longrepr and not report.passed:
            parts.insert(0, ("why", str(report.longrepr)))
        body = "".join(f"<h4>{html.escape(title)}</h4><pre>{html.escape(text)}</pre>" for title, text in parts)
        seen: list[tuple[str, str]] = getattr(report, "kpupy_pictures", [])
        picture = "".join(
            f'<h4>{html.escape(title)}</h4><img alt="{html.escape(title)}" src="{url}">' for title, url in seen
        )
        opened = " open" if report.failed else ""
        title = f"{html.escape(report.nodeid)}: {self._outcome(report)}"
        return f'<details id="t{number}"{opened}><summary>{title}</summary>{picture}{body}</details>'
