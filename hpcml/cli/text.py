"""What commands print, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.quantities import counted, measured, with_unit

if TYPE_CHECKING:
    from hpcml.attempts.submission import SubmitResult
    from hpcml.commands.efficiency import StepEfficiency
    from hpcml.commands.merge import MergeResult
    from hpcml.commands.status import CampaignStatus


_BEHIND = ("_error", "_is_bound")  # what is printed with the value it belongs to
FEW = 6  # values of an array that are printed in one line


def merged_lines(merged: MergeResult) -> Iterator[str]:
    word = "merged" if merged.fresh else "already merged"
    missing = f", {merged.missing} MISSING" if merged.missing else ""
    doubled = f", {merged.doubled} computed twice (and equal)" if merged.doubled - merged.conflicts else ""
    conflicts = f", {merged.conflicts} CONFLICTS" if merged.conflicts else ""
    yield f"{merged.step}: {word}, {counted(merged.units, 'unit')}{missing}{doubled}{conflicts}"
    for name in merged.listed:
        yield f"  units of {name} are listed"


def summary_lines(step: str, summary: Mapping[str, Any]) -> Iterator[str]:
    """What a step's summarise() gave, a line per result: numbers rounded by their error, with their unit.

    `NAME_error` is the error of NAME, `NAME_is_bound` says that NAME is only a bound; a name ends in its unit
    of measure (`resolution_gev`). Text is printed as it is, arrays of more than a few values are left to the
    table.
    """
    for name, value in summary.items():
        if any(name.endswith(suffix) and name.removesuffix(suffix) in summary for suffix in _BEHIND):
            continue
        if isinstance(value, bytes):
            yield f"{step}: {value.decode()}"
            continue
        label, unit = with_unit(name)
        error = summary.get(f"{name}_error")
        if np.ndim(value) == 0:
            bound = " (a bound)" if summary.get(f"{name}_is_bound") else ""
            yield f"{step}: {label} = {measured(value, error, unit)}{bound}"
        elif np.ndim(value) == 1 and len(value) <= FEW:
            errors = [None] * len(value) if error is None else np.asarray(error).tolist()
            bounds = np.broadcast_to(summary.get(f"{name}_is_bound", False), len(value)).tolist()
            numbers = zip(np.asarray(value).tolist(), errors, bounds, strict=True)
            shown = [measured(one, error, unit) + " (a bound)" * is_bound for one, error, is_bound in numbers]
            yield f"{step}: {label} = {', '.join(shown)}"


def status_lines(found: CampaignStatus) -> Iterator[str]:
    queue = f"  {counted(found.jobs, 'job')} queued or running" if found.jobs else ""
    yield f"{found.campaign}  {found.root}{queue}"
    if found.scheduler_error:
        yield f"the scheduler does not answer: {found.scheduler_error}"
    for step in found.steps:
        if step.units is None:
            yield f"{step.name:<20} waiting for the steps before it"
            continue
        running = f", {rate_text(step.rate)}, {time_text(step.seconds_left)} left" if step.rate else ""
        yield (
            f"{step.name:<20} {step.state:<11} {step.done} of {step.units} units done, {step.failed} failed,"
            f" {step.missing} missing{running}"
        )
        if len(step.shards) > 1:
            for shard in step.shards:
                pace = f", {rate_text(shard.rate)}" if shard.rate else ""
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
            yield f"  recorded more than once: {counted(step.doubled, 'unit')}"


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
        # what a killed start recorded is kept: its time is an upper bound of what was lost
        lost = f", {step.killed} killed (up to {step.lost / 3600:.2f} rank hours lost)" if step.killed else ""
        yield (
            f"{step.name}: CPUs were busy for {100 * step.efficiency:.0f} % of {step.allocated / 3600:.2f}"
            f" core hours; {counted(step.starts, 'start')}{lost}"
        )
        if step.peak_memory:
            yield (
                f"  peak memory {step.peak_memory / 1e9:.2f} GB per rank"
                f" (asked {step.asked_memory / 1e9:.2f}),"
                f" longest shard {time_text(step.longest)} (asked {time_text(step.asked_walltime)})"
            )
            yield (
                f"  next time: resources: {{memory: {step.next_memory // 1_000_000}MB,"
                f" walltime: {step.next_walltime}s}}"
            )


def rate_text(rate: float) -> str:
    return f"{rate:.0f} units/s" if rate >= 10 else f"{rate:.2g} units/s"


def time_text(seconds: float) -> str:
    if seconds == float("inf"):
        return "unknown time"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
