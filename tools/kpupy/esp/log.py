"""esptool's messages, told through a Reporter."""

from __future__ import annotations

from typing import Any

from esptool.logger import TemplateLogger, log  # type: ignore[import-untyped]

from kpupy.progress import Reporter


class ReporterLogger(TemplateLogger):  # type: ignore[misc]
    """Warnings and progress go on; the chatter is kept for the report of a failure."""

    def __init__(self) -> None:
        self.reporter = Reporter()
        self.lines: list[str] = []
        self.what = ""

    def print(self, *args: Any, **kwargs: Any) -> None:
        text = " ".join(str(arg) for arg in args).strip()
        if text:
            self.lines.append(text)

    def note(self, message: str) -> None:
        self.lines.append(message)

    def warning(self, message: str) -> None:
        self.reporter.warn(message)

    def error(self, message: str) -> None:
        self.lines.append(message)

    def stage(self, finish: bool = False) -> None:
        pass

    def progress_bar(self, cur_iter: int, total_iters: int, prefix: str = "", suffix: str = "",
                     bar_length: int = 30) -> None:
        self.reporter.progress(self.what, cur_iter, total_iters)

    def set_verbosity(self, verbosity: str) -> None:
        pass


_logger = ReporterLogger()


def use(reporter: Reporter) -> ReporterLogger:
    """Make esptool talk to the reporter. esptool takes one logger for the life of the process."""
    if not _logger.lines and not _logger.what:
        log.set_logger(_logger)
    _logger.reporter, _logger.lines, _logger.what = reporter, [], "esptool"
    return _logger
