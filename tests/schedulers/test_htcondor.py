"""HTCondor's commands, its replies, and its event logs as a real pool (23.9) wrote them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hpcml.errors import SchedulerError
from hpcml.schedulers.base import JobRecord, JobRef, Reply, Submission
from hpcml.schedulers.htcondor import event_log
from hpcml.schedulers.htcondor.scheduler import HTCondor
from hpcml.schedulers.queries import event_records, job_records
from hpcml.states import JobState

from .conftest import Fakes

CONDOR = HTCondor()
DATA = Path(__file__).resolve().parent / "data"


def _log(name: str) -> dict[JobRef, JobRecord]:
    return event_log.records(event_log.events_from_text((DATA / f"{name}.log").read_text()))


def test_submit_commands_and_their_replies() -> None:
    assert CONDOR.submit_command(Path("/a/campaign.dag")) == [
        "condor_submit_dag",
        "-usedagdir",
        "/a/campaign.dag",
    ]
    assert CONDOR.submit_command(Path("/a/array.sub")) == ["condor_submit", "-terse", "/a/array.sub"]
    assert CONDOR.parse_submit(Reply(0, "12.0 - 12.3\n", "")) == "12"
    assert CONDOR.parse_submit(Reply(0, "Submitting job(s).\n1 job(s) submitted to cluster 7.\n", "")) == "7"
    with pytest.raises(SchedulerError, match="ERROR: no"):
        CONDOR.parse_submit(Reply(1, "", "\nERROR: no\n"))


def test_condor_q_is_read() -> None:
    ads = [
        {"ClusterId": 34, "ProcId": 0, "JobStatus": 2, "NumJobStarts": 1, "RemoteHost": "slot1_1@n1@h"},
        {"ClusterId": 34, "ProcId": 1, "JobStatus": 5, "HoldReason": "memory", "HoldReasonCode": 34,
         "NumJobStarts": 2, "LastRemoteHost": "slot1_1@n2@h", "ResidentSetSize": 1024},
        {"ClusterId": 34, "ProcId": 2, "JobStatus": 4, "ExitCode": 3, "ExitBySignal": False},
        {"ClusterId": 34, "ProcId": 3, "JobStatus": 1, "DAGNodeName": "scan-array"},
    ]  # fmt: skip
    found = CONDOR.parse_query(Reply(0, json.dumps(ads), ""))
    assert found[JobRef("34", 0)] == JobRecord(JobState.RUNNING, node="h")
    assert found[JobRef("34", 1)] == JobRecord(
        JobState.HELD, "memory", hold_code=34, node="h", restarts=1, memory_peak=2**20
    )
    assert found[JobRef("34", 2)] == JobRecord(JobState.FAILED, exit_code=3)
    assert found[JobRef("34", 3)] == JobRecord(JobState.PENDING, name="scan-array")
    assert CONDOR.parse_query(Reply(0, "", "")) == {}
    with pytest.raises(SchedulerError, match="not JSON"):
        CONDOR.parse_query(Reply(0, "-- Schedd", ""))


def test_the_queue_first_its_memory_second(fakes: Fakes) -> None:
    fakes.answer("condor_q", out="")
    fakes.answer("condor_history", out='[{"ClusterId": 3, "ProcId": 0, "JobStatus": 4, "ExitCode": 0}]')
    found = job_records(CONDOR, [JobRef("3", 0), JobRef("3", 1)], since=100.0)
    assert found[JobRef("3", 0)].state is JobState.DONE
    assert found[JobRef("3", 1)].state is JobState.GONE
    assert len(fakes.calls("condor_q")) == len(fakes.calls("condor_history")) == 1
    assert "member(ClusterId,{3}) || member(DAGManJobId,{3})" in fakes.calls("condor_q")[0]


def test_log_of_a_shard_that_was_tried_twice() -> None:
    found = _log("retry")
    assert {ref.index: record.state for ref, record in found.items()} == dict.fromkeys(
        range(4), JobState.DONE
    )
    assert found[JobRef("11", 1)].restarts == 1 and found[JobRef("11", 0)].restarts == 0
    assert found[JobRef("11", 0)].memory_peak == 9 * 2**20


def test_log_of_an_eviction() -> None:
    found = _log("vacate")
    assert {record.restarts for record in found.values()} == {1}


def test_log_at_every_moment() -> None:
    """A log is read while it grows: cut anywhere, it gives a state and no error."""
    text = (DATA / "held.log").read_text()
    seen: list[JobState | None] = []
    for end in range(len(text)):
        found = event_log.records(event_log.events_from_text(text[:end]))
        state = found[JobRef("35", 0)].state if JobRef("35", 0) in found else None
        if not seen or seen[-1] != state:
            seen.append(state)
    pending, running, held = JobState.PENDING, JobState.RUNNING, JobState.HELD
    assert seen == [None, pending, running, pending, held, pending, running]
    last = event_log.records(event_log.events_from_text(text))
    assert last[JobRef("35", 1)] == JobRecord(
        JobState.FAILED,
        signal=9,
        node="127-0-0-1.hpcml.local",
        memory_peak=7 * 2**20,
        memory_given=128 * 2**20,
    )


def test_a_held_job_says_why() -> None:
    text = (DATA / "held.log").read_text()
    record = event_log.records(event_log.events_from_text(text.split("013 (")[0]))[JobRef("35", 0)]
    assert (record.reason, record.hold_code) == ("via condor_hold (by user hpcml)", 1)


def test_a_cluster_that_makes_its_jobs_late(tmp_path: Path) -> None:
    text = (DATA / "late.log").read_text()
    (tmp_path / "array.log").write_text(text[: text.index("001 (")])
    sub = Submission("scan-array", "array", "scan", "x", shards=(4, 5, 6, 9), events="array.log")
    found = event_records(CONDOR, tmp_path, [sub])["scan-array"]
    assert {shard: (ref.index, record.state) for shard, (ref, record) in found.items()} == {
        4: (0, JobState.PENDING),
        5: (1, JobState.PENDING),
        6: (-1, JobState.PENDING),
        9: (-1, JobState.PENDING),
    }
    (tmp_path / "array.log").write_text(text)
    found = event_records(CONDOR, tmp_path, [sub])["scan-array"]
    assert {record.state for _, record in found.values()} == {JobState.DONE}


def test_nothing_submitted_yet_is_nothing(tmp_path: Path) -> None:
    sub = Submission("scan-array", "array", "scan", "x", shards=(0,), events="absent.log")
    assert event_records(CONDOR, tmp_path, [sub]) == {"scan-array": {}}


def test_the_newest_cluster_counts(tmp_path: Path) -> None:
    old = (DATA / "retry.log").read_text()
    (tmp_path / "array.log").write_text(old + old[: old.index("001 (")].replace("(011.", "(112."))
    sub = Submission("scan-array", "array", "scan", "x", shards=(0, 1, 2, 3), events="array.log")
    found = event_records(CONDOR, tmp_path, [sub])["scan-array"]
    assert {(ref.job, record.state) for ref, record in found.values()} == {("112", JobState.PENDING)}


def test_log_of_a_job_that_was_held_for_memory_twice_and_then_removed() -> None:
    text = (DATA / "memory.log").read_text()
    record = event_log.records(event_log.events_from_text(text.partition("009 (")[0]))[JobRef("1", 0)]
    reason = "Error from slot1_1@n1.hpcml.local: memory usage exceeded request_memory"
    assert (record.state, record.hold_code, record.reason) == (JobState.HELD, 21, reason)
    assert (record.memory_given, record.memory_peak) == (150 * 2**20, 314 * 2**20)
    # it would not be held again for who removed it
    last = _log("memory")[JobRef("1", 0)]
    assert (last.state, last.hold_code, last.reason) == (JobState.CANCELLED, 21, reason)


def test_a_node_that_holds_a_job_before_its_start_is_known() -> None:
    text = (DATA / "held.log").read_text().partition("001 (")[0] + (
        "012 (035.000.000) 2026-11-22 00:47:02 Job was held.\n"
        "\tError from slot1_2@n2@host.example: Failed to open '/a/35.0.log' as standard output: (errno 20)\n"
        "\tCode 7 Subcode 20\n...\n"
    )
    record = event_log.records(event_log.events_from_text(text))[JobRef("35", 0)]
    assert (record.state, record.node, record.hold_code) == (JobState.HELD, "host.example", 7)


@pytest.mark.parametrize("name", ["retry", "vacate", "late", "held", "memory"])
def test_the_bindings_read_the_same(name: str) -> None:
    pytest.importorskip("htcondor2", reason="NOT TESTED: the package htcondor is not installed")
    assert event_log.read_event_log(DATA / f"{name}.log") == _log(name)


def test_cancel_logs_and_lookup() -> None:
    assert CONDOR.cancel_command([JobRef("7"), JobRef("8", 3)]) == ["condor_rm", "7", "8.3"]
    assert CONDOR.log_name(JobRef("8", 3)) == "8.3.log"
    assert CONDOR.log_name(JobRef("9", 0), merge=True) == "merge-9.0.log"
    assert CONDOR.find_command("hpcml:a:1:campaign")[-1] == 'HpcmlTag =?= "hpcml:a:1:campaign"'
    assert CONDOR.parse_find(Reply(0, '[{"ClusterId": 9}]', ""), "x") == ["9"]
