"""What a shard's job printed, read for what its scheduler does not say.

The exit code that rank.sh announced, the last error, a kill for memory; and the record that results.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from hpcml.schedulers.base import JobRecord
from hpcml.states import JobState

_STARTS = re.compile(r"hpcml: step .* shard \d+ attempt \d+ restart \d+ on ")
_ENDS = re.compile(r" ends with exit code (\d+)")
_OURS = re.compile(r"hpcml: error: (.*)|\d{4}-\d\d-\d\d [\d:]+,\d+ (?:rank \d+: (.*)|(.*[Ee]rror.*))")
# an MPI that ends the ranks tells of an "Errorcode" at length, and last
_OTHERS = re.compile("error(?!code)|No module|No such file|not found", re.IGNORECASE)
# slurmstepd's words: of clusters without cgroups, which then say that the job FAILED, and of those with them
_OVER_MEMORY = re.compile(
    r"exceeded memory limit \((\d+) > \d+\)|Exceeded (?:job|step) memory limit|oom.kill event"
    r"|out-of-memory handler|OOM Killed"
)
_ENDED = (JobState.DONE, JobState.FAILED, JobState.GONE)


@dataclass(frozen=True, slots=True)
class JobOutput:
    """code: that rank.sh announced, None without. taken_along: by the job of another shard. error: the last
    line that tells one. over_memory: killed for it; memory_peak: bytes, 0 when not told."""

    code: int | None = None
    taken_along: bool = False
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
            found = replace(found, code=int(ended[1]), taken_along="was taken along by" in line)
        elif own:
            ours = str(own[own.lastindex or 0]).strip()
        elif _OTHERS.search(line):
            others = line.strip()
    return replace(found, error=ours or others)


def refine_record(record: JobRecord, printed: JobOutput) -> JobRecord:
    """The record of a job that is over, with what it printed over what its scheduler says."""
    if record.state not in _ENDED:
        return record
    if printed.over_memory:
        peak = max(record.memory_peak, printed.memory_peak)
        return replace(record, state=JobState.MEMORY, memory_peak=peak)
    if printed.code:
        # in a DAG the job reports 0 whatever came
        return replace(record, state=JobState.FAILED, exit_code=printed.code, signal=0)
    return record
