"""Ranks in jobs of a real SLURM and a real HTCondor, under Open MPI and MPICH, by every launcher.

That the ranks of a job are one world, on the machines it was given.
"""

from __future__ import annotations

from collections.abc import Callable

import h5py
import pytest
import toy

from hpcml.directory.history import History

from .cluster_campaign import ClusterCampaign

pytestmark = pytest.mark.slow
Wait = Callable[[Callable[[], bool], float], None]
SRUN_MPI = {"openmpi": "pmix", "mpich": "pmi2"}


@pytest.mark.parametrize(
    ("either", "how", "nodes"),
    [("slurm", "mpiexec", 1), ("slurm", "srun", 2), ("htcondor", "mpiexec", 1)],
    indirect=["either"],
)
def test_the_ranks_of_a_job_are_one_world(
    either: ClusterCampaign, how: str, nodes: int, mpi: toy.Launcher, wait_until: Wait
) -> None:
    ranks = 2 * nodes
    either.site = {"launcher": how}
    either.options = {"python": mpi.python}
    if how == "srun":
        either.options["srun_mpi"] = SRUN_MPI[mpi.name]
        either.site["directives"] = {"nodes": nodes, "ntasks-per-node": 2}
    resources = {"ranks": ranks, "shards": 1, "walltime": "5m", "memory": "150MB"}
    job = toy.write_job(either.folder, toy.step(parameters={"n": 8 * ranks}), resources=resources)
    either.plan_job(job, TOY_SLEEP=0.1)
    either.ok("submit", either.root)
    wait_until(either.complete, 300)
    assert either.digests() == either.reference()
    (started,) = History.read(either.root / "journal").of("shard-started")
    assert started["ranks"] == ranks
    assert {line.rank for line in toy.said(either.log, "end")} == set(range(ranks))
    hosts = []
    for path in either.root.glob("steps/toy/parts/*.h5"):
        with h5py.File(path) as part:
            hosts.append(part.attrs["host"])
    assert len(set(hosts)) == nodes
