"""The shipped job files at the size of a test: what is run of them, and where.

What does not live here: the digests they must have (golden/digests.json), tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden" / "digests.json"
# what computes numbers; another version of one of these may compute other last bits
PACKAGES = ("numpy", "scipy", "scikit-learn", "fastjet", "numba", "pandas")
# the same kernels on every x86 machine with AVX2, whatever else it can do
PINNED = {
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "NUMBA_CPU_NAME": "haswell",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class ShippedJob:
    """A job file below jobs/, and what is made smaller of its steps (`steps.` is put before each)."""

    path: str
    smaller: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return Path(self.path).stem


JETS = (
    ShippedJob(
        "first-campaign.yaml",
        ("events.parameters.background_events=1000", "scan.parameters.resamplings=5", "scan.parameters.k=6"),
    ),
    ShippedJob(
        "jets-demo.yaml",
        (
            "events.parameters.background_events=3000",
            "events.parameters.signal_events=300",
            "scan.parameters.k=8",
            "scan.parameters.resamplings=8",
        ),
    ),
    ShippedJob("jets-lhco-tiny.yaml", ("scan.parameters.resamplings=10",)),
    ShippedJob("jets/lhco-tiny.yaml", ("scan.parameters.resamplings=10", "toys.parameters.toys=100")),
    ShippedJob(
        "jets/laptop-events.yaml",
        (
            "images.parameters.background_events=3000",
            "images.parameters.signal_events=200",
            "agreement.parameters.k=8",
            "moments.parameters.block_size=1000",
        ),
    ),
    ShippedJob(
        "jets/laptop-null.yaml",
        ("scan.parameters.resamplings=6", "scan.parameters.initialisations=2", "scan.parameters.k=8"),
    ),
    ShippedJob(
        "jets/laptop-contamination.yaml",
        (
            "scan.parameters.resamplings=3",
            "scan.parameters.initialisations=2",
            "scan.parameters.k=8",
            "scan.sweep.injected=[50,200]",
            "toys.sweep.injected=[0,50,200]",
            "toys.parameters.toys=100",
        ),
    ),
    ShippedJob("jets/laptop-significance.yaml"),
    ShippedJob("jets/laptop-rebinning.yaml", ("scan.parameters.k=8",)),
)
EMULSION = (
    ShippedJob(
        "emulsion/simulation.yaml",
        (
            "tracks.parameters.showers=30",
            "tracks.parameters.energies=[3.0, 6.0]",
            "tracks.parameters.density=50",
            "train.parameters.trees=30",
            "folds.parameters.folds=2",
            "folds.parameters.trees=10",
            "energy.parameters.fit_sizes=[0, 300]",
        ),
    ),
    ShippedJob("emulsion/data.yaml", ("tracks.parameters.showers=8", "tracks.parameters.density=50")),
)


def versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


def hpcml(*words: Any, cwd: Path) -> str:
    """`hpcml ...` with the pinned kernels: what it printed. Any exit code but 0 fails."""
    environment = {**os.environ, "LHCO": "/data", **PINNED}
    environment.setdefault("HPCML_TEST_DATA", "/data")
    done = subprocess.run(
        [sys.executable, "-m", "hpcml", *map(str, words)],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def run(job: ShippedJob, folder: Path, *options: Any) -> Path:
    """Run it in `folder`, which holds a copy of jobs/; the campaign directory."""
    smaller = [word for change in job.smaller for word in ("--set", f"steps.{change}")]
    hpcml("run", f"jobs/{job.path}", *smaller, *options, cwd=folder)
    campaign = next(
        line.split()[1]
        for line in (folder / "jobs" / job.path).read_text().splitlines()
        if line.startswith("campaign:")
    )
    return folder / "campaigns" / campaign


def digests(root: Path) -> dict[str, str]:
    """Content digest of each table of a campaign, as `step/table`, recomputed from the files."""
    found: dict[str, str] = json.loads(hpcml("verify", root, "--json", cwd=root))["digests"]
    return found


def runs(jobs: tuple[ShippedJob, ...], folder: Path, *options: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """One after the other, since some read tables of those before."""
    for job in jobs:
        yield job.path, digests(run(job, folder, *options))
