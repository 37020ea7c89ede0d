"""Whole campaigns of the engine on a real SLURM and a real HTCondor, disturbed in every way they know.

Submit, status, resume against the queue, and the digest of `hpcml run` as the measure.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .cluster_campaign import CONDOR_STATE, SLURM_STATE, UNITS, ClusterCampaign

pytestmark = pytest.mark.slow
Wait = Callable[[Callable[[], bool], float], None]


def test_two_chained_steps_end_in_the_digest_of_a_run_here(either: ClusterCampaign, wait_until: Wait) -> None:
    either.resources = {"shards": 8}
    either.plan()
    either.ok("submit", either.root)
    again = either.hpcml("submit", either.root)
    assert again.code == 2 and "submitted already" in again.error()
    wait_until(either.complete, 120)
    assert either.digests() == either.reference()
    assert either.computed_twice() == 0
    assert "everything is merged" in either.ok("explain", either.root)
    assert "nothing to resume" in either.ok("resume", either.root)
    cost = json.loads(either.ok("status", either.root, "--efficiency", "--json"))
    assert cost[0]["starts"] == 8 and cost[0]["peak_memory"] > 10_000_000 and 0 < cost[0]["efficiency"] <= 1.1
    logs = either.ok("logs", either.root, "--step", "first", "--shard", "3")
    assert "ends with exit code 0" in logs


def test_cancel_then_resume_computes_only_what_is_missing(either: ClusterCampaign, wait_until: Wait) -> None:
    either.plan(TOY_SLEEP="0.3")
    either.ok("submit", either.root)
    wait_until(either.running, 60)
    assert "cancelled" in either.ok("cancel", either.root)
    wait_until(either.quiet, 60)
    assert either.status()["steps"][0]["missing"] > 0
    either.ok("resume", either.root)
    wait_until(either.complete, 150)
    assert either.digests() == either.reference()
    assert either.computed_twice() == 0


def test_slurm_requeue_and_scancel_of_single_tasks(slurm: ClusterCampaign, wait_until: Wait) -> None:
    slurm.plan(TOY_SLEEP="1.5")
    slurm.ok("submit", slurm.root)
    wait_until(lambda: slurm.shards().count("running") >= 2, 60)
    first, second = slurm.running_jobs()[:2]
    slurm.call("scontrol", "requeue", first.replace(".", "_"))
    slurm.call("scancel", second.replace(".", "_"))
    wait_until(lambda: slurm.state_of(second) == "interrupted", 30)
    # it may have been waiting by now, and running again
    assert slurm.state_of(first) in ("submitted", "running")
    slurm.truthful()
    wait_until(slurm.quiet, 120)
    assert slurm.truthful()["steps"][0]["missing"] > 0, "a cancelled task does not come back by itself"
    assert (slurm.state_of(first), slurm.state_of(second)) == ("done", "interrupted")
    assert "ancelled" in slurm.ok("explain", slurm.root)
    slurm.ok("resume", slurm.root)
    wait_until(slurm.complete, 120)
    assert slurm.digests() == slurm.reference()


def test_slurm_wall_time_too_short_requeues_until_done(slurm: ClusterCampaign, wait_until: Wait) -> None:
    slurm.resources = {"shards": 1, "walltime": "1m", "ranks": 2}
    slurm.options = {"signal_margin": "45s"}
    slurm.plan(TOY_SLEEP="0.4")
    slurm.ok("submit", slurm.root)
    wait_until(slurm.complete, 240)
    assert slurm.digests() == slurm.reference()
    assert slurm.computed_twice() == 0
    assert "asks to be requeued" in slurm.ok("logs", slurm.root, "--step", "first", "--lines", "200")


def test_slurm_kill_of_a_slurmd_is_survived(slurm: ClusterCampaign, wait_until: Wait) -> None:
    pid_file = SLURM_STATE / "run" / "slurmd.n2.pid"
    if not pid_file.is_file():
        pytest.skip("NOT TESTED: this SLURM was not started by tests/clusters/slurm-up")
    slurm.plan(TOY_SLEEP="0.5")
    slurm.ok("submit", slurm.root)
    wait_until(slurm.running, 60)
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    try:
        # jobs go on without their daemon, and status knows
        done = slurm.truthful()["steps"][0]["done"]
        time.sleep(3)
        found = slurm.truthful()
        assert (
            found["steps"][0]["done"] > done and "running" in slurm.shards() and not found["scheduler_error"]
        )
    finally:
        up = Path(__file__).resolve().parent.parent / "clusters" / "slurm-up"
        subprocess.run([up], check=True, capture_output=True, timeout=120)
    slurm.truthful(lost=8)
    wait_until(slurm.quiet, 200)
    slurm.truthful(lost=8)
    if not slurm.complete():
        slurm.ok("resume", slurm.root)
    wait_until(slurm.complete, 150)
    assert slurm.digests() == slurm.reference()


def test_htcondor_vacate_hold_and_release(htcondor: ClusterCampaign, wait_until: Wait) -> None:
    htcondor.plan(TOY_SLEEP="1.5")
    htcondor.ok("submit", htcondor.root)
    wait_until(lambda: htcondor.shards().count("running") >= 2, 60)
    vacated, held = htcondor.running_jobs()[:2]
    htcondor.call("condor_vacate_job", vacated)
    htcondor.call("condor_hold", held)
    wait_until(lambda: htcondor.state_of(held) == "held", 30)
    assert htcondor.state_of(vacated) in ("submitted", "running")
    told = htcondor.ok("explain", htcondor.root)
    assert "hold" in told.lower() and "condor_release" in told
    assert htcondor.truthful()["jobs"] > 0
    htcondor.call("condor_release", held)
    wait_until(lambda: htcondor.state_of(held) in ("submitted", "running", "done"), 30)
    htcondor.truthful()
    wait_until(htcondor.complete, 150)
    assert htcondor.digests() == htcondor.reference()


def test_htcondor_kill_of_a_startd_is_survived(htcondor: ClusterCampaign, wait_until: Wait) -> None:
    # by its pool's folder: other pools of this machine have a n1 too
    pattern = f"condor_startd.*-local-name n1 .*{CONDOR_STATE}/"
    found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True)
    if not found.stdout.split():
        pytest.skip("NOT TESTED: this HTCondor was not started by tests/clusters/condor-up")
    htcondor.plan(TOY_SLEEP="0.3")
    htcondor.ok("submit", htcondor.root)
    wait_until(htcondor.running, 60)
    for pid in found.stdout.split():
        os.kill(int(pid), signal.SIGKILL)
    htcondor.truthful(lost=8)
    # what ran there comes back, on the node when its startd is there again or on the other
    wait_until(lambda: htcondor.truthful(lost=8)["steps"][0]["done"] == UNITS or htcondor.quiet(), 240)
    wait_until(lambda: htcondor.complete() or htcondor.quiet(), 120)
    if not htcondor.complete():
        htcondor.ok("resume", htcondor.root)
        wait_until(htcondor.complete, 150)
    assert htcondor.digests() == htcondor.reference()


def test_a_failing_unit_is_named_and_cured_by_retry(either: ClusterCampaign, wait_until: Wait) -> None:
    either.plan(TOY_FAIL="u00003")
    either.ok("submit", either.root)
    wait_until(lambda: either.quiet() and either.status()["steps"][0]["failed"] == 1, 120)
    told = either.ok("explain", either.root)
    assert "u00003" in told and "toy failure of u00003" in told
    either.plan()  # the cure: another environment, nothing else
    either.ok("resume", either.root, "--retry-failed")
    wait_until(either.complete, 120)
    assert either.digests() == either.reference()


def test_a_scheduler_that_is_down_costs_nothing(slurm: ClusterCampaign) -> None:
    slurm.plan()
    slurm.environment["PATH"] = "/nonexistent"
    ended = slurm.hpcml("submit", slurm.root)
    assert ended.code == 4 and "sbatch" in ended.error()
    found = slurm.status()
    assert "squeue" in found["scheduler_error"] and found["steps"][0]["missing"] == UNITS
    assert "does not answer" in slurm.ok("explain", slurm.root)
