"""Counts of many runs -> which clusters are signal-rich, and all statistics, as columns of a table.

Scans, re-binnings and evaluations of stored counts share this order of the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Gt

from hpcml.workload import Column
from hpcml.workloads.jets import dijet, statistics
from hpcml.workloads.jets.dijet import FitParameters
from hpcml.workloads.jets.labelling import Labelling, signal_rich
from hpcml.workloads.jets.statistics import RichError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# statistics that a null distribution is made of
CALIBRATED = (
    "mls_two_sided", "mls_one_sided", "chisq_ndof", "shape_deviation", "peak_deviation",
    "max_max", "max_chisq", "chisq_max", "chisq_chisq", "fit_one_sided", "fit_two_sided",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """How counts are evaluated.

    labelling: see labelling.py. threshold: robust deviations that make a cluster signal-rich. rich_error:
    see statistics.py. fit_parameters: of the dijet function that is fitted to all events.
    """

    labelling: Labelling = "maxdev"
    threshold: Annotated[float, Gt(0)] = 3.0
    rich_error: RichError = "poor_shape"
    fit_parameters: FitParameters = 4


def evaluated_columns(k: int) -> tuple[Column, ...]:
    """The columns that `evaluate_runs` returns for `k` clusters. R and B: spectrum of the signal-rich
    clusters and background estimate; N: all events."""
    real = (
        ("mls_two_sided", "max |R-B|/sqrt(B) over windows"),
        ("mls_one_sided", "max (R-B)/sqrt(B) over windows"),
        ("chisq_ndof", "mean (R-B)^2/(err_B^2+err_R^2) over windows"),
        ("chisq_deviation", "(chisq_ndof - 1) ndof / sqrt(2 ndof)"),
        ("shape_deviation", "max |B/sum B - R/sum R| over its error"),
        ("shape_difference", "max |B/sum B - R/sum R|"),
        ("peak_deviation", "max |B/max B - R/max R| over its error"),
        ("peak_difference", "max |B/max B - R/max R|"),
        ("max_max", "largest excess of a cluster in a window over its error"),
        ("max_chisq", "largest mean square of the excesses of a cluster"),
        ("chisq_max", "mean square of the clusters' largest excesses"),
        ("chisq_chisq", "mean square of all excesses"),
        ("fit_one_sided", "max (N-f)/sqrt(f) over the dijet fit f of all events, at least 0"),
        ("fit_two_sided", "max |N-f|/sqrt(f)"),
        ("fit_chisq_ndof", "of the dijet fit to all events"),
        ("signal_efficiency", "share of signal jets in rich clusters"),
        ("background_efficiency", "share of background jets in them"),
        ("significance_improvement", "gain in S/sqrt(B) by the rich clusters"),
    )
    return (
        *(Column(name, "float64", (), "", meaning) for name, meaning in real),
        Column("n_rich", "uint32", (), "", "clusters labelled signal-rich"),
        Column("rich", "uint8", (k,), "", "1 for signal-rich clusters"),
    )


def evaluate_runs(
    background: NDArray[np.uint32],
    signal: NDArray[np.uint32],
    windows: NDArray[np.float64],
    *,
    how: EvaluationSettings,
    jets_per_event: int,
    streams: Sequence[np.random.Generator] = (),
) -> dict[str, NDArray[Any]]:
    """All statistics of some runs: the columns of `evaluated_columns`, one row per run.

    background, signal: uint32 (runs, windows, k). windows: float64 (windows, 2), GeV. streams: one per run,
    for labellings that need one. ValueError for fewer windows than the fit needs.
    """
    both = background + signal
    rich = signal_rich(both, windows, method=how.labelling, threshold=how.threshold, streams=streams)
    found = statistics.rich_and_background_spectra(both, rich, windows=windows)
    # every jet has a cluster, so jets of all clusters are the events, as often as each has jets
    events = both.sum(axis=-1, dtype=np.int64) / jets_per_event
    fit = dijet.fit_dijet(events, windows, parameters=how.fit_parameters)
    columns: dict[str, NDArray[Any]] = {
        **statistics.aggregate_statistics(found, windows, rich_error=how.rich_error)._asdict(),
        **statistics.cluster_statistics(both)._asdict(),
        **statistics.diagnostics(background, signal, rich=rich)._asdict(),
        "fit_one_sided": dijet.largest_excess(events, fit.expected),
        "fit_two_sided": dijet.largest_deviation(events, fit.expected),
        "fit_chisq_ndof": fit.chisq_ndof,
        "n_rich": rich.sum(axis=-1),
        "rich": rich,
    }
    return {
        column.name: columns[column.name].astype(column.dtype) for column in evaluated_columns(both.shape[-1])
    }
