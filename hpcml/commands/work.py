"""Computes shards of one step on all ranks of an allocation, until they are done or must stop.

All ranks start together and end with the same exit code. The shard's final journal entry is rank 0's. A start
that ends at once also computes shards that no other job has claimed.
"""

from __future__ import annotations

import logging
import time
import traceback
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from hpcml.directory.attempts import attempt_numbers
from hpcml.directory.opened import OpenCampaign, OpenStep
from hpcml.errors import EXIT_BUG, EXIT_DONE, EXIT_INCOMPLETE, EXIT_INTERRUPTED, HpcmlError, StorageError
from hpcml.store.journal import Journal
from hpcml.store.layout import Layout
from hpcml.user_code import describe_exception
from hpcml.worker import allocation
from hpcml.worker.assignment import Assignment, ShardRequest, assign
from hpcml.worker.claims import Claims
from hpcml.worker.comm import Comm, connect
from hpcml.worker.rank import Rank
from hpcml.worker.signals import Interruption

if TYPE_CHECKING:
    from hpcml.workload import Workload

log = logging.getLogger(__name__)
QUICK_SECONDS = 1.0  # what starting a job costs: after a shard that takes less, others are claimed,
CLAIMING_SECONDS = 30.0  # for so long


def work(request: ShardRequest) -> int:
    """Compute the shard's missing units on all ranks of this world; the exit code of every rank."""
    with Interruption(allocation.end_time()) as interruption:
        comm = connect(
            request.ranks, allocation.launched_ranks(), by_openmpi=allocation.launched_by_openmpi()
        )
        return _guarded(request, comm, interruption)


class _OnAllRanks(Exception):
    """An error that every rank of the world raises alike, so that none must abort the others."""

    def __init__(self, error: HpcmlError) -> None:
        super().__init__(error.message)
        self.error = error


def _guarded(request: ShardRequest, comm: Comm, interruption: Interruption) -> int:
    """An error that escapes from one rank ends all of them: the others would wait for it forever.

    It is in the journal before: the log of a job also holds what MPI prints about the end of its ranks.
    """
    try:
        return _Worker(request, comm, interruption).work()
    except _OnAllRanks as alike:
        if comm.rank == 0:
            _record_failure(request, comm, alike.error.exit_code, alike.error.message, alike.error.hint)
            raise alike.error from alike
        return alike.error.exit_code
    except HpcmlError as error:
        _record_failure(request, comm, error.exit_code, error.message, error.hint)
        if comm.size > 1:
            log.error("rank %d: %s", comm.rank, error.message)
            comm.abort(error.exit_code)
        raise
    except BaseException as error:
        _record_failure(request, comm, EXIT_BUG, describe_exception(error))
        if comm.size > 1:
            log.error("rank %d:\n%s", comm.rank, traceback.format_exc())
            comm.abort(EXIT_BUG)
        raise


def _record_failure(request: ShardRequest, comm: Comm, code: int, error: str, hint: str = "") -> None:
    """Write the last error of a start into the journal; never in place of the error itself."""
    layout = Layout(request.root)
    if not layout.campaign.is_file():
        return
    words = {"step": request.step, "shard": request.shard, "attempt": request.attempt, "rank": comm.rank}
    with suppress(StorageError):
        Journal(layout.journal).write("rank-failed", **words, code=code, error=error, hint=hint)


def _together(comm: Comm, prepare: Any) -> Any:
    """Run `prepare` on rank 0; its result or its error reaches every rank, so all end alike."""
    outcome: tuple[Any, HpcmlError | None] = (None, None)
    if comm.rank == 0:
        try:
            outcome = (prepare(), None)
        except HpcmlError as error:
            outcome = (None, error)
    value, problem = comm.bcast(outcome)
    if problem is not None:
        raise _OnAllRanks(problem)
    return value


class _Worker:
    """The shards that one start computes: its own, and those that it claims from other jobs."""

    def __init__(self, request: ShardRequest, comm: Comm, interruption: Interruption) -> None:
        self.request, self.comm, self.interruption = request, comm, interruption
        self.shared: dict[int, tuple[Workload, Any]] = {}
        self.step: OpenStep | None = None
        self.wall = self.cpu = 0.0  # seconds that the journal has already

    def work(self) -> int:
        """The own shard's exit code.

        Starting a job costs a second, whatever it computes. So a start that had nothing to do for as
        long as that goes on with shards that no job has claimed; their own jobs then end at once.
        """
        code, seconds = self._shard(self.request)
        began = time.monotonic()
        while code == EXIT_DONE and self.request.claims:
            enough = seconds > QUICK_SECONDS or time.monotonic() - began > CLAIMING_SECONDS
            # by the clock of rank 0: all ranks must go on, or none
            further: int | None = _together(self.comm, partial(self._claim, enough))
            if further is None:
                break
            self.interruption.go_on()
            taken, seconds = self._shard(replace(self.request, shard=further))
            if taken != EXIT_DONE:
                break  # its own job comes, tries again and reports what is wrong
            if self.comm.rank == 0:
                Claims(self.request.claims, self.request.shard).done(further)
        return code

    def _claim(self, enough: bool) -> int | None:
        """Another shard to compute, on rank 0; None when it is enough or there is none."""
        assert self.request.claims is not None and self.step is not None
        if enough or self.interruption.requested:
            return None
        shards = self.request.shards or attempt_numbers(self.step, self.request.attempt)[1]
        return Claims(self.request.claims, self.request.shard).claim(shards)

    def _shard(self, request: ShardRequest) -> tuple[int, float]:
        """(exit code, seconds) of one shard."""
        begun, comm = time.monotonic(), self.comm

        def prepare() -> Assignment:
            self.step = self.step or OpenCampaign(request.root).step(request.step)
            return assign(request, self.step)

        assignment: Assignment = _together(comm, prepare)
        step = self.step = self.step or OpenCampaign(request.root).step(request.step)
        journal = Journal(step.opened.layout.journal)
        words = {"step": request.step, "shard": request.shard, "attempt": request.attempt}
        if comm.rank == 0:
            about = {**allocation.about_this_rank(), "restart": allocation.attempt_number()}
            if request.shard != self.request.shard:
                about["claimed_by"] = self.request.shard
            journal.write("shard-started", **words, units=len(assignment.pending), ranks=comm.size, **about)
        rank = Rank(request, comm, step, assignment, journal, self.shared)
        interrupted, done, failed = rank.run(self.interruption)
        cpu_seconds, peak = allocation.usage()
        own = [0] * comm.size
        own[comm.rank] = peak
        totals = comm.gather_sum([int(interrupted), done, failed, round(1000 * cpu_seconds), *own])
        left = len(assignment.pending) - totals[1] + assignment.beyond_attempts
        if totals[0] and left > assignment.beyond_attempts:
            code, word = EXIT_INTERRUPTED, "shard-interrupted"
        elif left:
            code, word = EXIT_INCOMPLETE, "shard-incomplete"
        else:
            code, word = EXIT_DONE, "shard-done"
        if comm.rank == 0:
            wall, cpu = allocation.process_age(), totals[3] / 1000
            used = {
                "ranks": comm.size, "wall_seconds": round(wall - self.wall, 3),
                "cpu_seconds": round(cpu - self.cpu, 3), "peak_bytes": max(totals[4:]),
            }  # fmt: skip
            self.wall, self.cpu = wall, cpu
            journal.write(word, **words, done=totals[1], failed=totals[2], left=left, **used)
            numbers = (request.shard, *totals[1:3], left)
            log.info("%s: shard %d: %d units done, %d failed, %d left", request.step, *numbers)
        return code, time.monotonic() - begun
