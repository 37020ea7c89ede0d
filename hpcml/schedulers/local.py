"""This machine as a scheduler: one script that computes all shards one after the other, then merges.

It has the interface of a cluster, so that a campaign can be tried where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hpcml.campaign import SchedulerName
from hpcml.errors import UsageError
from hpcml.schedulers.attempt_spec import AttemptSpec, File
from hpcml.schedulers.base import JobRecord, JobRef, Reply, Scheduler, Submission, refused
from hpcml.schedulers.diagnosis import explain, workload_failure
from hpcml.schedulers.failures import Explanation
from hpcml.schedulers.job_script import COMMON_OPTIONS, merge_values, rank_values
from hpcml.states import JobState


class Local(Scheduler):
    name: ClassVar[SchedulerName] = SchedulerName.LOCAL
    options: ClassVar[Mapping[str, Any]] = COMMON_OPTIONS

    def files(self, spec: AttemptSpec) -> list[File]:
        options = self.check_options(spec.campaign.site.options)
        found = []
        for step in spec.steps:
            place = step.plan.name
            merge = merge_values(spec, step, options)
            found.append(File(f"{place}/merge.sh", "common/merge.sh", merge, executable=True))
            if step.shards:
                rank = rank_values(spec, step, options, claims=False)
                found.append(File(f"{place}/rank.sh", "common/rank.sh", rank, executable=True))
        values = {
            "campaign": spec.campaign.name,
            "attempt": spec.attempt,
            "steps": [{"folder": step.folder, "shards": step.shards} for step in spec.steps],
        }
        return [*found, File("run.sh", "common/run.sh", values, executable=True)]

    def submissions(self, spec: AttemptSpec) -> tuple[Submission, ...]:
        return (Submission("run", "run", "", "run.sh"),)

    def submit_command(self, path: Path, *, after: Sequence[str] = ()) -> list[str]:
        if after:
            raise UsageError("nothing waits on this machine: run.sh does all in order")
        # in a session of its own, so that it lives on when the terminal is closed
        script = 'setsid nohup /bin/bash "$1" </dev/null >"$1.log" 2>&1 & echo $!'
        return ["/bin/bash", "-c", script, "bash", str(path)]

    def parse_submit(self, reply: Reply) -> str:
        if reply.code or not reply.stdout.strip().isdigit():
            raise refused("the script did not start", reply)
        return reply.stdout.strip()

    def query_command(self, jobs: Sequence[str]) -> list[str]:
        return ["ps", "-o", "pid=,args=", "-p", ",".join(jobs)]

    def parse_query(self, reply: Reply) -> dict[JobRef, JobRecord]:
        # ps fails when none of the processes lives; a number may have gone to another program since
        pairs = [line.split(None, 1) for line in reply.stdout.splitlines()]
        ours = [pair[0] for pair in pairs if len(pair) == 2 and "run.sh" in pair[1]]
        return {JobRef(pid): JobRecord(JobState.RUNNING) for pid in ours}

    def cancel_command(self, refs: Sequence[JobRef]) -> list[str]:
        # the process group: the script, and the ranks of the shard at work
        return ["kill", "-TERM", "--", *sorted({f"-{ref.job}" for ref in refs})]

    def log_name(self, ref: JobRef, *, merge: bool = False) -> str:
        return "run.sh.log"

    def index_of(self, shard: int, submission: Submission) -> int:
        return -1

    def diagnose(self, record: JobRecord, error: str = "") -> Explanation:
        return workload_failure(record, error) or explain(record)
