"""One rank of a shard, between its first unit and its last: draw, compute, record.

An exception in `process` is a failure of its unit alone.
"""

from __future__ import annotations

import logging
import os
import time
import traceback
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.directory.opened import OpenStep
from hpcml.errors import StorageError
from hpcml.store.context import UnitContext
from hpcml.store.journal import Journal
from hpcml.store.recorder import Recorder, RecordingFailed
from hpcml.user_code import calling_user_code, describe_exception
from hpcml.worker import allocation
from hpcml.worker.assignment import Assignment, ShardRequest
from hpcml.worker.comm import Comm
from hpcml.worker.queue import Queue
from hpcml.worker.signals import Interruption, UnitDropped

if TYPE_CHECKING:
    from hpcml.workload import Workload

log = logging.getLogger(__name__)
PROGRESS_SECONDS = 30.0
TRACEBACK = 20_000  # characters of it that the journal keeps


class _Forks:
    """How many forks led to this process: what a system call after every unit would tell."""

    count = 0

    def __init__(self) -> None:
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self.count += 1


_forks = _Forks()


class Rank:
    """What one rank does between the first unit and the last."""

    def __init__(
        self, request: ShardRequest, comm: Comm, step: OpenStep, assignment: Assignment, journal: Journal,
        shared: dict[int, tuple[Workload, Any]],
    ) -> None:  # fmt: skip
        self.request, self.comm, self.step, self.assignment, self.journal = (
            request,
            comm,
            step,
            assignment,
            journal,
        )
        self.units = units = step.units()
        self.about = allocation.about_this_rank()
        self.workload_class = step.workload_class()
        self.artifacts, self.externals = bool(self.workload_class.artifacts), self.workload_class.externals
        self.context = UnitContext(step.layout, step.opened.campaign.seed, self.workload_class.artifacts)
        self.recorder = Recorder(
            step.layout, units.schema, step.identity(), units.keys,
            shard=request.shard, rank=comm.rank, about=self.about, recorded=self.context.recorded,
        )  # fmt: skip
        self.numbers = self._numbers_of_node()
        self.queue = self._open_queue()
        self.failures = dict(assignment.failures)
        self.again: list[int] = []
        self.done = 0
        self.failed = 0
        self.longest = 0.0
        self._shared = shared
        self._said = time.monotonic()
        self.forks = _forks.count

    def _numbers_of_node(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The node's units: all of them on one node, else every n-th by number of ranks."""
        pending = self.assignment.pending
        if self.comm.nodes == 1:
            return pending
        slots = np.array(self.comm.node_of_rank)[np.arange(len(pending)) % self.comm.size]
        mine: np.ndarray[Any, np.dtype[np.int64]] = pending[slots == self.comm.node]
        return mine

    def _open_queue(self) -> Queue:
        path = Queue.create(len(self.numbers)) if self.comm.node_rank == 0 else None
        path = self.comm.node_bcast(path)
        queue = Queue(path, self.comm.node_size)
        self.comm.node_barrier()
        if self.comm.node_rank == 0:
            path.unlink()
        return queue

    def run(self, interruption: Interruption) -> tuple[bool, int, int]:
        """(interrupted, units done, units failed)."""
        interruption.tell_others = self.queue.stop
        if interruption.requested:
            self.queue.stop()
        try:
            self._loop(interruption)
        except UnitDropped:
            self.context.end(done=False)
        interruption.finish_quietly()
        self.recorder.seal()
        stopped = interruption.requested or self.queue.stopped
        interruption.tell_others = None
        self.queue.close()
        return stopped, self.done, self.failed

    def _loop(self, interruption: Interruption) -> None:
        queue, numbers = self.queue, self.numbers
        while rest := queue.draw():
            while rest:
                ended = self._compute(numbers[rest.start : rest.stop], interruption)
                rest = rest[ended:]
                if interruption.requested or queue.stopped:
                    return
                if interruption.no_time_for(self.longest):
                    interruption.request()
                    return
                if queue.too_long(ended) and rest:
                    self.recorder.write()
                    if queue.give_back(rest):
                        break
            self._say_progress()
        while self.again and not (interruption.requested or queue.stopped):
            self._compute(np.array([self.again.pop(0)]), interruption)

    def _compute(self, numbers: np.ndarray[Any, np.dtype[np.int64]], interruption: Interruption) -> int:
        """Compute and record units one by one; how many ended before it was time to look up.

        An exception is a failure of its unit alone. Nothing is done here twice a unit that can be
        done once a chunk: short units come by the hundred thousand a second.
        """
        context, add, shared_of, forks = self.context, self.recorder.add, self._shared, self.forks
        files = self.artifacts or self.externals
        look_up = self.queue.look_up
        ended = 0
        clock = time.perf_counter
        begun = clock()
        for number, unit, combination in zip(
            numbers.tolist(), self.units.units(numbers), self.units.combination[numbers].tolist(), strict=True
        ):
            context.begin(unit)
            if combination not in shared_of:
                self._open(combination)
                begun = clock()
            workload, shared = shared_of[combination]
            try:
                interruption.in_unit = True
                try:
                    result = workload.process(unit, shared, context)
                finally:
                    interruption.in_unit = False
                    if _forks.count != forks:  # process() forked: its child is no second rank
                        os._exit(1)
                if files:
                    result = {**result, **context.file_rows(self.artifacts, self.externals)}
                now = clock()
                if now - begun > self.longest:
                    self.longest = now - begun
                begun = add(number, result, begun, now)
            except (StorageError, RecordingFailed):
                raise
            except (Exception, SystemExit) as error:  # sys.exit() in a unit does not end the rank
                self._failed(number, unit.key, error)
                context.end(done=False)
                begun = clock()
            else:
                if context.used:
                    context.end(done=True)
                self.done += 1
            ended += 1
            if begun > look_up:
                break
        return ended

    def _open(self, combination: int) -> None:
        """Open the workload of one combination of swept values, once a rank."""
        workload = self.step.instance(self.units.combinations[combination])
        inputs = self.step.inputs()
        with calling_user_code(
            self.step.plan.workload,
            "open()",
            hint=f"fix the workload, then `hpcml resume {self.step.opened.root}`",
        ):
            self._shared[combination] = (workload, workload.open(inputs))

    def _failed(self, number: int, key: str, error: BaseException) -> None:
        self.failures[number] = attempts = self.failures.get(number, 0) + 1
        self.journal.write(
            "unit-failed", step=self.request.step, shard=self.request.shard, unit=key, attempt=attempts,
            rank=self.comm.rank, host=self.about["host"],
            error=describe_exception(error), traceback=traceback.format_exc()[-TRACEBACK:],
        )  # fmt: skip
        log.warning("unit %s failed (attempt %d): %s", key, attempts, describe_exception(error))
        if attempts < self.step.plan.max_attempts:
            self.again.append(number)
        else:
            self.failed += 1

    def _say_progress(self) -> None:
        now = time.monotonic()
        if self.comm.rank == 0 and now - self._said >= PROGRESS_SECONDS:
            self._said = now
            drawn = min(self.queue.drawn(), len(self.numbers))
            log.info(
                "%s: shard %d: %d of %d units begun",
                self.request.step,
                self.request.shard,
                drawn,
                len(self.numbers),
            )
