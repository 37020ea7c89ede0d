"""What a scheduler adds to its records: DAGMan's log, reasons of holds, advice, and checks of a site."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpcml.campaign import SchedulerName, Site
from hpcml.schedulers.base import JobRecord, Reply, Submission, scheduler
from hpcml.schedulers.failures import with_root
from hpcml.states import JobState

HTCONDOR = scheduler(SchedulerName.HTCONDOR)
DAG = Submission("campaign", "dag", "", "campaign.dag", events="campaign.dag.dagman.log")
LOG = """\
11/25/24 15:02:11 ******************************************************
11/25/24 15:02:11 Reading DAG campaign.dag
11/25/24 15:02:11 ERROR: No JOB statement for node scan-array
11/25/24 15:02:11 Warning: default value used
11/25/24 15:02:12 ERROR: the following job(s) failed:
11/25/24 15:02:12 DAGMAN_ERROR_COUNT = 0
"""


def test_only_a_dag_owns_all_jobs() -> None:
    kinds = {kind: Submission("x", kind, "", "x").owns_all for kind in ("array", "merge", "dag", "run")}  # type: ignore[arg-type]
    assert kinds == {"array": False, "merge": False, "dag": True, "run": False}


def test_dagman_s_own_errors_are_found_in_its_log(tmp_path: Path) -> None:
    (tmp_path / "campaign.dag.dagman.out").write_text(LOG)
    ((who, sentence),) = HTCONDOR.owner_failures(tmp_path, DAG)
    assert who == "DAGMan"
    assert sentence == (
        "It gave up: ERROR: No JOB statement for node scan-array Warning: default value used."
    )


def test_a_sandbox_that_could_not_be_made_is_its_step_s(tmp_path: Path) -> None:
    logs = tmp_path / "scan" / "logs"
    logs.mkdir(parents=True)
    (logs / "sandbox.log").write_text(
        "hpcml: error: old\nhpcml: error: no input file /data/x.h5\nhpcml: hint: y\n"
    )
    assert HTCONDOR.owner_failures(tmp_path, DAG) == [
        ("scan", "There is no input sandbox for its shards: no input file /data/x.h5.")
    ]


@pytest.mark.parametrize("name", SchedulerName)
def test_without_logs_nothing_is_made_up(tmp_path: Path, name: SchedulerName) -> None:
    assert scheduler(name).owner_failures(tmp_path, DAG) == []
    assert scheduler(name).read_events(tmp_path / "absent.log") == {}


def test_the_reason_of_a_hold_is_quoted_without_the_slot() -> None:
    reason = "Error from slot1_2@n1@host: Failed to open /data/x: errno 2"
    held = JobRecord(JobState.HELD, reason, hold_code=7)
    assert HTCONDOR.own_words(held) == "HTCondor says: Failed to open /data/x: errno 2."
    assert HTCONDOR.own_words(JobRecord(JobState.HELD, hold_code=7)) == ""
    assert scheduler(SchedulerName.SLURM).own_words(JobRecord(JobState.PENDING, "Priority")) == ""


@pytest.mark.parametrize(("held", "wanted"), [(0, "tries again by itself"), (3, "3 held jobs")])
def test_advice_about_a_live_dag_names_it_and_the_directory(tmp_path: Path, held: int, wanted: str) -> None:
    advice = HTCONDOR.busy_advice("19", held, tmp_path)
    assert wanted in advice and "DAG 19" in advice and f"`hpcml cancel {tmp_path}`" in advice


@pytest.mark.parametrize("name", SchedulerName)
@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize("code", [None, 1, 2, 3, 5, 42, 85, 126, 127])
def test_every_remedy_names_the_directory_and_not_a_stand_in(
    name: SchedulerName, state: JobState, code: int | None
) -> None:
    record = JobRecord(state, exit_code=code, hold_code=34 if state is JobState.HELD else None)
    remedy = with_root(scheduler(name).diagnose(record, "workload 'x': y").remedy, Path("/a b/c"))
    assert "{" not in remedy and "DIR" not in remedy.split()
    for verb in ("resume", "cancel", "logs", "units", "verify", "status"):
        assert remedy.count(f"`hpcml {verb}") == remedy.count(f"`hpcml {verb} '/a b/c'")


@pytest.mark.parametrize("name", SchedulerName)
def test_checks_of_a_site_change_nothing_and_read_any_reply(name: SchedulerName) -> None:
    checks = scheduler(name).checks(Site("x", name))
    assert bool(checks) == (name is not SchedulerName.LOCAL)
    for check in checks:
        assert check.question.endswith("?")
        assert not set(check.command) & {"sbatch", "scancel", "condor_submit", "condor_rm", "update"}
        refused = check.read(Reply(1, "", "no\n"))
        assert refused.good is not True and refused.text
        assert check.read(Reply(0, "", "")).text
