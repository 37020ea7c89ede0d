"""The emulsion job file on a real SLURM and a real HTCondor, its ranks killed while they work.

What lives here: `kill -9` in the steps that last long enough to be met between two units. What does not:
kills in steps whose units take milliseconds (tests/test_kills.py does that with slow toys).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import toy

from .field import Field
from .killing import killed_at_work

pytestmark = pytest.mark.slow
pytest.importorskip("numba", reason="the emulsion job file needs hpcml[emulsion]")
JOB = toy.ROOT / "jobs" / "emulsion_showers" / "simulation.yaml"
KILLED = ("tracks", "train")
SMALL = (
    "resources.shards=2",
    "resources.ranks=2",
    "resources.memory=450MB",
    "steps.tracks.parameters.showers=400",
    "steps.tracks.parameters.block_size=4",
    "steps.tracks.parameters.density=20",
    "steps.train.parameters.trees=240",
    "steps.train.parameters.block_size=3",
    "steps.folds.parameters.folds=3",
    "steps.folds.parameters.trees=5",
)


def test_the_emulsion_job_file_killed_ends_in_the_digest_of_a_run_here(
    either: Field, wait_until: Callable[..., None]
) -> None:
    either.options = {"merge": {"memory": "500MB"}}
    either.plan_job(JOB, *SMALL)
    either.ok("submit", either.root)
    for step in KILLED:
        wait_until(lambda step=step: killed_at_work(either, step), 300, 0.02)
    # nobody resumes: SLURM's merge jobs and HTCondor's retries do it
    wait_until(either.complete, 400)
    for step in KILLED:
        told = either.ok("logs", either.root, "--step", step, "--lines", "500")
        assert "ends with exit code 137" in told and f"{step}: merged" in told
    assert either.digests() == either.reference()
    assert {"tracks/tracks", "bricks/starters", "showers/candidates", "apply/sizes", "energy/energies"} < set(
        either.digests()
    )
