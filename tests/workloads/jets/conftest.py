"""Samples that several tests of the jet workloads share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from given import SEED

from hpcml.testing import MemoryTable, run_in_memory
from hpcml.workloads.jets.steps.images import ImageParameters, JetImages
from hpcml.workloads.jets.steps.synthetic import SyntheticEvents, SyntheticParameters

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def jets_data() -> Path:
    """The folder of real jet data; skips with a reason where there is none."""
    root = Path(os.environ.get("HPCML_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    folder = root / "jets"
    if not folder.is_dir():
        pytest.skip(f"no real jet data in {folder}: set HPCML_TEST_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def lhco(jets_data: Path) -> MemoryTable:
    """The images of the 1,000 real events, without re-processing."""
    workload = JetImages(ImageParameters(block_size=250, reprocess="none"))
    return run_in_memory(workload, {"events": jets_data / "lhco_rnd_tiny.h5"}, seed=SEED)


@pytest.fixture(scope="session")
def simulated() -> MemoryTable:
    """1,500 background and 120 signal events, re-processed."""
    return run_in_memory(SyntheticEvents(SyntheticParameters(1500, 120, block_size=250)), seed=SEED)
