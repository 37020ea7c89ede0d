"""Inside the allocation: one shard of one step, all ranks, until it is done or told to stop.

What lives here: who computes which unit when, and how a rank ends. What does not: the queue
(dealing.py), what is written when (store/recorder.py), MPI (comm.py).
"""

from __future__ import annotations

import json
import logging
import os
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml import allocation
from hpcml.authors import authored, said
from hpcml.comm import Comm, connect
from hpcml.commands.adopt import adopt
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
from hpcml.store.recorder import Recorder, RecordingFailed, seal_left_logs
from hpcml.store.sealed import RUN, ids_of
from hpcml.store.units import shard_bounds

if TYPE_CHECKING:
    from hpcml.workload import Workload

log = logging.getLogger(__name__)
PROGRESS_SECONDS = 30.0
TRACEBACK = 20_000  # characters of it that the journal keeps


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
        comm = connect(task.ranks, allocation.launched_ranks(), by_openmpi=allocation.launched_by_openmpi())
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
    mine: list[OpenStep] = []

    def prepare() -> Agenda:
        mine.append(OpenCampaign(task.root).step(task.step))
        return _agenda(task, mine[0])

    agenda: Agenda = _together(comm, prepare)
    step = mine[0] if mine else OpenCampaign(task.root).step(task.step)
    journal = Journal(step.opened.layout.journal)
    words = {"step": task.step, "shard": task.shard, "attempt": task.attempt}
    if comm.rank == 0:
        about = {**allocation.about_this_rank(), "ranks": comm.size, "restart": allocation.attempt_number()}
        journal.write("shard-started", **words, units=len(agenda.pending), **about)
    rank = _Rank(task, comm, step, agenda, journal)
    interrupted, done, failed = rank.run(interruption)
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
        used = {
            "ranks": comm.size, "wall_seconds": round(allocation.process_age(), 3),
            "cpu_seconds": totals[3] / 1000, "peak_bytes": max(totals[4:]),
        }  # fmt: skip
        journal.write(word, **words, done=totals[1], failed=totals[2], left=left, **used)
        log.info("%s: shard %d: %d units done, %d failed, %d left", task.step, task.shard, *totals[1:3], left)
    return code


def shard_numbers(task: Task, step: OpenStep) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Unit numbers of the shard: of those that the attempt set out to do, else of all units."""
    units = step.units()
    numbers, planned = attempt_numbers(step, task.attempt)
    shards = task.shards or planned
    if not 0 <= task.shard < shards:
        raise UsageError(f"step {step.name!r} has shards 0 to {shards - 1}, not {task.shard}")
    bounds = shard_bounds(units.cost[numbers], shards)
    mine: np.ndarray[Any, np.dtype[np.int64]] = numbers[bounds[task.shard] : bounds[task.shard + 1]]
    return mine


def attempt_numbers(step: OpenStep, attempt: int) -> tuple[np.ndarray[Any, np.dtype[np.int64]], int]:
    """(unit numbers, shards) of an attempt.

    A resume writes them down for the step that it found unfinished; for the first attempt, and for
    steps whose units were not listed then, they are all units in the job file's shards.
    """
    try:
        raw = json.loads(step.layout.attempt(attempt).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return np.arange(len(step.units())), step.plan.resources.shards
    runs = np.array([tuple(run) for run in raw["units"]], RUN)
    return ids_of(runs), int(raw["shards"])


def _agenda(task: Task, step: OpenStep) -> Agenda:
    """Rank 0: which units of the shard are still to do."""
    check_inputs(step)
    box = step.opened.box
    if box:  # file transfer: what earlier starts of this job recorded came along
        adopt(step.opened, keep=True)
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
    if box:
        done[ids_of(np.array(list(box.done), RUN))] = True
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
            why = input_changed(replace(file, path=step.opened.place(file.path)))
            if why:
                raise InputChanged(
                    f"input {name!r} of step {step.name!r} has changed since it was planned: {why}",
                    "put the file back, or plan a new campaign for the new one",
                )


class _Forks:
    """How many forks led to this process: what a system call after every unit would tell."""

    count = 0

    def __init__(self) -> None:
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self.count += 1


_forks = _Forks()


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
        self.forks = _forks.count

    def _numbers_of_node(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The node's units: all of them on one node, else every n-th by number of ranks."""
        pending = self.agenda.pending
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
        with authored(self.step.plan.workload, "open()", hint="mend the workload, then `hpcml resume DIR`"):
            self._shared[combination] = (workload, workload.open(inputs))

    def _failed(self, number: int, key: str, error: BaseException) -> None:
        self.failures[number] = attempts = self.failures.get(number, 0) + 1
        self.journal.write(
            "unit-failed", step=self.task.step, shard=self.task.shard, unit=key, attempt=attempts,
            rank=self.comm.rank, host=self.about["host"],
            error=said(error), traceback=traceback.format_exc()[-TRACEBACK:],
        )  # fmt: skip
        log.warning("unit %s failed (attempt %d): %s", key, attempts, said(error))
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
