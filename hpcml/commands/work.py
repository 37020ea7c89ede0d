"""Inside the allocation: shards of one step, all ranks, until they are done or told to stop.

What lives here: how ranks begin and end together, the shard's last word, shards that are taken along.
What does not: which units are to do (agenda.py), computing them (rank.py), MPI (comm.py).
"""

from __future__ import annotations

import logging
import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hpcml import allocation
from hpcml.comm import Comm, connect
from hpcml.commands.agenda import Agenda, Task, agenda_of, attempt_numbers
from hpcml.commands.rank import Rank
from hpcml.errors import EXIT_DONE, EXIT_INCOMPLETE, EXIT_INTERRUPTED, HpcmlError
from hpcml.interruption import Interruption
from hpcml.opening import OpenCampaign, OpenStep
from hpcml.store.begun import Begun
from hpcml.store.journal import Journal

if TYPE_CHECKING:
    from hpcml.workload import Workload

log = logging.getLogger(__name__)
QUICK_SECONDS = 1.0  # what starting a job costs: a shard that takes less takes others along,
TAKING_SECONDS = 30.0  # for so long


def work(task: Task) -> int:
    """Compute the shard's missing units on all ranks of this world; the exit code of every rank."""
    with Interruption(allocation.end_time()) as interruption:
        comm = connect(task.ranks, allocation.launched_ranks(), by_openmpi=allocation.launched_by_openmpi())
        return _guarded(task, comm, interruption)


def _guarded(task: Task, comm: Comm, interruption: Interruption) -> int:
    """Whatever escapes from one rank ends all of them: a world with a hole would wait for ever."""
    try:
        return _Worker(task, comm, interruption).work()
    except HpcmlError as error:
        if comm.size > 1 and not error.on_all_ranks:
            log.error("rank %d: %s", comm.rank, error.message)
            comm.abort(error.exit_code)
        if comm.rank == 0:
            raise
        return error.exit_code
    except BaseException:
        if comm.size > 1:
            log.error("rank %d:\n%s", comm.rank, traceback.format_exc())
            comm.abort(1)
        raise


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
        problem.on_all_ranks = True
        raise problem
    return value


class _Worker:
    """The shards that one start computes: its own, and those that it takes along."""

    def __init__(self, task: Task, comm: Comm, interruption: Interruption) -> None:
        self.task, self.comm, self.interruption = task, comm, interruption
        self.shared: dict[int, tuple[Workload, Any]] = {}
        self.step: OpenStep | None = None
        self.wall = self.cpu = 0.0  # seconds that the journal has been told of

    def work(self) -> int:
        """The own shard's exit code.

        Starting a job costs a second, whatever it computes. So a start that had nothing to do for as
        long as that goes on with shards that nobody has begun; their own jobs then end at once.
        """
        code, seconds = self._shard(self.task)
        began = time.monotonic()
        while code == EXIT_DONE and self.task.begun:
            last = seconds > QUICK_SECONDS or time.monotonic() - began > TAKING_SECONDS
            further = _together(self.comm, lambda last=last: -1 if last else self._take())
            if further < 0:
                break
            self.interruption.go_on()
            taken, seconds = self._shard(replace(self.task, shard=further))
            if taken != EXIT_DONE:
                break  # its own job comes, tries again and says what is wrong
            if self.comm.rank == 0:
                Begun(self.task.begun, self.task.shard).done(further)
        return code

    def _take(self) -> int:
        assert self.task.begun is not None and self.step is not None
        if self.interruption.requested:
            return -1
        shards = self.task.shards or attempt_numbers(self.step, self.task.attempt)[1]
        return Begun(self.task.begun, self.task.shard).take(shards)

    def _shard(self, task: Task) -> tuple[int, float]:
        """(exit code, seconds) of one shard."""
        begun, comm = time.monotonic(), self.comm

        def prepare() -> Agenda:
            self.step = self.step or OpenCampaign(task.root).step(task.step)
            return agenda_of(task, self.step)

        agenda: Agenda = _together(comm, prepare)
        step = self.step = self.step or OpenCampaign(task.root).step(task.step)
        journal = Journal(step.opened.layout.journal)
        words = {"step": task.step, "shard": task.shard, "attempt": task.attempt}
        if comm.rank == 0:
            about = {**allocation.about_this_rank(), "restart": allocation.attempt_number()}
            if task.shard != self.task.shard:
                about["taken_along_by"] = self.task.shard
            journal.write("shard-started", **words, units=len(agenda.pending), ranks=comm.size, **about)
        rank = Rank(task, comm, step, agenda, journal, self.shared)
        interrupted, done, failed = rank.run(self.interruption)
        cpu_seconds, peak = allocation.usage()
        own = [0] * comm.size
        own[comm.rank] = peak
        totals = comm.gather_sum([int(interrupted), done, failed, round(1000 * cpu_seconds), *own])
        left = len(agenda.pending) - totals[1] + agenda.beyond_attempts
        if totals[0] and left > agenda.beyond_attempts:
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
            numbers = (task.shard, *totals[1:3], left)
            log.info("%s: shard %d: %d units done, %d failed, %d left", task.step, *numbers)
        return code, time.monotonic() - begun
