"""HTCondor's event log of a cluster, read into records without asking the schedd.

Two readers give the same events (htcondor2's, and a plain one for machines without it); `_after` alone turns
events into states.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from importlib import import_module
from pathlib import Path
from typing import Any

from hpcml.schedulers.base import JobRecord, JobRef
from hpcml.states import JobState


class Kind(IntEnum):
    """The events that are used, by their numbers in the log."""

    SUBMIT = 0
    EXECUTE = 1
    EVICTED = 4
    TERMINATED = 5
    IMAGE_SIZE = 6
    SHADOW_EXCEPTION = 7
    ABORTED = 9
    HELD = 12
    RELEASED = 13
    DISCONNECTED = 22
    RECONNECTED = 23
    RECONNECT_FAILED = 24
    CLUSTER_SUBMIT = 35
    CLUSTER_REMOVE = 36


# events whose first line of text gives the reason
_WITH_REASON = (Kind.ABORTED, Kind.SHADOW_EXCEPTION, Kind.DISCONNECTED, Kind.RECONNECT_FAILED)
_FIRST_LINE = re.compile(r"(\d{3}) \((\d+)\.(-?\d+)\.\d+\) ")


@dataclass(frozen=True, slots=True)
class Event:
    """What one event reports, as far as it is used. memory: mebibytes, given at the start or used since."""

    kind: int
    ref: JobRef
    exit_code: int | None = None
    signal: int = 0
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
        elif event.kind == Kind.CLUSTER_REMOVE:
            found.pop(event.ref, None)
    return found


def _after(before: JobRecord, event: Event) -> JobRecord | None:
    """The record once `event` has happened; None when it changes nothing."""
    match event.kind:
        case Kind.SUBMIT | Kind.CLUSTER_SUBMIT:
            return JobRecord(JobState.PENDING)
        case Kind.EXECUTE:
            given = event.memory * 2**20
            begun = replace(before, state=JobState.RUNNING, reason="", hold_code=None, node=event.node)
            return replace(begun, memory_given=given)
        case Kind.EVICTED | Kind.SHADOW_EXCEPTION | Kind.RECONNECT_FAILED:
            return replace(before, state=JobState.PENDING, reason=event.reason, restarts=before.restarts + 1)
        case Kind.TERMINATED:
            state = JobState.DONE if event.exit_code == 0 else JobState.FAILED
            return replace(before, state=state, reason="", exit_code=event.exit_code, signal=event.signal)
        case Kind.IMAGE_SIZE:
            return replace(before, memory_peak=max(before.memory_peak, event.memory * 2**20))
        case Kind.ABORTED:
            # why it was held says more than who removed it then
            reason = before.reason if before.state is JobState.HELD else event.reason
            return replace(before, state=JobState.CANCELLED, reason=reason)
        case Kind.HELD:
            held = replace(before, state=JobState.HELD, reason=event.reason, hold_code=event.hold_code)
            return replace(held, node=event.node or before.node)  # it may never have been started there
        case Kind.RELEASED:
            return replace(before, state=JobState.PENDING, reason="", hold_code=None)
        case Kind.DISCONNECTED | Kind.RECONNECTED:
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
    event = Event(kind, JobRef(str(int(head[2])), int(head[3])))
    text = "\n".join(body)
    first = next((line.strip() for line in body if line.strip()), "")
    if kind == Kind.EXECUTE:
        memory = int(_found(r"^\s*Memory = (\d+)", text) or 0)
        return replace(event, node=_node(_found(r"SlotName: (\S+)", text)), memory=memory)
    if kind == Kind.TERMINATED:
        code = _found(r"Normal termination \(return value (\d+)\)", text)
        ended_by = _found(r"Abnormal termination \(signal (\d+)\)", text)
        return replace(event, exit_code=int(code) if code else None, signal=int(ended_by or 0))
    if kind == Kind.IMAGE_SIZE:
        return replace(event, memory=int(_found(r"(\d+)\s+-\s+MemoryUsage of job", text) or 0))
    if kind == Kind.HELD:
        code = _found(r"^\s*Code (\d+)", text)
        return replace(event, reason=first, hold_code=int(code) if code else None, node=_complaining(first))
    if kind == Kind.EVICTED:
        code = _found(r"Normal termination \(return value (\d+)\)", text)
        return replace(event, reason=_again(code) if "and was requeued" in text else "")
    if kind in _WITH_REASON:
        return replace(event, reason=first)
    return event


def _events_from_bindings(log: Any) -> Iterator[Event]:
    """The same events from htcondor2.JobEventLog, which also knows the XML and JSON formats."""
    for item in log.events(stop_after=0):
        event = Event(int(item.type), JobRef(str(item.cluster), item.proc))
        kind = event.kind
        if kind == Kind.EXECUTE:
            node = _node(str(item.get("SlotName", "")))
            event = replace(event, node=node, memory=int(item.get("ExecuteProps", {}).get("Memory", 0)))
        elif kind == Kind.TERMINATED:
            normal = bool(item.get("TerminatedNormally", True))
            code = int(item["ReturnValue"]) if normal else None
            ended_by = 0 if normal else int(item.get("TerminatedBySignal", 0))
            event = replace(event, exit_code=code, signal=ended_by)
        elif kind == Kind.IMAGE_SIZE:
            event = replace(event, memory=int(item.get("MemoryUsage", 0)))
        elif kind == Kind.HELD:
            reason = str(item.get("HoldReason", ""))
            node = _complaining(reason)
            event = replace(event, reason=reason, hold_code=item.get("HoldReasonCode"), node=node)
        elif kind == Kind.EVICTED:
            again = item.get("TerminatedAndRequeued", False)
            event = replace(event, reason=_again(str(item.get("ReturnValue", ""))) if again else "")
        elif kind in _WITH_REASON:
            event = replace(event, reason=str(item.get("Reason", item.get("Message", ""))))
        yield event


def _again(code: str) -> str:
    return f"again after exit code {code}" if code else "again after a signal"


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    return match[1] if match else ""


def _complaining(reason: str) -> str:
    """The node in 'Error from slot1_2@n1@host: Failed to open ...'; '' in reasons that are no machine's."""
    return _node(_found(r"^Error from (\S+@\S+): ", reason))


def _node(slot: str) -> str:
    """'slot1_2@n1@host' -> 'host': what a requirement on TARGET.Machine compares with."""
    return slot.rpartition("@")[2]
