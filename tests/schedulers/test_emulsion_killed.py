"""The emulsion job files on a real SLURM and a real HTCondor, their ranks killed in each step.

`kill -9` of ranks, and the digests of `hpcml run`: of a simulation, and of data that use its forest and
its line.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import toy

from .cluster_campaign import ClusterCampaign
from .killing import killed_at_work

pytestmark = pytest.mark.slow
pytest.importorskip("numba", reason="the emulsion job files need hpcml[emulsion]")
JOBS = toy.ROOT / "jobs" / "emulsion"
RESOURCES = ("resources.shards=2", "resources.ranks=2", "resources.memory=400MB", "resources.walltime=10m")
# whether units of the step last long enough to be met between two of them
SIMULATION = {"tracks": True, "bricks": False, "showers": False, "train": True, "folds": False,
              "apply": False, "energy": False}  # fmt: skip
SMALL = (
    "steps.tracks.parameters.showers=400",
    "steps.tracks.parameters.block_size=4",
    "steps.tracks.parameters.density=20",
    "steps.train.parameters.trees=240",
    "steps.train.parameters.block_size=3",
    "steps.folds.parameters.folds=8",
    "steps.folds.parameters.trees=5",
    "steps.apply.parameters.block_size=4",
)
DATA = {"tracks": True, "bricks": False, "showers": False, "apply": False, "energy": False, "compare": False}


def killed_in_each(field: ClusterCampaign, steps: dict[str, bool], wait_until: Callable[..., None]) -> None:
    field.ok("submit", field.root)
    for step, amid_units in steps.items():
        wait_until(lambda: killed_at_work(field, step, amid_units=amid_units), 300, 0.02)  # noqa: B023
    # nobody resumes: SLURM's merge jobs and HTCondor's retries do it
    wait_until(field.complete, 400)
    for step in steps:
        told = field.ok("logs", field.root, "--step", step, "--lines", "500")
        assert "ends with exit code 137" in told and f"{step}: merged" in told


def test_a_simulation_killed_in_each_step_ends_in_the_digest_of_a_run_here(
    either: ClusterCampaign, wait_until: Callable[..., None]
) -> None:
    either.options = {"merge": {"memory": "500MB"}}
    either.plan_job(JOBS / "simulation.yaml", *RESOURCES, *SMALL)
    killed_in_each(either, SIMULATION, wait_until)
    assert either.digests() == either.reference()
    assert {"tracks/tracks", "bricks/starters", "showers/candidates", "apply/sizes", "energy/energies"} < set(
        either.digests()
    )


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulation with its forest and line, run here, where the job file for data looks for it."""
    folder = tmp_path_factory.mktemp("simulated")
    shutil.copytree(JOBS, folder / "jobs" / "emulsion")
    small = ("steps.tracks.parameters.showers=40", "steps.train.parameters.trees=30",
             "steps.folds.parameters.folds=2", "steps.folds.parameters.trees=5",
             "steps.energy.parameters.fit_sizes=[0, 300]")  # fmt: skip
    options = [word for one in small for word in ("--set", one)]
    root = folder / "campaigns" / "emulsion-simulation"
    job = folder / "jobs" / "emulsion" / "simulation.yaml"
    ended = toy.hpcml("run", job, *options, "--dir", root, "--ranks", "1", "--shards", "1")
    assert ended.code == 0, ended.stderr
    return folder


def test_data_killed_in_each_step_end_in_the_digest_of_a_run_here(
    either: ClusterCampaign, simulated: Path, wait_until: Callable[..., None]
) -> None:
    either.options = {"merge": {"memory": "500MB"}}
    job = simulated / "jobs" / "emulsion" / "data.yaml"
    small = ("steps.tracks.parameters.showers=400", "steps.tracks.parameters.block_size=4",
             "steps.tracks.parameters.density=20")  # fmt: skip
    either.plan_job(job, *RESOURCES, *small)
    killed_in_each(either, DATA, wait_until)
    assert either.digests() == either.reference()
    assert {"apply/sizes", "energy/energies", "compare/histograms"} < set(either.digests())
