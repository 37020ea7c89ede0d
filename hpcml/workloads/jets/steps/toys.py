"""`jets.toys`: pseudo-experiments of the classical search, to compare a scan with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le

from hpcml.workload import Arrays, Column, Context, Input, Table, Unit, Workload, block_units
from hpcml.workloads.jets import resampling, toys
from hpcml.workloads.jets.columns import RUN, run_columns
from hpcml.workloads.jets.dijet import FitParameters
from hpcml.workloads.jets.event_tables import EVENT_INPUTS, masses_and_labels
from hpcml.workloads.jets.windows import check_windows, mass_windows, window_of
from hpcml.workloads.refusals import reported

if TYPE_CHECKING:
    from numpy.typing import NDArray

STATISTICS = (
    Column(
        "fit_one_sided", "float64", (), "", "max (N-f)/sqrt(f) over the dijet fit f of the toy, at least 0"
    ),
    Column("fit_two_sided", "float64", (), "", "max |N-f|/sqrt(f)"),
    Column(
        "known_one_sided", "float64", (), "", "the same with the true curve in place of the fit, one-sided"
    ),
    Column("known_two_sided", "float64", (), "", "and two-sided"),
)


@dataclass(frozen=True, slots=True)
class ToyParameters:
    """Windows as in a scan. fit_parameters: of the dijet function. injected, or signal_fraction of all signal
    events: how many are added. toys: how many exist, block_size of them in a unit."""

    evaluation_interval: tuple[float, float] = (3000.0, 4600.0)
    window_width: Annotated[float, Gt(0)] = 100.0
    window_steps: Annotated[int, Ge(5)] = 16
    fit_parameters: FitParameters = 4
    injected: Annotated[int, Ge(0)] = 0
    signal_fraction: Annotated[float, Ge(0), Le(1)] = 0.0
    toys: Annotated[int, Ge(1)] = 10_000
    block_size: Annotated[int, Ge(1)] = 1_000

    def __post_init__(self) -> None:
        check_windows(self.evaluation_interval, self.window_width)
        resampling.check_injection(self.injected, self.signal_fraction)


class ToyData(NamedTuple):
    """windows: (steps, 2), GeV. curve: float64 (steps,), the fit of all background events. total: background
    events of the file. signal_cells: int64 (signal events,), window of each, -1 outside."""

    windows: NDArray[np.float64]
    curve: NDArray[np.float64]
    total: int
    signal_cells: NDArray[np.int64]


class FitToys(Workload):
    """Pseudo-experiments of the classical search, to compare with. A unit is a block of toys."""

    name = "jets.toys"
    version = 1
    Parameters = ToyParameters
    unit_parameters = frozenset({"toys"})
    inputs = EVENT_INPUTS
    parameters: ToyParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        return block_units("toys", self.parameters.toys, self.parameters.block_size)

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return (Table("statistics", RUN + STATISTICS),)

    def open(self, inputs: Mapping[str, Input]) -> ToyData:
        from hpcml.workloads.jets.dijet import fit_dijet

        p = self.parameters
        windows = mass_windows(p.evaluation_interval, p.window_width, steps=p.window_steps)
        m_jj, label = masses_and_labels(inputs["images"])
        background, signal = m_jj[label != 1], m_jj[label == 1]
        if "signal" in inputs:
            signal, _ = masses_and_labels(inputs["signal"])
        with reported():
            counts = np.bincount(window_of(background, windows) + 1, minlength=len(windows) + 1)[1:]
            curve = fit_dijet(counts, windows, parameters=p.fit_parameters).expected
            return ToyData(windows, curve, len(background), window_of(signal, windows))

    def process(self, unit: Unit, shared: ToyData, ctx: Context) -> Mapping[str, Arrays]:
        p = self.parameters
        first, count = unit.integer("first"), unit.integer("count")
        injected = resampling.injected_events(p.injected, p.signal_fraction, len(shared.signal_cells))
        rng = ctx.stream("toys", first, injected)
        with reported():
            background = toys.draw_background(shared.curve, shared.total, toys=count, rng=rng)
            signal = toys.draw_signal(
                shared.signal_cells, injected, windows=len(shared.windows), toys=count, rng=rng
            )
            found = toys.toy_statistics(
                background + signal, shared.curve, shared.windows, parameters=p.fit_parameters
            )
        run = run_columns(
            np.arange(first, first + count),
            np.zeros(count, np.uint16),
            injected=injected,
            jets_per_event=1,
            background=background,
            signal=signal,
        )
        return {"statistics": run | found._asdict()}
