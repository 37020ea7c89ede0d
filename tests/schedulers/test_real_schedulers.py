"""The rendered files on a real SLURM and a real HTCondor: requeue, restart, failure, vacate, status.

The worker is a stand-in: what is tested is the files and the reading of replies, not the engine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hpcml.attempts.rendering import read_submissions, render
from hpcml.campaign import Campaign, Resources, Site, StepPlan
from hpcml.schedulers.base import JobRef, Scheduler, Submission, scheduler
from hpcml.schedulers.queries import event_records, job_records
from hpcml.schedulers.shell import run
from hpcml.states import JobState

pytestmark = pytest.mark.slow
Wait = Callable[[Callable[[], bool], float], None]

# a shard is done when DIR/done/STEP.SHARD exists; DIR/behaviour says how it gets there
PAYLOAD = """#!/bin/bash
shift 2; verb=$1 dir=$2 step=$4 shard=$6
mkdir -p "$dir/done" "$dir/seen"
if [ "$verb" = merge ]; then [ "$(ls "$dir/done" | grep -c "^$step[.]")" = 4 ] || exit 3; exit 0; fi
first=no; mkdir "$dir/seen/$step.$shard" 2>/dev/null && first=yes
. "$dir/behaviour"
touch "$dir/done/$step.$shard"
"""
ONCE_85 = '[ "$first" = no ] || exit 85'
UNTIL_TOLD = 'if [ "$first" = yes ]; then trap "exit 85" USR1; while :; do sleep 0.1; done; fi'
ONE_FAILS = '[ "$shard" != 2 ] || exit 3'


@dataclass
class Attempt:
    """One rendered and submitted attempt. jobs: id of each submission, by its name."""

    root: Path
    out: Path
    who: Scheduler
    submissions: tuple[Submission, ...]
    jobs: dict[str, str]
    since: float

    def submission(self, name: str) -> Submission:
        return next(sub for sub in self.submissions if sub.name == name)

    def refs(self) -> list[JobRef]:
        found = []
        for sub in self.submissions:
            shards = [self.who.index_of(shard, sub) for shard in sub.shards] or [-1]
            found += [JobRef(self.jobs[sub.name], index) for index in shards]
        return found

    def states(self) -> list[JobState]:
        return [record.state for record in job_records(self.who, self.refs(), since=self.since).values()]


def _submit(root: Path, name: Any, behaviour: str, *, walltime: int = 600, **options: Any) -> Attempt:
    root.mkdir(exist_ok=True)
    (root / "behaviour").write_text(behaviour)
    python = root / "python"
    python.write_text(PAYLOAD)
    python.chmod(0o755)
    res = Resources(memory=50_000_000, walltime=walltime, shards=4)
    steps = tuple(StepPlan(step, "toys.make", 1, resources=res) for step in ("prepare", "scan"))
    merge = {"memory": 50_000_000}
    site = Site("x", name, options={"python": str(python), "merge": merge, **options})
    campaign = Campaign("toys", 7, steps, site=site, identity=f"t{time.time_ns()}")
    out = root / "submit" / "attempt-0001"
    shards = {"prepare": range(4), "scan": range(4)}
    since = time.time() - 1
    render(root, campaign, attempt=1, shards=shards, out=out)
    who, submissions = scheduler(name), read_submissions(out)
    jobs: dict[str, str] = {}
    for sub in submissions:
        if not sub.within:
            after = [jobs[before] for before in sub.after]
            jobs[sub.name] = who.parse_submit(run(who.submit_command(out / sub.file, after=after)))
            tag = f"hpcml:{campaign.identity}:1:{sub.name}"
            assert who.parse_find(run(who.find_command(tag)), tag) == [jobs[sub.name]]
    return Attempt(root, out, who, submissions, jobs, since)


def _htcondor(root: Path, behaviour: str, **more: Any) -> Attempt:
    # DAGMan distrusts logs in /tmp, where this test's folder is
    options = {"dagman": {"DAGMAN_USE_STRICT": 0}, "disk": "1 MB", **more}
    return _submit(root, "htcondor", behaviour, **options)


def _shard_states(attempt: Attempt, step: str) -> list[JobState]:
    name = f"{step}-array"
    found = event_records(attempt.who, attempt.out, [attempt.submission(name)])[name]
    return [record.state for _, record in found.values()]


def _done(attempt: Attempt) -> int:
    return len(list((attempt.root / "done").glob("*")))


def test_slurm_requeues_and_chains(tmp_path: Path, real_slurm: None, wait_until: Wait) -> None:
    attempt = _submit(tmp_path / "it's a 100% campaign", "slurm", ONCE_85)
    wait_until(lambda: all(state is JobState.DONE for state in attempt.states()), 120)
    assert _done(attempt) == 8
    log = attempt.out / "scan" / "logs" / attempt.who.log_name(JobRef(attempt.jobs["scan-array"], 2))
    text = log.read_text()
    # --open-mode=append: both runs are there, and each task requeued itself once, no sibling
    assert "restart 0" in text and "restart 1" in text and text.count("hpcml: asks to be requeued") == 1
    records = job_records(attempt.who, attempt.refs(), since=attempt.since)
    restarts = [records[JobRef(attempt.jobs["scan-array"], index)].restarts for index in range(4)]
    assert restarts == [1, 1, 1, 1]


def test_slurm_tells_usr1_before_the_wall_time(tmp_path: Path, real_slurm: None, wait_until: Wait) -> None:
    attempt = _submit(tmp_path, "slurm", UNTIL_TOLD, walltime=60, signal_margin=50)
    wait_until(lambda: (tmp_path / "seen" / "prepare.3").exists(), 30)
    wait_until(lambda: _done(attempt) == 4, 90)
    run(attempt.who.cancel_command(attempt.refs()))


def test_slurm_failure_and_cancellation(tmp_path: Path, real_slurm: None, wait_until: Wait) -> None:
    attempt = _submit(tmp_path, "slurm", ONE_FAILS + "; sleep 1")
    prepare = attempt.jobs["prepare-array"]
    merge = JobRef(attempt.jobs["prepare-merge"])
    wait_until(lambda: job_records(attempt.who, [merge], since=0)[merge].state is JobState.FAILED, 60)
    records = job_records(attempt.who, attempt.refs(), since=attempt.since)
    failed = records[JobRef(prepare, 2)]
    assert (failed.state, failed.exit_code) == (JobState.FAILED, 3)
    assert records[merge].exit_code == 3
    assert run(attempt.who.cancel_command(attempt.refs())).code == 0
    wait_until(lambda: not any(state.is_live for state in attempt.states()), 60)


def test_htcondor_restarts_and_chains(tmp_path: Path, real_htcondor: None, wait_until: Wait) -> None:
    attempt = _htcondor(tmp_path / "it's a 100% campaign", ONCE_85)
    wait_until(lambda: (attempt.out / "campaign.dag.metrics").exists(), 120)
    assert _done(attempt) == 8
    assert _shard_states(attempt, "scan") == [JobState.DONE] * 4
    logs = sorted((attempt.out / "scan" / "logs").glob("*.log"))
    assert len(logs) == 5
    assert "restart 0" in logs[0].read_text() and "restart 1" in logs[0].read_text()


def test_htcondor_vacate_and_throttle(tmp_path: Path, real_htcondor: None, wait_until: Wait) -> None:
    attempt = _htcondor(tmp_path, UNTIL_TOLD, throttle=3)
    wait_until(lambda: len(list((tmp_path / "seen").glob("prepare.*"))) == 3, 60)
    wait_until(lambda: _shard_states(attempt, "prepare").count(JobState.RUNNING) == 3, 30)
    assert _shard_states(attempt, "prepare").count(JobState.PENDING) == 1
    dag = attempt.jobs["campaign"]
    in_queue = attempt.who.parse_query(run(attempt.who.query_command([dag])))
    nodes = [ref for ref, record in in_queue.items() if record.name == "prepare-array"]
    assert len(nodes) == 3
    run(["condor_vacate_job", *(f"{ref.job}.{ref.index}" for ref in nodes)])
    wait_until(lambda: _done(attempt) >= 3, 60)
    # with the DAG go its jobs
    assert run(attempt.who.cancel_command([JobRef(dag)])).code == 0
    wait_until(lambda: not attempt.who.parse_query(run(attempt.who.query_command([dag]))), 60)


def test_htcondor_failure_keeps_the_other_shards(
    tmp_path: Path, real_htcondor: None, wait_until: Wait
) -> None:
    attempt = _htcondor(tmp_path, ONE_FAILS + "; sleep 2")
    wait_until(lambda: (attempt.out / "campaign.dag.metrics").exists(), 120)
    assert sorted(path.name for path in (tmp_path / "done").glob("*")) == [
        "prepare.0",
        "prepare.1",
        "prepare.3",
    ]
    log = next(path for path in (attempt.out / "prepare" / "logs").glob("*.2.log"))
    assert log.read_text().count("ends with exit code 3") == 2  # max_attempts
    assert "the merge decides" in log.read_text()
    merge = attempt.submission("prepare-merge")
    from hpcml.schedulers.htcondor.event_log import read_event_log

    (record,) = read_event_log(attempt.out / merge.events).values()
    assert (record.state, record.exit_code) == (JobState.FAILED, 3)
