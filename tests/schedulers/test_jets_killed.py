"""The jet job file on a real SLURM and a real HTCondor, on real events, its ranks killed in each step.

`kill -9` of ranks in the middle of their units, and the digest of `hpcml run`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import toy

from .cluster_campaign import ClusterCampaign
from .killing import killed_at_work

pytestmark = pytest.mark.slow
pytest.importorskip("fastjet", reason="the jet job file needs hpcml[jets]")
JOB = toy.ROOT / "jobs" / "jets-lhco-tiny.yaml"
STEPS = ("images", "scan")


@pytest.fixture
def real_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job file names its input by this variable."""
    folder = Path(os.environ.get("HPCML_TEST_DATA") or toy.ROOT.parent / "shared" / "data")
    if not (folder / "jets" / "lhco_rnd_tiny.h5").is_file():
        pytest.skip(f"no real jet data in {folder}: set HPCML_TEST_DATA to their folder")
    monkeypatch.setenv("HPCML_TEST_DATA", str(folder))


def test_the_jet_job_file_killed_in_each_step_ends_in_the_digest_of_a_run_here(
    either: ClusterCampaign, real_events: None, wait_until: Callable[..., None]
) -> None:
    either.options = {"merge": {"memory": "500MB"}}
    # small units, so that ranks are met between two of them; memory, so that all shards run at a time
    # and also when they ask for more, as they do after a SIGKILL
    small = ("steps.images.parameters.block_size=5", "resources.shards=3", "resources.memory=400MB")
    either.plan_job(JOB, *small)
    either.ok("submit", either.root)
    for step in STEPS:
        wait_until(lambda step=step: killed_at_work(either, step), 300, 0.02)
    # nobody resumes: SLURM's merge jobs and HTCondor's retries do it
    wait_until(either.complete, 300)
    for step in STEPS:
        told = either.ok("logs", either.root, "--step", step, "--lines", "500")
        assert "ends with exit code 137" in told and f"{step}: merged" in told
    assert either.digests() == either.reference()
    assert {"images/images", "scan/statistics", "scan/counts"} < set(either.digests())
