"""What condor_q and condor_history print, read into records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hpcml.schedulers.base import JobRecord, JobRef, Reply, refused
from hpcml.states import JobState

ATTRIBUTES = (
    "ClusterId",
    "ProcId",
    "JobStatus",
    "HoldReason",
    "HoldReasonCode",
    "ExitCode",
    "ExitBySignal",
    "ExitSignal",
    "NumJobStarts",
    "RemoteHost",
    "LastRemoteHost",
    "ResidentSetSize",
    "DAGNodeName",
    "RemoveReason",
)
# 1 idle, 2 running, 3 removed, 5 held, 6 transferring output, 7 suspended; 4, completed, has an exit code
_STATES = {
    1: JobState.PENDING,
    2: JobState.RUNNING,
    3: JobState.CANCELLED,
    5: JobState.HELD,
    6: JobState.RUNNING,
    7: JobState.RUNNING,
}


def one_of(jobs: Sequence[str]) -> str:
    """Jobs of these clusters, and jobs that these DAGs submitted."""
    numbers = ",".join(jobs)
    return f"member(ClusterId,{{{numbers}}}) || member(DAGManJobId,{{{numbers}}})"


def read_ads(reply: Reply) -> dict[JobRef, JobRecord]:
    text = reply.stdout.strip()
    try:
        ads = json.loads(text) if text else []
    except json.JSONDecodeError:
        raise refused("HTCondor answered with something that is not JSON", reply) from None
    return {JobRef(str(ad["ClusterId"]), int(ad["ProcId"])): _record(ad) for ad in ads}


def _record(ad: Mapping[str, Any]) -> JobRecord:
    status = ad.get("JobStatus")
    code = None if ad.get("ExitBySignal") else ad.get("ExitCode")
    if status == 4:
        state = JobState.DONE if code == 0 else JobState.FAILED
    else:
        state = _STATES.get(int(status or 0), JobState.UNKNOWN)
    held = state is JobState.HELD
    memory = ad.get("ResidentSetSize", 0)
    return JobRecord(
        state=state,
        reason=str(ad.get("HoldReason" if held else "RemoveReason", "")),
        name=str(ad.get("DAGNodeName", "")),
        exit_code=code if status == 4 else None,
        signal=int(ad.get("ExitSignal", 0)) if status == 4 and ad.get("ExitBySignal") else 0,
        hold_code=ad.get("HoldReasonCode") if held else None,
        node=str(ad.get("RemoteHost") or ad.get("LastRemoteHost") or "").rpartition("@")[2],
        restarts=max(int(ad.get("NumJobStarts", 0)) - 1, 0),
        memory_peak=memory * 1024 if isinstance(memory, int) else 0,
    )
