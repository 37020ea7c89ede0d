"""What people see while they wait, and the lines of status and merge.

A bar on a terminal; a plain line every 30 s in a log file.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from hpcml.attempts.submission import SubmitResult
    from hpcml.commands.efficiency import StepEfficiency
    from hpcml.commands.merge import MergeResult
    from hpcml.commands.run import Progress
    from hpcml.commands.status import CampaignStatus

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
        self.say(f"{name}: {total} units, {done} done before")

    def units(self, done: int, failed: int) -> None:
        now = time.monotonic()
        if now - self._said >= PLAIN_SECONDS:
            self._said = now
            rate = (done - self._first) / (now - self._begun)
            left = (self._total - done) / rate if rate else float("inf")
            self.say(f"{self._name}: {done} of {self._total} units, {_rate(rate)}, {_time(left)} left")

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
    """One bar a step."""

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
            self._bar.update(self._task, completed=done, rate=_rate(rate) if rate else "")

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


def merged_lines(merged: MergeResult) -> Iterator[str]:
    word = "merged" if merged.fresh else "already merged"
    missing = f", {merged.missing} MISSING" if merged.missing else ""
    doubled = f", {merged.doubled} computed twice (and equal)" if merged.doubled - merged.conflicts else ""
    conflicts = f", {merged.conflicts} CONFLICTS" if merged.conflicts else ""
    yield f"{merged.step}: {word}, {merged.units} units{missing}{doubled}{conflicts}"
    for name, digest in merged.digests.items():
        yield f"  {digest}  {merged.step}/{name}"
    for name in merged.listed:
        yield f"  units of {name} are listed"


def status_lines(found: CampaignStatus) -> Iterator[str]:
    queue = f"  {found.jobs} jobs queued or running" if found.jobs else ""
    yield f"{found.campaign}  {found.root}{queue}"
    if found.scheduler_error:
        yield f"the scheduler does not answer: {found.scheduler_error}"
    for step in found.steps:
        if step.units is None:
            yield f"{step.name:<20} waiting for the steps before it"
            continue
        running = f", {_rate(step.rate)}, {_time(step.seconds_left)} left" if step.rate else ""
        yield (
            f"{step.name:<20} {step.state:<11} {step.done} of {step.units} units done, {step.failed} failed,"
            f" {step.missing} missing{running}"
        )
        if len(step.shards) > 1:
            for shard in step.shards:
                pace = f", {_rate(shard.rate)}" if shard.rate else ""
                pace += f", job {shard.job}" if shard.job else ""
                pace += f" on {shard.node}" if shard.node else ""
                pace += f", restarted {shard.restarts}x" if shard.restarts else ""
                yield (
                    f"  shard {shard.shard:<5}        {shard.state:<11} {shard.done} of {shard.units} done,"
                    f" {shard.failed} failed, {shard.missing} missing{pace}"
                )
        for failure in step.failures[:5]:
            yield (
                f"  failed {failure['attempts']}x: {failure['unit']} on {failure['host']}"
                f" rank {failure['rank']}: {failure['error']}"
            )
        for line in [*step.damaged, *(f"{name}: of another campaign" for name in step.foreign)][:5]:
            yield f"  DAMAGED: {line}"
        if step.doubled:
            yield f"  {step.doubled} units are recorded more than once"


def sent_lines(sent: SubmitResult, dry_run: bool) -> Iterator[str]:
    yield f"attempt {sent.attempt}: {sent.folder}"
    for command in sent.calls if dry_run else ():
        yield " ".join(command)
    for name, job in {} if dry_run else sent.jobs.items():
        yield f"  {name}: job {job}" if job else f"  {name}: submitted by the DAG"
    if sent.waiting:
        yield f"  not submitted: {', '.join(sent.waiting)} (a step before them runs on this machine)"


def efficiency_lines(steps: list[StepEfficiency]) -> Iterator[str]:
    for step in steps:
        if not step.starts:
            yield f"{step.name}: not started"
            continue
        yield (
            f"{step.name}: {100 * step.efficiency:.0f} % of {step.allocated / 3600:.2f} core hours computed,"
            f" {step.lost / 3600:.2f} lost to {step.killed} killed of {step.starts} starts"
        )
        if step.peak_memory:
            yield (
                f"  peak memory {step.peak_memory / 1e9:.2f} GB a rank (asked {step.asked_memory / 1e9:.2f}),"
                f" longest shard {_time(step.longest)} (asked {_time(step.asked_walltime)})"
            )
            yield (
                f"  next time: resources: {{memory: {step.next_memory // 1_000_000}MB,"
                f" walltime: {step.next_walltime}s}}"
            )


def _rate(rate: float) -> str:
    return f"{rate:.0f} units/s" if rate >= 10 else f"{rate:.2g} units/s"


def _time(seconds: float) -> str:
    if seconds == float("inf"):
        return "unknown time"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
