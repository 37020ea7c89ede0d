"""The lines that status, efficiency, merge and submit print, exactly."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml.attempts.submission import SubmitResult
from hpcml.cli.text import efficiency_lines, merged_lines, sent_lines, status_lines, summary_lines
from hpcml.commands.efficiency import StepEfficiency
from hpcml.commands.merge import MergeResult
from hpcml.commands.status import CampaignStatus, ShardStatus, StepStatus
from hpcml.quantities import measured, with_unit
from hpcml.states import ShardState, StepState


def test_status_of_a_campaign_at_work() -> None:
    shards = [
        ShardStatus(0, ShardState.DONE, 5, 5, 0, 0, 0.0, "41.0", "n1", 0),
        ShardStatus(1, ShardState.RUNNING, 5, 2, 1, 3, 12.4, "41.1", "n2", 2),
    ]
    failure = {"attempts": 2, "unit": "boot-0007", "host": "n2", "rank": 1, "error": "ValueError: no events"}
    scan = StepStatus(
        name="scan", state=StepState.RUNNING, units=10, done=7, failed=1, missing=3, doubled=2, parts=2,
        logs=1, rate=12.4, seconds_left=3725.0, damaged=["/c/p.h5: truncated"], foreign=["/c/q.h5"],
        shards=shards, failures=[failure],
    )  # fmt: skip
    found = CampaignStatus("null", "/c", [scan, StepStatus("fit", StepState.WAITING)], 2, "squeue is silent")
    assert list(status_lines(found)) == [
        "null  /c  2 jobs queued or running",
        "the scheduler does not answer: squeue is silent",
        "scan                 running     7 of 10 units done, 1 failed, 3 missing, 12 units/s, 1h02m left",
        "  shard 0            done        5 of 5 done, 0 failed, 0 missing, job 41.0 on n1",
        "  shard 1            running     2 of 5 done, 1 failed, 3 missing, 12 units/s, job 41.1 on n2,"
        " restarted 2x",
        "  failed 2x: boot-0007 on n2 rank 1: ValueError: no events",
        "  DAMAGED: /c/p.h5: truncated",
        "  DAMAGED: /c/q.h5: of another campaign",
        "  recorded more than once: 2 units",
        "fit                  waiting for the steps before it",
    ]


def test_one_shard_is_not_listed_and_an_idle_step_has_no_rate() -> None:
    shard = ShardStatus(0, ShardState.DONE, 4, 4, 0, 0, 0.0, "", "", 0)
    merged = StepStatus("scan", StepState.MERGED, units=4, done=4, merged=True, shards=[shard])
    assert list(status_lines(CampaignStatus("c", "/c", [merged], 0, ""))) == [
        "c  /c",
        "scan                 merged      4 of 4 units done, 0 failed, 0 missing",
    ]


def test_json_of_a_status_has_null_for_an_unknown_time() -> None:
    found = CampaignStatus("c", "/c", [StepStatus("scan", StepState.PLANNED, units=4, missing=4)], 0, "")
    (step,) = found.to_json()["steps"]
    assert step["seconds_left"] is None and step["state"] == "planned" and not found.complete


def test_efficiency() -> None:
    used = StepEfficiency(
        name="scan", starts=5, killed=1, lost=1800.0, allocated=36000.0, cpu=30600.0, efficiency=0.85,
        peak_memory=1_200_000_000, asked_memory=2_000_000_000, asked_walltime=7200, longest=3661.0,
        next_memory=1_600_000_000, next_walltime=4860,
    )  # fmt: skip
    idle = StepEfficiency("fit", 0, 0, 0.0, 0.0, 0.0, 0.0, 0, 0, 0, 0.0, 0, 0)
    assert list(efficiency_lines([used, idle])) == [
        "scan: CPUs were busy for 85 % of 10.00 core hours; 5 starts, 1 killed (up to 0.50 rank hours lost)",
        "  peak memory 1.20 GB per rank (asked 2.00), longest shard 1h01m (asked 2h00m)",
        "  next time: resources: {memory: 1600MB, walltime: 4860s}",
        "fit: not started",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "scan: merged, 10 units"),
        ({"fresh": False}, "scan: already merged, 10 units"),
        ({"missing": 2}, "scan: merged, 10 units, 2 MISSING"),
        ({"doubled": 3}, "scan: merged, 10 units, 3 computed twice (and equal)"),
        ({"doubled": 3, "conflicts": 3}, "scan: merged, 10 units, 3 CONFLICTS"),
    ],
)
def test_a_merge(changes: dict[str, int], line: str) -> None:
    values = {"fresh": True, "units": 10, "missing": 0, "doubled": 0, "conflicts": 0, **changes}
    merged = MergeResult(step="scan", digests={"t": "0" * 32}, listed=["fit"], **values)  # type: ignore[arg-type]
    assert list(merged_lines(merged)) == [line, "  units of fit are listed"]


def test_a_submission_and_its_dry_run() -> None:
    calls = [["sbatch", "--parsable", "/c/a.sbatch"]]
    sent = SubmitResult(2, Path("/c/submit/attempt-0002"), {"a": "41", "b": ""}, calls, ("fit",))
    last = "  not submitted: fit (a step before them runs on this machine)"
    assert list(sent_lines(sent, dry_run=False)) == [
        "attempt 2: /c/submit/attempt-0002", "  a: job 41", "  b: submitted by the DAG", last,
    ]  # fmt: skip
    assert list(sent_lines(sent, dry_run=True)) == [
        "attempt 2: /c/submit/attempt-0002", "sbatch --parsable /c/a.sbatch", last,
    ]  # fmt: skip


def test_results_are_rounded_by_their_errors() -> None:
    summary = {
        "energy_resolution_gev": 0.21342, "energy_resolution_gev_error": 0.01234, "showers": 360,
        "conclusion": b"The forest finds 91 % of the signal.",
        "p_value": np.array([0.5, 0.0123]), "p_value_error": np.array([0.02, 0.0011]),
        "null": np.zeros(4200), "z": np.array([1.0, 1.645]), "z_is_bound": np.array([False, True]),
    }  # fmt: skip
    assert list(summary_lines("train", summary)) == [
        "train: energy resolution = 0.213 +- 0.012 GeV",
        "train: showers = 360",
        "train: The forest finds 91 % of the signal.",
        "train: p value = 0.500 +- 0.020, 0.0123 +- 0.0011",
        "train: z = 1, 1.645 (a bound)",
    ]


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.2134, 0.0123, "0.213 +- 0.012"),
        (12345.6, 234.5, "12350 +- 230"),
        (1.0, 0.0996, "1.00 +- 0.10"),
        (3.14159, None, "3.142"),
        (5, None, "5"),
        (1.5, 0.0, "1.5"),
        (1.5, math.nan, "1.5"),
        (math.nan, 0.1, "nan"),
    ],
)
def test_measured(value: float, error: float | None, text: str) -> None:
    assert measured(value, error) == text


@given(value=st.floats(-1e6, 1e6, allow_nan=False), error=st.floats(1e-6, 1e4, allow_nan=False))
def test_a_rounded_result_is_within_a_twentieth_of_its_error(value: float, error: float) -> None:
    shown, shown_error = (float(part) for part in measured(value, error).split(" +- "))
    assert abs(shown - value) <= 0.0501 * error + 1e-9 * abs(value)
    assert shown_error == pytest.approx(error, rel=0.0501)


def test_a_name_ends_in_its_unit() -> None:
    assert with_unit("energy_resolution_gev") == ("energy resolution", "GeV")
    assert with_unit("roc_auc") == ("roc auc", "")
    assert with_unit("s") == ("s", "")
