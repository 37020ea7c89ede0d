"""The scan: the workload `jets.scan`.

Units, random streams by name, and which function gets which array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.errors import UsageError
from hpcml.workload import Arrays, Context, Figure, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.jets import counting, runs, scanning
from hpcml.workloads.jets.evaluation import CALIBRATED, evaluate_runs
from hpcml.workloads.jets.parameters import ScanParameters
from hpcml.workloads.jets.tables import scan_tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workloads.jets.components import Basis
    from hpcml.workloads.jets.kmeans import Fit

EVENT_INPUTS = (
    InputSpec(
        "images", "a step jets.images, jets.synthetic or jets.project: background, and signal by label"
    ),
    InputSpec("signal", "another such step, whose events are all signal", required=False),
)


class ScanData(NamedTuple):
    """What all units of a rank share: both kinds of events, the windows (steps, 2) in GeV, and the basis
    where jets are components."""

    background: scanning.EventSample
    signal: scanning.EventSample
    windows: NDArray[np.float64]
    basis: Basis | None


def open_events(
    inputs: Mapping[str, Input], windows: NDArray[np.float64], train_interval: tuple[float, float]
) -> ScanData:
    """Background and signal of the event inputs. Events of unknown label count as background: they
    are what is searched. UsageError when the two inputs do not fit to each other."""
    from hpcml.workloads.jets.components import read_basis
    from hpcml.workloads.jets.steps.components import basis_of

    source = inputs["images"]
    jets = runs.jets_of(source)
    m_jj, label = runs.masses_and_labels(source)
    options: dict[str, Any] = {"train_interval": train_interval, "windows": windows}
    background = scanning.event_sample(jets, m_jj, np.flatnonzero(label != 1), **options)
    basis = basis_of(source, read=read_basis)
    if "signal" not in inputs:
        signal = scanning.event_sample(jets, m_jj, np.flatnonzero(label == 1), **options)
        return ScanData(background, signal, windows, basis)
    other = runs.jets_of(inputs["signal"])
    if other.shape[1:] != jets.shape[1:]:
        raise UsageError(
            f"jets of input `images` have shape {jets.shape[1:]}, of `signal` {other.shape[1:]}",
            "make both with the same image_size, and project both with the same moments",
        )
    mass, _ = runs.masses_and_labels(inputs["signal"])
    signal = scanning.event_sample(other, mass, np.arange(len(mass)), **options)
    return ScanData(background, signal, windows, basis)


class ClusterScan(Workload):
    """k-means on one resampling, spectra of all clusters, test statistics.

    A unit is one resampling of the background with its initialisations of k-means.
    """

    name = "jets.scan"
    version = 3
    Parameters = ScanParameters
    unit_parameters = frozenset({"first_resampling", "resamplings", "initialisations", "include_original"})
    inputs = EVENT_INPUTS
    parameters: ScanParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        p = self.parameters
        numbers = list(range(p.first_resampling, p.first_resampling + p.resamplings))
        for b in [-1] * p.include_original + numbers:
            for first in range(0, p.initialisations, p.initialisations_per_unit):
                count = min(p.initialisations_per_unit, p.initialisations - first)
                data_set = "rest" if b < 0 else f"boot-{b:04d}"
                last = f"-{first + count - 1:02d}" if count > 1 else ""
                payload = {"resampling": b, "initialisation": first, "initialisations": count}
                yield Unit(f"{data_set}-init-{first:02d}{last}", payload, float(count))

    def tables(self) -> tuple[Table, ...]:
        return scan_tables(self.parameters.window_steps, self.parameters.k)

    def open(self, inputs: Mapping[str, Input]) -> ScanData:
        p = self.parameters
        windows = counting.mass_windows(p.evaluation_interval, p.window_width, steps=p.window_steps)
        data = open_events(inputs, windows, p.train_interval)
        if not data.background.training.any():
            low, high = p.train_interval
            raise UsageError(
                f"no background event has {low:g} <= m_jj < {high:g} GeV", "change train_interval"
            )
        return data

    def process(self, unit: Unit, shared: ScanData, ctx: Context) -> Mapping[str, Arrays]:
        p = self.parameters
        b, first = int(unit.payload["resampling"]), int(unit.payload["initialisation"])
        numbers = range(first, first + int(unit.payload["initialisations"]))
        background = self._background(b, shared.background.rows.size, ctx)
        injected = self._injected(shared.signal.rows.size)
        sample = b if p.signal_sample < 0 else p.signal_sample
        signal = scanning.signal_weights(ctx.stream("signal", sample), shared.signal.rows.size, injected)

        fits, training_jets = self._fits(shared, background, signal, b=b, numbers=numbers, ctx=ctx)
        centres = np.stack([one.centres for one in fits])
        counted = {
            kind: scanning.window_counts(
                population, weights, centres, windows=shared.windows, jets_per_event=p.jets_per_event
            )
            for kind, population, weights in (
                ("background", shared.background, background),
                ("signal", shared.signal, signal),
            )
        }
        if p.idealised:
            streams = [ctx.stream("ideal", b, i) for i in numbers]
            counted["background"] = scanning.idealised_counts(counted["background"], streams)
        labelling = [ctx.stream("labelling", b, i) for i in numbers]
        evaluated = evaluate_runs(
            **counted, windows=shared.windows, how=p.evaluation,
            jets_per_event=p.jets_per_event, streams=labelling,
        )  # fmt: skip
        size = len(numbers)
        run = run_columns(b, numbers, injected=injected, jets_per_event=p.jets_per_event, **counted)
        is_first = b == (-1 if p.include_original else p.first_resampling) and first == 0
        kept = centres.ravel() if p.keep_centres else np.zeros(0, np.float32)
        weight_sum = background.sum(dtype=np.int64)
        return {
            "statistics": run | evaluated,
            "counts": {"window": np.repeat(shared.windows[None], size, axis=0), **counted},
            "training": {
                "inertia": np.array([one.inertia for one in fits]),
                "iterations": np.array([one.iterations for one in fits], np.uint32),
                "training_jets": np.full(size, training_jets, np.uint64),
                "weight_sum": np.full(size, weight_sum, np.uint64),
                "weight_digest": np.full(size, scanning.weight_digest(background, signal), np.uint64),
            },
            "centres": {"value": kept},
            "centre_images": {"value": self._pictures(centres[0], shared.basis) if is_first else kept[:0]},
        }

    def summarise(self, tables: Mapping[str, Input]) -> Mapping[str, Any]:
        from hpcml.workloads.jets import calibration

        table = next(iter(tables.values()))
        found = runs.runs_of(table, [one.name for one in fields(self.parameters)])
        results: dict[str, Any] = {}
        for name in CALIBRATED:
            points = calibration.sweep_points(found, np.asarray(table.array(name, "statistics")))
            results |= calibration.summary(points, name)
        results["injected"] = np.array([one.injected for one in found])
        results["resamplings"] = np.array([one.resampled.size for one in points])
        results["null_size"] = np.array([calibration.null_of(one, points).size for one in points])
        return results

    def report(self, tables: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.jets.figures.scan import scan_figures

        return scan_figures(tables, self.parameters)

    def _background(self, b: int, size: int, ctx: Context) -> NDArray[np.uint16]:
        """How often each background event of the whole file counts; once each without resampling.
        The label ("weights", b) is shared by all initialisations and sweep values of `b`."""
        if b < 0:
            return np.ones(size, np.uint16)
        return scanning.background_weights(self.parameters.bootstrap, ctx.stream("weights", b), size)

    def _injected(self, available: int) -> int:
        if self.parameters.signal_fraction:
            return round(self.parameters.signal_fraction * available)
        return self.parameters.injected

    def _fits(
        self,
        shared: ScanData,
        background: NDArray[np.uint16],
        signal: NDArray[np.uint16],
        *,
        b: int,
        numbers: range,
        ctx: Context,
    ) -> tuple[list[Fit], int]:
        """One fit for each initialisation, and the weighted number of training jets."""
        from hpcml.workloads.jets import kmeans

        p = self.parameters
        parts = [(shared.background, background)]
        if p.train_on_signal:
            parts.append((shared.signal, signal))
        jets = scanning.training_jets(parts, jets_per_event=p.jets_per_event)
        streams = [ctx.stream("init", b, i, restart) for i in numbers for restart in range(p.restarts)]
        try:
            fits = kmeans.fit(
                jets, k=p.k, algorithm=p.algorithm, batch_size=p.batch_size,
                sample=ctx.stream("seeding", b), streams=streams,
            )  # fmt: skip
        except ValueError as error:
            raise UsageError(str(error)) from error
        return kmeans.best_of(fits, p.restarts), int(jets.weights.sum(dtype=np.int64))

    def _pictures(self, centres: NDArray[np.float32], basis: Basis | None) -> NDArray[np.float32]:
        from hpcml.workloads.jets.components import restore

        return (centres if basis is None else restore(centres, basis)).ravel()


def run_columns(
    b: int,
    numbers: range,
    *,
    injected: int,
    jets_per_event: int,
    background: NDArray[np.uint32],
    signal: NDArray[np.uint32],
) -> dict[str, NDArray[Any]]:
    """The columns that say which runs these are; counts uint32 (runs, windows, k)."""
    size = len(numbers)
    return {
        "resampling": np.full(size, b, np.int32),
        "initialisation": np.array(numbers, np.uint16),
        "injected": np.full(size, injected, np.uint32),
        "jets_per_event": np.full(size, jets_per_event, np.uint8),
        "background_jets": background.sum(axis=(1, 2), dtype=np.uint64),
        "signal_jets": signal.sum(axis=(1, 2), dtype=np.uint64),
    }
