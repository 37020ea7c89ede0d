"""What a resume submits, over a table of situations: no file, no scheduler, no fake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from hpcml.attempts.decision import Survey, decide
from hpcml.attempts.jobs import Jobs, ShardJob
from hpcml.attempts.outcomes import JobOutcome, StepOutcomes
from hpcml.campaign import Resources
from hpcml.directory.history import History
from hpcml.schedulers.base import JobRecord, JobRef, Submission
from hpcml.schedulers.failures import Explanation, Failure
from hpcml.states import JobState
from hpcml.store.ledger import Ledger

UNITS = 8
PLANNED = Resources(ranks=1, memory=1_000_000_000, walltime=600, shards=2)
HALVES = (np.arange(4), np.arange(4, 8))


def entry(event: str, time: float, **values: Any) -> dict[str, Any]:
    return {"event": event, "time": time, "step": "scan", **values}


def failures(*keys: str, times: int = 2) -> list[dict[str, Any]]:
    return [entry("unit-failed", 10.0 + at, unit=key, error="E") for key in keys for at in range(times)]


def job(shard: int, state: JobState, attempt: int = 1) -> ShardJob:
    return ShardJob("scan", attempt, shard, JobRef("7", shard), JobRecord(state))


def ended(shard: int, failure: Failure, **record: Any) -> JobOutcome:
    found = JobRecord(JobState.FAILED, **record)
    return JobOutcome(
        ShardJob("scan", 1, shard, JobRef("7", shard), found), found, Explanation("It ended.", "", failure)
    )


def merge_job(state: JobState) -> tuple[Submission, JobRef, JobRecord]:
    return Submission("scan-merge", "merge", "scan", "merge"), JobRef("9"), JobRecord(state)


@dataclass(frozen=True)
class Situation:
    """What is known, and what must be decided. done: unit numbers that are recorded."""

    name: str
    units: Sequence[int]
    submit: bool = True
    shards: int = 2
    done: Sequence[int] = ()
    jobs: Sequence[ShardJob] = ()
    merge: JobState | None = None
    history: Sequence[dict[str, Any]] = ()
    outcomes: Sequence[JobOutcome] = ()
    bad_nodes: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    wanted_shards: int = 0
    automatic: bool = False
    only: Sequence[int] | None = None
    says: Sequence[str] = ()
    refuses: str = ""
    memory: int = PLANNED.memory
    walltime: int = PLANNED.walltime
    exclude: tuple[str, ...] = ()


MEMORY = (ended(0, Failure.MEMORY), ended(1, Failure.MEMORY))
SITUATIONS = (
    Situation("all jobs are gone", units=range(8)),
    Situation("some units are done", units=[1, 2, 5], done=[0, 3, 4, 6, 7]),
    Situation("never more shards than units", units=[5], shards=1, done=[0, 1, 2, 3, 4, 6, 7]),
    Situation(
        "units that were chosen, without those that are done",
        units=[2, 4],
        done=[0, 3],
        only=[0, 2, 4],
        says=["scan: 4 other units are left"],
    ),
    Situation(
        "the chosen units are done and others are left: no merge",
        units=[],
        submit=False,
        shards=0,
        done=[0, 3],
        only=[0, 3],
        says=["scan: 6 other units are left", "nothing to submit"],
    ),
    Situation("chosen units that were the last to compute", units=[], shards=0, done=range(8), only=[0, 3]),
    Situation(
        "chosen units are left to live jobs, whether a merge waits or not",
        units=[],
        submit=False,
        only=[1],
        jobs=[job(0, JobState.RUNNING)],
        says=["scan: 7 other units are left", "1 units are left to jobs", "nothing to submit"],
    ),
    Situation(
        "all chosen units failed too often",
        units=[],
        submit=False,
        only=[0],
        history=failures("u0"),
        refuses="scan: 1 units failed 2x",
    ),
    Situation("other shards than planned", units=range(8), shards=5, wanted_shards=5),
    Situation("only the merge is missing", units=[], shards=0, done=range(8)),
    Situation(
        "units of live jobs are left to them",
        units=[4, 5, 6, 7],
        jobs=[job(0, JobState.RUNNING), job(1, JobState.FAILED)],
        says=["scan: 4 units are left to jobs that are queued or running"],
    ),
    Situation(
        "a held job keeps its units",
        units=[0, 1, 2, 3],
        jobs=[job(0, JobState.TIMEOUT), job(1, JobState.HELD)],
        says=["scan: 4 units are left to jobs that are queued or running"],
    ),
    Situation(
        "all is queued and the merge behind it",
        units=[],
        submit=False,
        jobs=[job(0, JobState.PENDING), job(1, JobState.PENDING)],
        merge=JobState.PENDING,
        says=["8 units are left to jobs", "nothing to submit"],
    ),
    Situation(
        "an array is at work and no merge job waits for it",
        units=[],
        shards=0,
        jobs=[job(0, JobState.RUNNING), job(1, JobState.RUNNING)],
        says=["8 units are left to jobs"],
    ),
    Situation(
        "units that failed too often are not tried again",
        units=[1, 2, 3, 4, 5, 6, 7],
        history=failures("u0"),
        says=["scan: 1 units failed 2x and are not tried again (--retry-failed does)"],
    ),
    Situation("a unit that failed once is tried again", units=range(8), history=failures("u0", times=1)),
    Situation(
        "failures that were forgiven do not count",
        units=range(8),
        history=[*failures("u0", "u1"), entry("failures-forgiven", 50.0)],
    ),
    Situation(
        "failures of another step do not count",
        units=range(8),
        history=[{**one, "step": "other"} for one in failures("u0")],
    ),
    Situation(
        "nothing is left but failures: a person is told",
        units=[],
        submit=False,
        done=range(1, 8),
        history=failures("u0"),
        refuses="scan: 1 units failed 2x",
    ),
    Situation(
        "nothing is left but failures: a merge job ends",
        units=[],
        submit=False,
        done=range(1, 8),
        history=failures("u0"),
        automatic=True,
        says=["nothing to submit"],
    ),
    Situation(
        "memory grows after a kill",
        units=range(8),
        outcomes=MEMORY,
        memory=1_500_000_000,
        says=["scan: 2 shard(s) ended by memory: 1.5 GB per rank instead of 1"],
    ),
    Situation(
        "memory stops at the site's ceiling",
        units=range(8),
        outcomes=MEMORY,
        options={"memory_ceiling": "1.2 GB"},
        memory=1_200_000_000,
    ),
    Situation(
        "it starts from the last request, not from the plan",
        units=range(8),
        outcomes=MEMORY,
        history=[
            entry("resources", 5.0, memory=1_500_000_000, walltime=600, planned=[1, 10**9, 600], done=0,
                  exclude=[], why=[])
        ],
        memory=2_250_000_000,
    ),
    Situation(
        "a job file that was changed since has the last word",
        units=range(8),
        outcomes=MEMORY,
        history=[
            entry("resources", 5.0, memory=9_000_000_000, walltime=600, planned=[1, 500, 600], done=0,
                  exclude=[], why=[])
        ],
        says=["ended by memory: what the job file asks for now"],
    ),
    Situation(
        "the wall time grows after a time limit",
        units=range(8),
        outcomes=[ended(0, Failure.TIME)],
        walltime=900,
    ),
    Situation(
        "a bad node is avoided",
        units=range(8),
        outcomes=[ended(0, Failure.NODE, node="n2")],
        bad_nodes=("n2",),
        exclude=("n2",),
        says=["scan: it avoids n2, where jobs failed"],
    ),
    Situation(
        "a node that was forgiven is not avoided",
        units=range(8),
        outcomes=[ended(0, Failure.NODE, node="n2")],
        bad_nodes=("n2",),
        history=[entry("failures-forgiven", 50.0)],
    ),
    Situation(
        "an error in the code is tried again by a person",
        units=range(8),
        outcomes=[ended(0, Failure.CODE)],
    ),
    Situation(
        "an error in the code is not tried again by a merge job",
        units=range(8),
        submit=False,
        shards=0,
        outcomes=[ended(0, Failure.CODE)],
        automatic=True,
        says=["ended by code", "not tried again by itself"],
    ),
    Situation(
        "a merge job tries again what another try can get past",
        units=range(8),
        outcomes=[ended(0, Failure.PREEMPT)],
        automatic=True,
    ),
    Situation(
        "a merge job stops after five attempts that recorded nothing new",
        units=range(8),
        submit=False,
        shards=0,
        outcomes=[ended(0, Failure.PREEMPT)],
        history=[
            entry("resources", float(at), memory=10**9, walltime=600, planned=[1, 10**9, 600], done=0,
                  exclude=[], why=[])
            for at in range(5)
        ],
        automatic=True,
        says=["5 attempts in a row recorded nothing new", "not tried again by itself"],
    ),
)  # fmt: skip


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_the_decision(situation: Situation) -> None:
    done = np.zeros(UNITS, bool)
    done[list(situation.done)] = True
    jobs = Jobs(attempts=[1], shards=list(situation.jobs))
    if situation.merge:
        jobs.merges_and_dags.append(merge_job(situation.merge))
    decision = decide(
        History(tuple(sorted(situation.history, key=lambda one: one["time"]))),
        jobs,
        Ledger(done, 0, [], []),
        Survey(
            root="/c",
            step="scan",
            keys=[f"u{number}" for number in range(UNITS)],
            planned=PLANNED,
            max_attempts=2,
            options=situation.options,
            units_of={1: HALVES},
            outcomes=StepOutcomes(list(situation.outcomes), situation.bad_nodes),
        ),
        shards=situation.wanted_shards,
        automatic=situation.automatic,
        only=None if situation.only is None else np.array(situation.only, np.int64),
    )
    assert decision.submit is situation.submit
    assert decision.units.tolist() == list(situation.units)
    said = "\n".join(decision.messages)
    assert all(text in said for text in situation.says), said
    if not situation.says:
        assert "failed" not in said and "left to" not in said
    if situation.refuses:
        assert decision.refusal is not None and situation.refuses in decision.refusal[0]
        assert "hpcml resume /c --retry-failed" in decision.refusal[1]
    else:
        assert decision.refusal is None
    if not situation.submit:
        return
    assert decision.shards == situation.shards and decision.request is not None
    asked = decision.request.resources
    assert (asked.memory, asked.walltime) == (situation.memory, situation.walltime)
    assert decision.request.exclude == situation.exclude
