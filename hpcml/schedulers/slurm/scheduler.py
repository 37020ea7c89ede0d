"""SLURM: the files of an attempt, the commands that submit, ask and cancel, and what their replies mean.

An array is split at the cluster's MaxArraySize. A merge job waits for the end of its arrays, not for success.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hpcml.campaign import SchedulerName, Site
from hpcml.errors import UsageError
from hpcml.schedulers.attempt_spec import AttemptSpec, File, StepSpec, job_tag
from hpcml.schedulers.base import JobRecord, JobRef, Reply, Scheduler, Submission, ranges, refused
from hpcml.schedulers.checks import Answer, Check
from hpcml.schedulers.diagnosis import explain, workload_failure
from hpcml.schedulers.failures import Explanation
from hpcml.schedulers.job_script import (
    COMMON_OPTIONS,
    array_request,
    lines_of_merges,
    merge_directives,
    merge_request,
    merge_values,
    rank_values,
)
from hpcml.schedulers.path_policy import check_paths
from hpcml.schedulers.quoting import sbatch_path
from hpcml.schedulers.slurm import reasons
from hpcml.schedulers.slurm.replies import SACCT_FORMAT, SQUEUE_FORMAT, read_sacct, read_scontrol, read_squeue

Directives = dict[str, str | int | bool | None]

# these lines carry the chain of files and ids that status, logs and resume rely on
_OURS = ("array", "dependency", "error", "output", "parsable", "test-only", "wait", "wrap")
# directives of a site for the jobs that compute, which a merge job does not need
_COMPUTE_ONLY = re.compile(
    r"(ntasks.*|nodes|cpus-.*|mem|mem-.*|time.*|gpu.*|gres.*|exclusive|signal|exclude|requeue|no-requeue|tres-.*)"
)
_TWINS = (("mem", "mem-per-cpu"), ("requeue", "no-requeue"))


class Slurm(Scheduler):
    name: ClassVar[SchedulerName] = SchedulerName.SLURM
    options: ClassVar[Mapping[str, Any]] = {**COMMON_OPTIONS, "throttle": None, "max_array_size": 1001}

    def files(self, spec: AttemptSpec) -> list[File]:
        options = self.check_options(spec.campaign.site.options)
        check_paths(spec.campaign, spec.root, spec.out)
        submissions = self.submissions(spec)
        found = []
        for step in spec.steps:
            place = step.plan.name
            merge = merge_values(spec, step, options, resumes=True)
            if not step.last:
                merge["notify"] = ""  # afterany goes on after a failed merge: the last one notifies
            found.append(File(f"{place}/merge.sh", "common/merge.sh", merge, executable=True))
            if step.shards:
                rank = rank_values(spec, step, options, claims=True)
                found.append(File(f"{place}/rank.sh", "slurm/rank.sh", rank, executable=True))
            for sub in submissions:
                if sub.step == place:
                    found.append(File(sub.file, f"slurm/{sub.kind}.sbatch", self.context(spec, step, sub)))
        return found

    def submissions(self, spec: AttemptSpec) -> tuple[Submission, ...]:
        options = self.check_options(spec.campaign.site.options)
        limit = int(options["max_array_size"])
        found: list[Submission] = []
        before: tuple[str, ...] = ()
        for step in spec.steps:
            place = step.plan.name
            blocks = sorted({shard // limit for shard in step.shards})
            arrays = []
            for block in blocks:
                suffix = f"-{block + 1}" if len(blocks) > 1 else ""
                shards = tuple(shard for shard in step.shards if shard // limit == block)
                arrays.append(
                    Submission(
                        name=f"{place}-array{suffix}",
                        kind="array",
                        step=place,
                        file=f"{place}/array{suffix}.sbatch",
                        after=before,
                        shards=shards,
                        offset=block * limit,
                    )
                )
            after = tuple(array.name for array in arrays) or before
            merge = Submission(f"{place}-merge", "merge", place, f"{place}/merge.sbatch", after=after)
            found += [*arrays, merge]
            before = (merge.name,)
        return tuple(found)

    def context(self, spec: AttemptSpec, step: StepSpec, sub: Submission) -> dict[str, Any]:
        """Values of array.sbatch or merge.sbatch."""
        is_array = sub.kind == "array"
        directives = self._array_lines(spec, step, sub) if is_array else self._merge_lines(spec, step, sub)
        return {
            "campaign": spec.campaign.name,
            "step": step.plan.name,
            "attempt": spec.attempt,
            "file": Path(sub.file).name,
            "script": step.folder / ("rank.sh" if is_array else "merge.sh"),
            "offset": sub.offset,
            "directives": list(directives.items()),
        }

    def submit_command(self, path: Path, *, after: Sequence[str] = ()) -> list[str]:
        waits = [f"--dependency=afterany:{':'.join(after)}"] if after else []
        return ["sbatch", "--parsable", *waits, str(path)]

    def parse_submit(self, reply: Reply) -> str:
        last = reply.stdout.strip().splitlines()[-1] if reply.stdout.strip() else ""
        found = re.fullmatch(r"(\d+)(;[\w.-]+)?", last.strip())
        if reply.code or not found:
            raise refused("sbatch refused the job", reply)
        return found[1]

    def query_command(self, jobs: Sequence[str]) -> list[str]:
        return [
            "squeue", "--all", "--states=all", "--array", "--noheader",
            f"--Format={SQUEUE_FORMAT}", f"--jobs={','.join(jobs)}",
        ]  # fmt: skip

    def parse_query(self, reply: Reply) -> dict[JobRef, JobRecord]:
        if reply.code:
            # printed when none of the ids is remembered; a list with a known one among them is no error
            if "invalid job id" in reply.stderr.lower():
                return {}
            raise refused("squeue refused", reply)
        return read_squeue(reply.stdout)

    def history_commands(self, jobs: Sequence[str], *, since: float) -> list[list[str]]:
        # without a start sacct looks back to midnight only
        start = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(since))
        sacct = [
            "sacct", "--parsable2", "--noheader", f"--starttime={start}",
            f"--format={SACCT_FORMAT}", f"--jobs={','.join(jobs)}",
        ]  # fmt: skip
        return [sacct, ["scontrol", "--oneliner", "show", "job", jobs[0]]] if len(jobs) == 1 else [sacct]

    def parse_history(self, reply: Reply) -> dict[JobRef, JobRecord] | None:
        if reply.code:
            return None  # accounting is off, or the id is forgotten: the parts know what is done
        is_sacct = "|" in reply.stdout.partition("\n")[0]
        return read_sacct(reply.stdout) if is_sacct else read_scontrol(reply.stdout)

    def cancel_command(self, refs: Sequence[JobRef]) -> list[str]:
        by_job: dict[str, list[int]] = {}
        for ref in refs:
            by_job.setdefault(ref.job, []).append(ref.index)
        words = [
            job if -1 in indices else f"{job}_[{ranges(indices)}]" for job, indices in sorted(by_job.items())
        ]
        return ["scancel", *words]

    def find_command(self, tag: str) -> list[str]:
        return ["squeue", "--all", "--me", "--noheader", "--format=%F|%k"]

    def parse_find(self, reply: Reply, tag: str) -> list[str]:
        if reply.code:
            raise refused("squeue refused", reply)
        pairs = [line.strip().partition("|") for line in reply.stdout.splitlines()]
        return sorted({job for job, _, comment in pairs if comment == tag})

    def log_name(self, ref: JobRef, *, merge: bool = False) -> str:
        return f"merge-{ref.job}.log" if merge else f"{ref.job}_{ref.index}.log"

    def index_of(self, shard: int, submission: Submission) -> int:
        return shard - submission.offset

    def diagnose(self, record: JobRecord, error: str = "") -> Explanation:
        return workload_failure(record, error) or reasons.explained(record) or explain(record)

    def checks(self, site: Site) -> list[Check]:
        planned = int(site.options.get("max_array_size", self.options["max_array_size"]))
        return [
            Check("is SLURM here?", ("sinfo", "--version")),
            Check(
                "how large may an array be?",
                ("scontrol", "show", "config"),
                lambda reply: _array_size(reply, planned),
            ),
        ]

    def _array_lines(self, spec: AttemptSpec, step: StepSpec, sub: Submission) -> Directives:
        site = spec.campaign.site
        options = self.check_options(site.options)
        request = array_request(step, options)
        indices = ranges(shard - sub.offset for shard in sub.shards)
        throttle = f"%{int(options['throttle'])}" if options["throttle"] else ""
        lines: Directives = {
            "job-name": f"{spec.campaign.name}.{step.plan.name}",
            "comment": job_tag(spec.campaign, spec.attempt, sub.name),
            "array": f"{indices}{throttle}",
            "output": f"{sbatch_path(step.logs)}/%A_%a.log",
            "open-mode": "append",
            "requeue": True,
            "signal": f"B:USR1@{request.margin}",
            "time": clock(request.walltime),
            "ntasks": request.ranks,
            "cpus-per-task": request.cpus,
            "mem-per-cpu": f"{request.mebibytes_per_cpu}M",
        }
        if spec.exclude:
            lines["exclude"] = ",".join(spec.exclude)
        return _layered(lines, site.directives)

    def _merge_lines(self, spec: AttemptSpec, step: StepSpec, sub: Submission) -> Directives:
        site = spec.campaign.site
        options = self.check_options(site.options)
        request = merge_request(step, options)
        lines: Directives = {
            "job-name": f"{spec.campaign.name}.{step.plan.name}.merge",
            "comment": job_tag(spec.campaign, spec.attempt, sub.name),
            "output": f"{sbatch_path(step.logs)}/merge-%j.log",
            "open-mode": "append",
            "time": clock(request.walltime),
            "ntasks": 1,
            "cpus-per-task": request.cpus,
            "mem-per-cpu": f"{request.mebibytes_per_cpu}M",
        }
        if spec.exclude:
            lines["exclude"] = ",".join(spec.exclude)
        if step.last and spec.campaign.notify.get("mail"):
            lines["mail-type"] = "END,FAIL"
            lines["mail-user"] = str(spec.campaign.notify["mail"])
        kept = lines_of_merges(site.directives, _COMPUTE_ONLY)
        return _layered(_layered(lines, kept), merge_directives(options))


def _array_size(reply: Reply, planned: int) -> Answer:
    """Does the cluster's MaxArraySize allow the arrays that hpcml would submit?"""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", reply.stdout, re.MULTILINE)
    if found is None:
        return Answer("scontrol does not show MaxArraySize", None)
    limit = int(found[1])
    if planned > limit:
        return Answer(f"MaxArraySize is {limit}: set options.max_array_size: {limit}", False)
    return Answer(f"MaxArraySize is {limit}, the site file says {planned}", True)


def clock(seconds: int) -> str:
    """D-HH:MM:SS, as sbatch reads it (it then rounds up to a minute)."""
    days, rest = divmod(seconds, 86400)
    return f"{days}-{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"


def _layered(lines: Directives, site: Mapping[str, str | int | bool | None]) -> Directives:
    """The lines with those of the site over them; None and False remove a line."""
    merged = dict(lines)
    for key, value in site.items():
        if key in _OURS and value != lines.get(key):
            raise UsageError(f"a site cannot set the sbatch option {key!r}", "hpcml finds its jobs by it")
        for twins in _TWINS:
            if key in twins and value is not None:
                merged.pop(twins[1 - twins.index(key)], None)
        merged[key] = value
    return {key: value for key, value in merged.items() if value is not None and value is not False}
