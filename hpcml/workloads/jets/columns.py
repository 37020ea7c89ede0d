"""Columns and tables that several jet steps return, and the arrays that fill them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.workload import Column, Table
from hpcml.workloads.jets.evaluation import evaluated_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workloads.jets.clustering import Dijets

MASS = Column("m_jj", "float64", (), "GeV", "invariant mass of the two leading jets, 0 without two")
LABEL = Column("label", "uint8", (), "", "1 signal, 0 background, 255 unknown")
KINEMATICS = (
    Column("jet_pt", "float32", (2,), "GeV", "by decreasing pT"),
    Column("jet_eta", "float32", (2,), "", "pseudorapidity"),
    Column("jet_phi", "float32", (2,), "rad", "azimuth"),
    Column("jet_mass", "float32", (2,), "GeV", "invariant mass of the constituents"),
)
RUN = (
    Column("resampling", "int32", (), "", "number of the bootstrap resampling, -1 the data set itself"),
    Column("initialisation", "uint16", (), "", "number of the initialisation of k-means"),
    Column("injected", "uint32", (), "", "signal events added"),
    Column("jets_per_event", "uint8", (), "", "jets of an event that are counted"),
    Column("background_jets", "uint64", (), "", "weighted background jets in all windows"),
    Column("signal_jets", "uint64", (), "", "injected signal jets in all windows"),
)


def image_table(size: int, *further: Column) -> Table:
    """Table `images`: events with both jets as images of `size` x `size` pixels, and `further` columns."""
    image = Column("image", "float32", (2, size, size), "", "image of each jet: phi axis, eta axis; sum 1")
    return Table("images", (image, MASS, LABEL, *further))


def kinematic_columns(dijets: Dijets) -> dict[str, NDArray[Any]]:
    """The mass and the kinematics of the two jets of n events."""
    return {
        "m_jj": dijets.m_jj,
        "jet_pt": dijets.pt.astype(np.float32),
        "jet_eta": dijets.eta.astype(np.float32),
        "jet_phi": dijets.phi.astype(np.float32),
        "jet_mass": dijets.mass.astype(np.float32),
    }


def statistics_table(k: int) -> Table:
    """Table `statistics`, one row per run of `k` clusters."""
    return Table("statistics", RUN + evaluated_columns(k))


def count_table(steps: int, k: int) -> Table:
    """Table `counts`, one row per run, for `steps` windows and `k` clusters."""
    shape = (steps, k)
    columns = (
        Column("window", "float64", (steps, 2), "GeV", "edges of each window, low <= m_jj < high"),
        Column("background", "uint32", shape, "", "weighted background jets per window and cluster"),
        Column("signal", "uint32", shape, "", "injected signal jets per window and cluster"),
    )
    return Table("counts", columns)


def run_columns(
    resampling: NDArray[np.integer],
    initialisation: NDArray[np.integer],
    *,
    injected: int,
    jets_per_event: int,
    background: NDArray[np.integer],
    signal: NDArray[np.integer],
) -> dict[str, NDArray[Any]]:
    """The columns that name runs; resampling, initialisation (runs,), counts of jets (runs, windows, ...)."""
    runs = len(resampling)
    per_run = tuple(range(1, background.ndim))
    return {
        "resampling": resampling.astype(np.int32),
        "initialisation": initialisation.astype(np.uint16),
        "injected": np.full(runs, injected, np.uint32),
        "jets_per_event": np.full(runs, jets_per_event, np.uint8),
        "background_jets": background.sum(axis=per_run, dtype=np.uint64),
        "signal_jets": signal.sum(axis=per_run, dtype=np.uint64),
    }
