"""The hand brick: four films, one shower of two branches, eight background base-tracks; real data."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from emulsion_jobs import BASIC, run

from hpcml.workloads.emulsion import brick, geometry

REPOSITORY = Path(__file__).resolve().parents[3]
PITCH = 1315.0
# id: plate, x, y, tx, ty
SIGNAL = {
    0: (3, 50000.0, 50000.0, 0.01, 0.0),
    1: (2, 50013.15, 50000.0, 0.02, 0.0), 2: (2, 50010.0, 50005.0, 0.05, 0.01),
    3: (1, 50039.45, 50000.0, 0.02, 0.0), 4: (1, 50070.0, 50018.0, 0.05, 0.01),
    5: (0, 50065.75, 50000.0, 0.02, 0.0), 6: (0, 50140.0, 50030.0, 0.05, 0.01),
}  # fmt: skip
NOISE = {
    100: (2, 50320.0, 50000.0, 0.0, 0.0), 101: (2, 50319.9, 50000.0, 0.0, 0.0),
    102: (1, 50020.0, 50010.0, 0.3, 0.3), 103: (1, 50020.0, 50010.0, -0.1, 0.0),
    104: (0, 50020.0, 50010.0, 0.0, 0.45), 105: (0, 50400.0, 50010.0, 0.0, 0.0),
    106: (0, 50486.3, 50000.0, 0.0, 0.0), 107: (0, 50100.0, 50100.0, -0.35, 0.0),
}  # fmt: skip


def columns(rows, source=0, event=7):
    """Base-tracks by id -> columns in double precision, as the rules were computed by hand."""
    plate, x, y, tx, ty = map(np.array, zip(*rows.values(), strict=True))
    number = len(rows)
    return {
        "plate": plate.astype(np.int32), "id": np.array(list(rows), np.int64),
        "source": np.full(number, source, np.uint8), "x": x, "y": y, "z": -PITCH * plate,
        "tx": tx, "ty": ty, "event": np.full(number, event if source == 0 else -999, np.int32),
    }  # fmt: skip


def joined(*parts):
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def built(rows, size=1000.0):
    positions = geometry.plate_positions(rows["plate"], rows["z"])
    return brick.build(rows, positions, size=size)


@pytest.fixture(scope="session")
def hand():
    """`columns` and the sorted `brick` of the hand brick, and the makers of both."""
    rows = joined(columns(SIGNAL), columns(NOISE, source=1))
    return SimpleNamespace(
        rows=rows, brick=built(rows), signal=columns(SIGNAL), columns=columns, joined=joined, built=built,
        every=SIGNAL | NOISE, positions=np.array([0.0, -PITCH, -2 * PITCH, -3 * PITCH]),
    )  # fmt: skip


@pytest.fixture(scope="session")
def fasernu() -> Path:
    """Simulated FASERnu base-tracks; skips with a reason where there are none."""
    root = Path(os.environ.get("HPCML_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    path = root / "emulsion" / "fasernu_mc_select.csv"
    if not path.is_file():
        pytest.skip(f"no emulsion data in {root}: set HPCML_TEST_DATA to their folder")
    return path


@pytest.fixture(scope="session")
def basic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 showers of 6 GeV in 6 x 6 cm with 150 base-tracks per cm2 and film, linked."""
    folder = tmp_path_factory.mktemp("emulsion")
    run(folder, BASIC)
    return folder
