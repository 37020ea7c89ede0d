"""HTCondor's event log of a cluster, read into records without asking the schedd.

What lives here: two readers of the same file (htcondor2's, and ours for machines without it) and the
one rule that turns events into states. What does not: condor_q (htcondor_replies.py), which log belongs
to what (Submission.events).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from hpcml.schedulers.base import JobRecord, JobRef
from hpcml.states import JobState

SUBMIT, EXECUTE, EVICTED, TERMINATED, IMAGE_SIZE, SHADOW_EXCEPTION = 0, 1, 4, 5, 6, 7
ABORTED, HELD, RELEASED = 9, 12, 13
DISCONNECTED, RECONNECTED, RECONNECT_FAILED = 22, 23, 24
CLUSTER_SUBMIT, CLUSTER_REMOVE = 35, 36

_FIRST_LINE = re.compile(r"(\d{3}) \((\d+)\.(-?\d+)\.\d+\) ")


@dataclass(frozen=True, slots=True)
class Event:
    """What one event says, as far as we use it. memory: mebibytes."""

    kind: int
    ref: JobRef
    exit_code: int | None = None
    reason: str = ""
    hold_code: int | None = None
    node: str = ""
    memory: int = 0


def read_event_log(path: Path) -> dict[JobRef, JobRecord]:
    """The newest record of every job in the log; empty when nothing was submitted yet.

    A cluster that makes its jobs late (max_materialize) is there with index -1 until it is complete.
    """
    if not path.exists():
        return {}
    try:
        bindings = import_module("htcondor2")
    except ImportError:
        return records(events_from_text(path.read_text(encoding="utf-8", errors="replace")))
    return records(_events_from_bindings(bindings.JobEventLog(str(path))))


def records(events: Iterable[Event]) -> dict[JobRef, JobRecord]:
    found: dict[JobRef, JobRecord] = {}
    for event in events:
        before = found.get(event.ref, JobRecord(JobState.PENDING))
        after = _after(before, event)
        if after is not None:
            found[event.ref] = after
        elif event.kind == CLUSTER_REMOVE:
            found.pop(event.ref, None)
    return found


def _after(before: JobRecord, event: Event) -> JobRecord | None:
    """The record once `event` has happened; None when it changes nothing."""
    match event.kind:
        case kind if kind in (SUBMIT, CLUSTER_SUBMIT):
            return JobRecord(JobState.PENDING)
        case kind if kind == EXECUTE:
            return replace(before, state=JobState.RUNNING, reason="", hold_code=None, node=event.node)
        case kind if kind in (EVICTED, SHADOW_EXCEPTION, RECONNECT_FAILED):
            return replace(before, state=JobState.PENDING, reason=event.reason, restarts=before.restarts + 1)
        case kind if kind == TERMINATED:
            state = JobState.DONE if event.exit_code == 0 else JobState.FAILED
            return replace(before, state=state, exit_code=event.exit_code, reason=event.reason)
        case kind if kind == IMAGE_SIZE:
            return replace(before, memory_peak=max(before.memory_peak, event.memory * 2**20))
        case kind if kind == ABORTED:
            return replace(before, state=JobState.CANCELLED, reason=event.reason)
        case kind if kind == HELD:
            return replace(before, state=JobState.HELD, reason=event.reason, hold_code=event.hold_code)
        case kind if kind == RELEASED:
            return replace(before, state=JobState.PENDING, reason="", hold_code=None)
        case kind if kind in (DISCONNECTED, RECONNECTED):
            # the lease runs: the job may still be computing there
            return replace(before, state=JobState.RUNNING, reason=event.reason)
    return None


def events_from_text(text: str) -> Iterator[Event]:
    """Events of a log in the plain format; a torn last event is left out."""
    block: list[str] = []
    for line in text.splitlines():
        if line == "...":
            event = _event(block)
            if event is not None:
                yield event
            block = []
        else:
            block.append(line)


def _event(block: list[str]) -> Event | None:
    head = _FIRST_LINE.match(block[0]) if block else None
    if head is None:
        return None
    kind, body = int(head[1]), block[1:]
    event = Event(kind, JobRef(head[2], int(head[3])))
    said = "\n".join(body)
    first = next((line.strip() for line in body if line.strip()), "")
    if kind == EXECUTE:
        return replace(event, node=_node(_found(r"SlotName: (\S+)", said)))
    if kind == TERMINATED:
        code = _found(r"Normal termination \(return value (\d+)\)", said)
        ended_by = _found(r"Abnormal termination \(signal (\d+)\)", said)
        reason = f"signal {ended_by}" if ended_by else ""
        return replace(event, exit_code=int(code) if code else None, reason=reason)
    if kind == IMAGE_SIZE:
        return replace(event, memory=int(_found(r"(\d+)\s+-\s+MemoryUsage of job", said) or 0))
    if kind == HELD:
        code = _found(r"^\s*Code (\d+)", said)
        return replace(event, reason=first, hold_code=int(code) if code else None)
    if kind in (ABORTED, EVICTED, SHADOW_EXCEPTION, DISCONNECTED, RECONNECT_FAILED):
        return replace(event, reason=first)
    return event


def _events_from_bindings(log: Any) -> Iterator[Event]:
    """The same events from htcondor2.JobEventLog, which also knows the XML and JSON formats."""
    for item in log.events(stop_after=0):
        event = Event(int(item.type), JobRef(str(item.cluster), item.proc))
        kind = event.kind
        if kind == EXECUTE:
            event = replace(event, node=_node(str(item.get("SlotName", ""))))
        elif kind == TERMINATED:
            normal = bool(item.get("TerminatedNormally", True))
            code = int(item["ReturnValue"]) if normal else None
            reason = "" if normal else f"signal {item.get('TerminatedBySignal', '?')}"
            event = replace(event, exit_code=code, reason=reason)
        elif kind == IMAGE_SIZE:
            event = replace(event, memory=int(item.get("MemoryUsage", 0)))
        elif kind == HELD:
            event = replace(event, reason=item.get("HoldReason", ""), hold_code=item.get("HoldReasonCode"))
        elif kind in (ABORTED, EVICTED, SHADOW_EXCEPTION, DISCONNECTED, RECONNECT_FAILED):
            event = replace(event, reason=str(item.get("Reason", item.get("Message", ""))))
        yield event


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    return match[1] if match else ""


def _node(slot: str) -> str:
    """'slot1_2@n1@host' -> 'host': what a requirement on TARGET.Machine compares with."""
    return slot.rpartition("@")[2]
