"""What people see while they wait.

A bar on a terminal; a plain line every 30 s in a log file.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hpcml.cli.text import merged_lines, rate_text, time_text
from hpcml.quantities import counted

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from hpcml.commands.merge import MergeResult
    from hpcml.commands.run import Progress

PLAIN_SECONDS = 30.0


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """A rich bar when stderr is a terminal, else lines."""
    if not sys.stderr.isatty():
        yield PlainProgress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield RichProgress(bar)


class PlainProgress:
    """Lines on stderr: at each step, every 30 s, and at each merge."""

    def __init__(self) -> None:
        self._name, self._total, self._first = "", 0, 0
        self._begun = self._said = time.monotonic()

    def step(self, name: str, total: int, done: int) -> None:
        self._name, self._total, self._first = name, total, done
        self._begun = self._said = time.monotonic()
        self.say(f"{name}: {counted(total, 'unit')}, {done} done before")

    def units(self, done: int, failed: int) -> None:
        now = time.monotonic()
        if now - self._said >= PLAIN_SECONDS:
            self._said = now
            rate = (done - self._first) / (now - self._begun)
            left = (self._total - done) / rate if rate else float("inf")
            self.say(
                f"{self._name}: {done} of {self._total} units, {rate_text(rate)}, {time_text(left)} left"
            )

    def merging(self, name: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._said >= PLAIN_SECONDS:
            self._said = now
            self.say(f"{name}: merging, {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    def merged(self, merged: MergeResult) -> None:
        for line in merged_lines(merged):
            self.say(line)

    def say(self, line: str) -> None:
        sys.stderr.write(f"hpcml: {line}\n")
        sys.stderr.flush()


class RichProgress:
    """One bar per step."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task: TaskID | None = None
        self._merge: TaskID | None = None
        self._first, self._begun = 0, time.monotonic()

    def step(self, name: str, total: int, done: int) -> None:
        self._first, self._begun = done, time.monotonic()
        self._task = self._bar.add_task(name, total=total, completed=done, rate="")
        self._merge = None

    def units(self, done: int, failed: int) -> None:
        if self._task is not None:
            rate = (done - self._first) / max(time.monotonic() - self._begun, 0.001)
            self._bar.update(self._task, completed=done, rate=rate_text(rate) if rate else "")

    def merging(self, name: str, done: int, total: int) -> None:
        if total < 100_000_000:
            return  # over before one could read it
        if self._merge is None:
            self._merge = self._bar.add_task(f"{name} merge", total=total // 1_000_000, rate="MB")
        self._bar.update(self._merge, completed=done // 1_000_000)

    def merged(self, merged: MergeResult) -> None:
        for line in merged_lines(merged):
            self.say(line)

    def say(self, line: str) -> None:
        self._bar.console.print(line, highlight=False, markup=False)
