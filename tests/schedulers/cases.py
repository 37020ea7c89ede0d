"""The campaigns whose submit files are golden: one for each thing that a site can ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hpcml.campaign import Campaign, InputFile, Resources, Site, StepInput, StepPlan

PYTHON = "/opt/hpcml/bin/python"
FEW = Resources(ranks=2, cpus=1, memory=100_000_000, walltime=600, shards=4)
PREPARE = StepPlan("prepare", "toys.make", 1, resources=replace(FEW, ranks=1, shards=2))
SCAN = StepPlan("scan", "toys.scan", 1, resources=FEW, inputs={"images": StepInput(step="prepare")})


@dataclass(frozen=True)
class Case:
    campaign: Campaign
    shards: Mapping[str, Sequence[int]]
    attempt: int = 1
    exclude: Sequence[str] = field(default=())


def _campaign(site: Site, **changes: Any) -> Campaign:
    plain = Campaign("toys", 7, (PREPARE, SCAN), site=site, identity="5f3a")
    return replace(plain, **changes)


def _site(scheduler: Any, **changes: Any) -> Site:
    options = {"python": PYTHON, **changes.pop("options", {})}
    return Site("example", scheduler, options=options, **changes)


ALL = {"prepare": [0, 1], "scan": [0, 1, 2, 3]}
_FAR = replace(SCAN, inputs={"events": StepInput(files=(InputFile("/data/a b/x.h5", 1, 1, "fast:0"),))})
CASES: dict[str, Case] = {
    "slurm-plain": Case(_campaign(_site("slurm")), ALL),
    # what is missing, shards beyond MaxArraySize, a node to keep away from
    "slurm-resume": Case(
        _campaign(_site("slurm", options={"max_array_size": 10, "throttle": 3})),
        {"scan": [3, 7, 8, 9, 12, 25]},
        attempt=2,
        exclude=["n7", "n9"],
    ),
    "slurm-university": Case(
        _campaign(
            _site(
                "slurm",
                launcher="auto",
                setup=("module purge", "module load OpenMPI/5"),
                environment={"TOY_TEXT": "it's $HOME 100%"},
                directives={"partition": "main", "mem-per-cpu": None, "nodes": 2, "exclusive": True},
                options={
                    "srun_mpi": "pmix",
                    "merge": {"directives": {"partition": "short"}, "walltime": "1m"},
                },
                kernel="Haswell",
            ),
            notify={"mail": "someone@example.org", "command": 'echo "ended with $HPCML_EXIT_CODE"'},
        ),
        ALL,
    ),
    "slurm-container": Case(
        _campaign(_site("slurm"), steps=(_FAR,), container="/images/toys 1.sif"), {"scan": [0, 1]}
    ),
    "htcondor-plain": Case(_campaign(_site("htcondor")), ALL),
    "htcondor-big-pool": Case(
        _campaign(
            _site(
                "htcondor",
                directives={
                    "+AccountingGroup": '"group_u_TOYS"',
                    "should_transfer_files": "YES",
                    "when_to_transfer_output": "ON_EXIT",
                    "transfer_output_files": '""',
                    "allowed_execute_duration": None,
                },
                options={
                    "memory_ceiling": "3 GB",
                    "retry_elsewhere": True,
                    "throttle": 100,
                    "flavours": {"espresso": 1200, "microcentury": 3600},
                    "dagman": {"DAGMAN_USE_STRICT": 0},
                },
            ),
            notify={"mail": "someone@example.org", "command": "echo ended"},
        ),
        ALL,
        exclude=["n7.example.org"],
    ),
    "htcondor-container": Case(
        _campaign(_site("htcondor"), steps=(_FAR,), container="/images/toys 1.sif"), {"scan": [4]}, attempt=3
    ),
    # files and an earlier step travel: the array takes a sandbox, the merge runs on the access point
    "htcondor-transfer": Case(
        _campaign(
            _site("htcondor", options={"shared_filesystem": False, "disk": "4 GB"}),
            steps=(replace(PREPARE, inputs=_FAR.inputs), SCAN),
        ),
        ALL,
    ),
    "local-plain": Case(_campaign(_site("local")), ALL),
}
ROOT = Path("/campaigns/toys")
