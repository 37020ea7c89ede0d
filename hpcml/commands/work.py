"""Inside the allocation: one shard of one step, all ranks, until it is done or told to stop.

What lives here: who computes which unit when, and how a rank ends. What does not: the queue
(dealing.py), what is written when (store/recorder.py), MPI (comm.py).
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml import allocation
from hpcml.comm import Comm, connect
from hpcml.dealing import Queue
from hpcml.errors import (
    EXIT_DONE,
    EXIT_INCOMPLETE,
    EXIT_INTERRUPTED,
    HpcmlError,
    InputChanged,
    PlanConflict,
    StorageError,
    UsageError,
)
from hpcml.interruption import Interruption, UnitDropped
from hpcml.opening import OpenCampaign, OpenStep
from hpcml.store.context import UnitContext
from hpcml.store.journal import Journal
from hpcml.store.ledger import failed_attempts, scan
from hpcml.store.recorder import Recorder, seal_left_logs
from hpcml.store.sealed import ids_of
from hpcml.store.units import shard_bounds

if TYPE_CHECKING:
    from hpcml.workload import Workload

log = logging.getLogger(__name__)
PROGRESS_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Task:
    """One shard of one step, as rank.sh or `run` asks for it."""

    root: Path
    step: str
    shard: int = 0
    shards: int = 0
    attempt: int = 1
    ranks: int = 0


@dataclass(frozen=True, slots=True)
class Agenda:
    """What rank 0 found out and every rank needs: numbers of the units to do and earlier failures."""

    pending: np.ndarray[Any, np.dtype[np.int64]]
    failures: Mapping[int, int]
    beyond_attempts: int
    shard_size: int


def work(task: Task) -> int:
    """Compute the shard's missing units on all ranks of this world; the exit code of every rank."""
    with Interruption(allocation.end_time()) as interruption:
        comm = connect(task.ranks, allocation.launched_ranks())
        return _guarded(task, comm, interruption)


def _guarded(task: Task, comm: Comm, interruption: Interruption) -> int:
    """Whatever escapes from one rank ends all of them: a world with a hole would wait for ever."""
    try:
        return _work(task, comm, interruption)
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


def _work(task: Task, comm: Comm, interruption: Interruption) -> int:
    opened = OpenCampaign(task.root)
    step = opened.step(task.step)
    agenda: Agenda = _together(comm, lambda: _agenda(task, step))
    journal = Journal(opened.layout.journal)
    words = {"step": task.step, "shard": task.shard, "attempt": task.attempt}
    if comm.rank == 0:
        about = {**allocation.about_this_rank(), "ranks": comm.size, "restart": allocation.attempt_number()}
        journal.write("shard-started", **words, units=len(agenda.pending), **about)
    rank = _Rank(task, comm, step, agenda, journal)
    interrupted, done, failed = rank.run(interruption)
    totals = comm.gather_sum([int(interrupted), done, failed])
    left = len(agenda.pending) - totals[1] + agenda.beyond_attempts
    if totals[0] and left > agenda.beyond_attempts:
        code, word = EXIT_INTERRUPTED, "shard-interrupted"
    elif left:
        code, word = EXIT_INCOMPLETE, "shard-incomplete"
    else:
        code, word = EXIT_DONE, "shard-done"
    if comm.rank == 0:
        journal.write(word, **words, done=totals[1], failed=totals[2], left=left)
        log.info("%s: shard %d: %d units done, %d failed, %d left", task.step, task.shard, *totals[1:], left)
    return code


def shard_numbers(task: Task, step: OpenStep) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Unit numbers of the shard: of all units, or of those that a resume set out to do."""
    units = step.units()
    numbers = np.arange(len(units))
    shards = task.shards or step.plan.resources.shards
    if task.attempt > 1:
        path = step.layout.attempt(task.attempt)
        try:
            attempt = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(f"step {step.name!r} has no attempt {task.attempt} ({path})") from None
        runs = np.array([tuple(run) for run in attempt["units"]], [("first", "<u4"), ("count", "<u4")])
        numbers = ids_of(runs)
        shards = attempt["shards"]
    if not 0 <= task.shard < shards:
        raise UsageError(f"step {step.name!r} has shards 0 to {shards - 1}, not {task.shard}")
    bounds = shard_bounds(units.cost[numbers], shards)
    return numbers[bounds[task.shard] : bounds[task.shard + 1]]


def _agenda(task: Task, step: OpenStep) -> Agenda:
    """Rank 0: which units of the shard are still to do."""
    check_inputs(step)
    units, identity = step.units(), step.identity()
    fingerprint, _ = step.fingerprint()
    if fingerprint != units.fingerprint:
        raise PlanConflict(
            f"the inputs of step {step.name!r} have changed since its units were listed",
            "run `hpcml plan` again",
        )
    for problem in seal_left_logs(step.layout, units.keys, units.schema, identity):
        log.warning("%s; left where it is, its units count as missing", problem)
    numbers = shard_numbers(task, step)
    done = scan(step.layout, len(units), identity).done
    missing = numbers[~done[numbers]]
    counts, _ = failed_attempts(step.opened.layout, step.name)
    failures = {number: counts[units.key(number)] for number in missing.tolist() if counts} if counts else {}
    failures = {number: count for number, count in failures.items() if count}
    beyond = {number for number, count in failures.items() if count >= step.plan.max_attempts}
    pending = missing[~np.isin(missing, list(beyond))] if beyond else missing
    # long units first: the last ones to end are then short
    cost = units.cost[pending]
    if len(cost) and cost.min() != cost.max():
        pending = pending[np.argsort(-cost, kind="stable")]
    return Agenda(pending, failures, len(beyond), len(numbers))


def check_inputs(step: OpenStep) -> None:
    """InputChanged when a file is no longer what was planned (size, then mtime and sampled hash)."""
    from hpcml.inputfile import input_changed

    for name, one in step.plan.inputs.items():
        for file in one.files:
            why = input_changed(file)
            if why:
                raise InputChanged(
                    f"input {name!r} of step {step.name!r} has changed since it was planned: {why}",
                    "put the file back, or plan a new campaign for the new one",
                )


class _Rank:
    """What one rank does between the first unit and the last."""

    def __init__(self, task: Task, comm: Comm, step: OpenStep, agenda: Agenda, journal: Journal) -> None:
        self.task, self.comm, self.step, self.agenda, self.journal = task, comm, step, agenda, journal
        self.units = units = step.units()
        self.about = allocation.about_this_rank()
        self.workload_class = step.workload_class()
        self.artifacts, self.externals = bool(self.workload_class.artifacts), self.workload_class.externals
        self.context = UnitContext(step.layout, step.opened.campaign.seed, self.workload_class.artifacts)
        self.recorder = Recorder(
            step.layout, units.schema, step.identity(), units.keys,
            shard=task.shard, rank=comm.rank, about=self.about, recorded=self.context.recorded,
        )  # fmt: skip
        self.numbers = self._numbers_of_node()
        self.queue = self._open_queue()
        self.failures = dict(agenda.failures)
        self.again: list[int] = []
        self.done = 0
        self.failed = 0
        self.longest = 0.0
        self._shared: dict[int, tuple[Workload, Any]] = {}
        self._said = time.monotonic()

    def _numbers_of_node(self) -> Sequence[int]:
        """The node's units: all of them on one node, else every n-th by number of ranks."""
        if self.comm.nodes == 1:
            chosen = self.agenda.pending
        else:
            slots = np.array(self.comm.node_of_rank)[np.arange(len(self.agenda.pending)) % self.comm.size]
            chosen = self.agenda.pending[slots == self.comm.node]
        return [int(number) for number in chosen]

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
        while chunk := queue.draw():
            for position in chunk:
                self._one(numbers[position], interruption)
                if interruption.requested or queue.stopped:
                    return
                if queue.too_long(position - chunk.start + 1) and position + 1 < chunk.stop:
                    self.recorder.write()
                    if queue.give_back(range(position + 1, chunk.stop)):
                        break
                if interruption.no_time_for(self.longest):
                    interruption.request()
                    return
            self._say_progress()
        while self.again and not (interruption.requested or queue.stopped):
            self._one(self.again.pop(0), interruption)

    def _one(self, number: int, interruption: Interruption) -> None:
        """Compute and record one unit; its exception is a failure of this unit alone."""
        context = self.context
        unit = self.units.unit(number)
        context.begin(unit)
        workload, shared = self._opened(int(self.units.combination[number]))
        begun = time.perf_counter()
        try:
            with interruption.unit():
                result = workload.process(unit, shared, context)
            if self.artifacts or self.externals:
                result = {**result, **context.file_rows(self.artifacts, self.externals)}
            now = time.perf_counter()
            self.recorder.add(number, result, now, now - begun)
        except StorageError:
            raise
        except Exception as error:
            self._failed(number, unit.key, error)
            context.end(done=False)
            return
        context.end(done=True)
        self.done += 1
        if now - begun > self.longest:
            self.longest = now - begun

    def _opened(self, combination: int) -> tuple[Workload, Any]:
        """The workload of one combination of swept values, opened once a rank."""
        if combination not in self._shared:
            workload = self.step.instance(self.units.combinations[combination])
            self._shared[combination] = (workload, workload.open(self.step.inputs()))
        return self._shared[combination]

    def _failed(self, number: int, key: str, error: Exception) -> None:
        self.failures[number] = attempts = self.failures.get(number, 0) + 1
        self.journal.write(
            "unit-failed", step=self.task.step, shard=self.task.shard, unit=key, attempt=attempts,
            rank=self.comm.rank, host=self.about["host"],
            error=f"{type(error).__name__}: {error}", traceback=traceback.format_exc(),
        )  # fmt: skip
        log.warning("unit %s failed (attempt %d): %s: %s", key, attempts, type(error).__name__, error)
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
                self.task.step,
                self.task.shard,
                drawn,
                len(self.numbers),
            )
