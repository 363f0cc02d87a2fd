"""esptool's messages, told through a Reporter."""

from __future__ import annotations

from typing import Any

from esptool.logger import TemplateLogger, log  # type: ignore[import-untyped]

from kpupy.progress import Reporter


class ReporterLogger(TemplateLogger):  # type: ignore[misc]
    """Warnings and progress go on; the chatter is kept for the report of a failure."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.lines: list[str] = []
        self.what = "write flash"
        self.total = 0  # bytes behind a progress bar, where it counts something else

    def print(self, *args: Any, **kwargs: Any) -> None:
        text = " ".join(str(arg) for arg in args).strip()
        if text:
            self.lines.append(text)

    def note(self, message: str) -> None:
        self.lines.append(message)

    def warning(self, message: str) -> None:
        self._reporter.warn(message)

    def error(self, message: str) -> None:
        self.lines.append(message)

    def stage(self, finish: bool = False) -> None:
        pass

    def progress_bar(self, cur_iter: int, total_iters: int, prefix: str = "", suffix: str = "",
                     bar_length: int = 30) -> None:
        total = self.total or total_iters
        self._reporter.progress(self.what, total * cur_iter // max(total_iters, 1), total)

    def set_verbosity(self, verbosity: str) -> None:
        pass


def use(reporter: Reporter) -> ReporterLogger:
    """Make esptool talk to the reporter."""
    logger = ReporterLogger(reporter)
    log.set_logger(logger)
    return logger
