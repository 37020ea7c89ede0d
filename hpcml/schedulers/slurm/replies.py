"""What squeue, sacct and scontrol print, read into records.

A state that is not in the table is UNKNOWN, never an error and never "over".
"""

from __future__ import annotations

import re
from dataclasses import replace

from hpcml.schedulers.base import JobRecord, JobRef
from hpcml.states import JobState

_FIELDS = ("ArrayJobID", "ArrayTaskID", "State", "exit_code", "RestartCnt", "NodeList")
# a field of no width with '|' behind it; the reason is free text, so it comes last
SQUEUE_FORMAT = ",".join([*(f"{name}:|" for name in _FIELDS), "Reason:"])
SACCT_FORMAT = "JobID,State,ExitCode,MaxRSS,NodeList"

_STATES = {
    # "SUSPENDED" and the like occupy their nodes: for us they run
    **dict.fromkeys(
        (
            "RUNNING",
            "CONFIGURING",
            "COMPLETING",
            "SUSPENDED",
            "STOPPED",
            "SIGNALING",
            "STAGE_OUT",
            "RESIZING",
        ),
        JobState.RUNNING,
    ),
    **dict.fromkeys(("PENDING", "REQUEUED", "REQUEUE_FED"), JobState.PENDING),
    **dict.fromkeys(("REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"), JobState.HELD),
    "COMPLETED": JobState.DONE,
    "FAILED": JobState.FAILED,
    "TIMEOUT": JobState.TIMEOUT,
    "DEADLINE": JobState.TIMEOUT,
    # its exit code reads 0: only the state shows it
    "OUT_OF_MEMORY": JobState.MEMORY,
    "NODE_FAIL": JobState.NODE_LOST,
    "BOOT_FAIL": JobState.NODE_LOST,
    "PREEMPTED": JobState.PREEMPTED,
    "CANCELLED": JobState.CANCELLED,
    "REVOKED": JobState.CANCELLED,
}
_HELD_REASONS = ("JobHeldUser", "JobHeldAdmin", "launch_failed_requeued_held", "job_requeued_in_held_state")
_SIZES = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def read_squeue(text: str) -> dict[JobRef, JobRecord]:
    """Lines of `squeue --Format=SQUEUE_FORMAT`."""
    found = {}
    for line in text.splitlines():
        words = [word.strip() for word in line.split("|", len(_FIELDS))]
        if len(words) != len(_FIELDS) + 1:
            continue
        job, index, state, status, restarts, node, reason = words
        ref = JobRef(job, int(index) if index.isdigit() else -1)
        code, ended_by = _wait_status(int(status)) if status.isdigit() and _is_over(state) else (None, 0)
        found[ref] = JobRecord(
            state=job_state(state, reason),
            reason="" if reason == "None" else reason,
            exit_code=code,
            signal=ended_by,
            node=node,
            restarts=int(restarts) if restarts.isdigit() else 0,
        )
    return found


def read_sacct(text: str) -> dict[JobRef, JobRecord]:
    """Lines of `sacct --parsable2 --format=SACCT_FORMAT`: jobs, and their steps, which know the memory."""
    found: dict[JobRef, JobRecord] = {}
    peaks: dict[JobRef, int] = {}
    for line in text.splitlines():
        words = line.split("|")
        if len(words) != 5:
            continue
        name, state, code, peak, node = words
        task, _, step = name.partition(".")
        job, _, index = task.partition("_")
        if index and not index.isdigit():
            continue  # 12_[3-9]: tasks that wait, which squeue knows
        ref = JobRef(job, int(index) if index else -1)
        if step:
            peaks[ref] = max(peaks.get(ref, 0), _bytes(peak))
            continue
        ended = _pair(code, state)
        found[ref] = JobRecord(job_state(state, ""), exit_code=ended[0], signal=ended[1], node=_no_node(node))
    return {ref: replace(record, memory_peak=peaks.get(ref, 0)) for ref, record in found.items()}


def read_scontrol(text: str) -> dict[JobRef, JobRecord]:
    """Lines of `scontrol --oneliner show job`."""
    found = {}
    for line in text.splitlines():
        # job names and comments are free text: only the first of each key counts
        keys: dict[str, str] = {}
        for key, value in re.findall(r"(?:^|\s)([A-Za-z]+)=(\S*)", line):
            keys.setdefault(key, value)
        if "JobState" not in keys:
            continue
        index = keys.get("ArrayTaskId", "")
        ref = JobRef(keys.get("ArrayJobId", keys["JobId"]), int(index) if index.isdigit() else -1)
        state, reason = keys["JobState"], keys.get("Reason", "")
        code, ended_by = _pair(keys.get("ExitCode", ""), state)
        found[ref] = JobRecord(
            state=job_state(state, reason),
            reason="" if reason == "None" else reason,
            exit_code=code,
            signal=ended_by,
            node=_no_node(keys.get("NodeList", "")),
            restarts=int(keys.get("Restarts", "0")),
        )
    return found


def job_state(word: str, reason: str) -> JobState:
    """SLURM's word ('CANCELLED by 1000', 'COMPLETED') as ours; one we never saw is unknown."""
    state = _STATES.get(word.split(" ")[0].rstrip("+"), JobState.UNKNOWN)
    if state is JobState.PENDING and reason in _HELD_REASONS:
        return JobState.HELD
    return state


def _is_over(word: str) -> bool:
    state = job_state(word, "")
    return not state.is_live and state is not JobState.UNKNOWN


def _wait_status(status: int) -> tuple[int | None, int]:
    """(exit code, 0) inside a wait status; (None, signal) when a signal ended the script."""
    ended_by = status & 0x7F
    return (None, ended_by) if ended_by else (status >> 8, 0)


def _pair(text: str, state: str) -> tuple[int | None, int]:
    """The same from 'code:signal' of sacct and scontrol; (None, 0) of a job that is not over."""
    code, _, ended_by = text.partition(":")
    if not code.isdigit() or not _is_over(state):
        return None, 0
    return (None, int(ended_by)) if ended_by.isdigit() and ended_by != "0" else (int(code), 0)


def _bytes(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", text)
    return int(float(found[1]) * _SIZES.get(found[2], 1)) if found else 0


def _no_node(text: str) -> str:
    return "" if text in ("(null)", "None assigned") else text
