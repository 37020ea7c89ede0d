"""What a shard's job printed, read for what its scheduler does not report: exit code, error, memory."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from hpcml.schedulers.base import JobRecord
from hpcml.states import JobState

_STARTS = re.compile(r"hpcml: step .* shard \d+ attempt \d+ restart \d+ on ")
_ENDS = re.compile(r" ends with exit code (\d+)")
_OURS = re.compile(r"hpcml: error: (.*)|\d{4}-\d\d-\d\d [\d:]+,\d+ (?:rank \d+: (.*)|(.*[Ee]rror.*))")
# an MPI that ends the ranks prints an "Errorcode" at length, and last
_OTHERS = re.compile("error(?!code)|No module|No such file|not found", re.IGNORECASE)
# slurmstepd's words: of clusters without cgroups, where the job is then FAILED, and of those with them
_OVER_MEMORY = re.compile(
    r"exceeded memory limit \((\d+) > \d+\)|Exceeded (?:job|step) memory limit|oom.kill event"
    r"|out-of-memory handler|OOM Killed"
)
_ENDED = (JobState.DONE, JobState.FAILED, JobState.GONE)


@dataclass(frozen=True, slots=True)
class JobOutput:
    """code: that rank.sh announced, None without. claimed_by_another: the job of another shard computed this
    one. error: the last one printed. over_memory: killed for it; memory_peak: bytes, 0 when unknown."""

    code: int | None = None
    claimed_by_another: bool = False
    error: str = ""
    over_memory: bool = False
    memory_peak: int = 0


def read_job_output(lines: Iterable[str]) -> JobOutput:
    """The last start of a job, which appends to what its earlier starts printed."""
    found, ours, others = JobOutput(), "", ""
    for line in lines:
        ended, own, over = _ENDS.search(line), _OURS.search(line), _OVER_MEMORY.search(line)
        if _STARTS.search(line):
            found, ours, others = JobOutput(), "", ""
        elif over:
            peak = max(found.memory_peak, int(over[1] or 0))
            found = replace(found, over_memory=True, memory_peak=peak)
        elif ended:
            found = replace(found, code=int(ended[1]), claimed_by_another="was claimed by" in line)
        elif own:
            ours = str(own[own.lastindex or 0]).strip()
        elif _OTHERS.search(line):
            others = line.strip()
    return replace(found, error=ours or others)


def refine_record(record: JobRecord, printed: JobOutput) -> JobRecord:
    """The record of a job that is over; what it printed counts more than what its scheduler reports."""
    if record.state not in _ENDED:
        return record
    if printed.over_memory:
        peak = max(record.memory_peak, printed.memory_peak)
        return replace(record, state=JobState.MEMORY, memory_peak=peak)
    if printed.code:
        # in a DAG the job reports 0 whatever came
        return replace(record, state=JobState.FAILED, exit_code=printed.code, signal=0)
    return record
