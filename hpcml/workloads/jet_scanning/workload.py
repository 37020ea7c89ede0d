"""The three workloads of cluster scanning: `jets.synthetic`, `jets.images`, `jets.scan`.

What lives here: units, and which function gets which array. What does not: parameters and tables
(modules of that name), formulas (the other modules), files (inputs.py), plots (figures.py).
Method: arXiv:2402.17714 (JHEP 06 (2024) 163); docs/workload-jets.md says where we differ and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.errors import UsageError
from hpcml.workload import Arrays, Context, Figure, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.jet_scanning import counting, reprocessing
from hpcml.workloads.jet_scanning.parameters import ImageParameters, ScanParameters, SyntheticParameters
from hpcml.workloads.jet_scanning.tables import IMAGES, scan_tables

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from hpcml.workloads.jet_scanning.clustering import Dijets


def image_rows(dijets: Dijets, label: NDArray[np.uint8], reprocess: str) -> dict[str, Arrays]:
    """The rows of table `images`, of equal form for simulated and for read events."""
    from hpcml.workloads.jet_scanning.images import jet_images

    single = np.float32
    columns: dict[str, NDArray[Any]] = {
        "image": reprocessing.reprocess(jet_images(dijets.constituents), reprocess),
        "m_jj": dijets.m_jj,
        "label": label,
        "jet_pt": dijets.pt.astype(single),
        "jet_eta": dijets.eta.astype(single),
        "jet_phi": dijets.phi.astype(single),
        "jet_mass": dijets.mass.astype(single),
    }
    return {"images": columns}


def blocks(total: int, size: int) -> Iterator[tuple[int, int]]:
    """(first row, number of rows) of each block of `size` rows; the last may be shorter."""
    for first in range(0, total, size):
        yield first, min(size, total - first)


class SyntheticEvents(Workload):
    """Simulated dijet events with truth labels, as images. A unit is a block of events."""

    name = "jets.synthetic"
    version = 1
    Parameters = SyntheticParameters
    listing = frozenset({"background_events", "signal_events"})
    parameters: SyntheticParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        wanted = {"background": self.parameters.background_events, "signal": self.parameters.signal_events}
        for kind, total in wanted.items():
            for first, count in blocks(total, self.parameters.block_size):
                key = f"{kind}-{first:07d}-{first + count - 1:07d}"
                yield Unit(key, {"signal": kind == "signal", "first": first, "count": count}, float(count))

    def tables(self) -> tuple[Table, ...]:
        return (IMAGES,)

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Arrays]:
        from hpcml.workloads.jet_scanning import synthetic

        signal, count = bool(unit.payload["signal"]), int(unit.payload["count"])
        generate = synthetic.signal_events if signal else synthetic.background_events
        label = np.full(count, signal, np.uint8)
        return image_rows(generate(ctx.stream(), count), label, self.parameters.reprocess)

    def report(self, tables: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.jet_scanning.figures import event_figures

        return event_figures(tables)


class JetImages(Workload):
    """Events of LHC Olympics files -> the images of their two leading jets. A unit is a block."""

    name = "jets.images"
    version = 1
    Parameters = ImageParameters
    inputs = (InputSpec("events", "LHC Olympics files: 700 x (pT, eta, phi) and a label per event"),)
    parameters: ImageParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        from hpcml.workloads.jet_scanning.inputs import count_events

        start = 0
        for number, path in enumerate(inputs["events"].paths):
            total = count_events(path)
            for first, count in blocks(total, self.parameters.block_size):
                # numbered over all files, so that keys stay unique; a block never spans two files
                key = f"events-{start + first:06d}-{start + first + count - 1:06d}"
                yield Unit(key, {"file": number, "first": first, "count": count}, float(count))
            start += total

    def tables(self) -> tuple[Table, ...]:
        return (IMAGES,)

    def open(self, inputs: Mapping[str, Input]) -> list[Path]:
        return list(inputs["events"].paths)

    def process(self, unit: Unit, shared: list[Path], ctx: Context) -> Mapping[str, Arrays]:
        from hpcml.workloads.jet_scanning.clustering import leading_dijets
        from hpcml.workloads.jet_scanning.inputs import read_events

        path = shared[int(unit.payload["file"])]
        events = read_events(path, int(unit.payload["first"]), count=int(unit.payload["count"]))
        return image_rows(leading_dijets(list(events.particles)), events.label, self.parameters.reprocess)

    def report(self, tables: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.jet_scanning.figures import event_figures

        return event_figures(tables)


CALIBRATED = ("mls_two_sided", "mls_one_sided", "chisq_ndof", "shape_deviation", "fit_mls")


class ScanData(NamedTuple):
    """What all units of a rank share: images stay in the file, everything else is small.

    background, signal: int64 rows of each kind in file order. training: bool per row.
    cells: int32 elementary mass cell per row, -1 outside of all windows.
    """

    images: NDArray[np.float32]
    background: NDArray[np.int64]
    signal: NDArray[np.int64]
    training: NDArray[np.bool_]
    cells: NDArray[np.int32]
    windows: NDArray[np.float64]


class ClusterScan(Workload):
    """k-means on one resampling, spectra of all clusters, test statistics.

    A unit is one resampling of the background with one initialisation of k-means.
    """

    name = "jets.scan"
    version = 2
    Parameters = ScanParameters
    listing = frozenset({"resamplings", "initialisations", "include_original"})
    inputs = (InputSpec("images", "a step `jets.images` or `jets.synthetic`"),)
    parameters: ScanParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        first = -1 if self.parameters.include_original else 0
        for b in range(first, self.parameters.resamplings):
            for i in range(self.parameters.initialisations):
                data_set = "rest" if b < 0 else f"boot-{b:04d}"
                yield Unit(f"{data_set}-init-{i:02d}", {"resampling": b, "initialisation": i})

    def tables(self) -> tuple[Table, ...]:
        return scan_tables(self.parameters.window_steps, self.parameters.k)

    def open(self, inputs: Mapping[str, Input]) -> ScanData:
        source = inputs["images"]
        label, m_jj = source.array("label", "images"), np.asarray(source.array("m_jj", "images"))
        signal = np.flatnonzero(label == 1)
        p = self.parameters
        if p.injected > signal.size:
            raise UsageError(f"injected is {p.injected}, the input holds {signal.size} signal events")
        windows = counting.mass_windows(p.evaluation_interval, p.window_width, steps=p.window_steps)
        low, high = p.train_interval
        return ScanData(
            images=source.array("image", "images"),
            background=np.flatnonzero(label == 0),
            signal=signal,
            training=(m_jj >= low) & (m_jj < high),
            cells=counting.cell_of(m_jj, counting.cell_edges(windows)),
            windows=windows,
        )

    def process(self, unit: Unit, shared: ScanData, ctx: Context) -> Mapping[str, Arrays]:
        from hpcml.workloads.jet_scanning import dijet, kmeans, spectra, statistics

        p = self.parameters
        b, i = int(unit.payload["resampling"]), int(unit.payload["initialisation"])
        resampled = self._weights(b, shared.background.size, ctx)
        # one permutation for all sweep values: the events of a small injection are part of a larger
        injected = np.sort(ctx.stream("signal", b).permutation(shared.signal)[: p.injected])
        weights = np.zeros(len(shared.images), np.uint16)
        weights[shared.background] = resampled
        weights[injected] = 1

        in_training = shared.training & (weights > 0)
        if not p.train_on_signal:
            in_training[injected] = False
        rows = np.flatnonzero(in_training)
        chosen = shared.images[rows]
        jets = chosen.shape[1]
        fit = kmeans.fit(
            chosen.reshape(rows.size * jets, -1),
            np.repeat(weights[rows], jets),
            k=p.k,
            algorithm=p.algorithm,
            batch_size=p.batch_size,
            rng=ctx.stream("init", b, i),
        )

        def counted(members: NDArray[np.int64]) -> NDArray[np.uint32]:
            rows = members[(weights[members] > 0) & (shared.cells[members] >= 0)]
            labels = kmeans.assign_rows(fit.centres, shared.images, rows=rows)
            return counting.window_counts(
                labels, shared.cells[rows], weights=weights[rows], windows=shared.windows, k=p.k
            )

        background, signal = counted(shared.background), counted(injected)
        both = background + signal
        rich = spectra.signal_rich(both, p.threshold)
        aggregate = statistics.aggregate_statistics(statistics.contrast(both, rich, windows=shared.windows))
        # every jet has a cluster, so jets of all clusters are the events, as often as each has jets
        events = both.sum(axis=1, dtype=np.int64) / jets
        smooth = dijet.fit_dijet(events, shared.windows, parameters=p.fit_parameters)
        values: dict[str, Any] = {
            **aggregate._asdict(),
            **statistics.cluster_statistics(both)._asdict(),
            **statistics.diagnostics(background, signal, rich=rich)._asdict(),
            "fit_mls": dijet.largest_excess(events, smooth.expected),
            "fit_chisq_ndof": smooth.chisq_ndof,
            "n_rich": rich.sum(),
            "rich": rich,
            "inertia": fit.inertia,
            "iterations": fit.iterations,
            "training_jets": jets * int(weights[rows].sum(dtype=np.int64)),
            "weight_sum": resampled.sum(dtype=np.int64),
        }
        schema = self.tables()[0]
        return {
            "statistics": {one.name: np.asarray([values[one.name]], one.dtype) for one in schema.columns},
            "counts": {"background": background[None], "signal": signal[None]},
        }

    def summarise(self, tables: Mapping[str, Input]) -> Mapping[str, Any]:
        from hpcml.workloads.jet_scanning import calibration
        from hpcml.workloads.jet_scanning.inputs import scan_rows

        table = next(iter(tables.values()))
        rows = scan_rows(table, self.parameters)
        results: dict[str, Any] = {}
        for name in CALIBRATED:
            points = calibration.sweep_points(rows, np.asarray(table.array(name, "statistics")))
            results |= calibration.summary(points, name)
        results["injected"] = np.array([one.injected for one in rows])
        results["resamplings"] = np.array([one.resampled.size for one in points])
        results["null_size"] = np.array([calibration.null_of(one, points).size for one in points])
        return results

    def report(self, tables: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.jet_scanning.figures import scan_figures

        return scan_figures(tables, self.parameters)

    def _weights(self, b: int, size: int, ctx: Context) -> NDArray[np.uint16]:
        """How often each background event of the whole file counts; once each without resampling.
        The label ("weights", b) is shared by all initialisations and sweep values of `b`."""
        from hpcml.numerics import bootstrap

        if b < 0:
            return np.ones(size, np.uint16)
        draw = {"multinomial": bootstrap.multinomial_weights, "poisson": bootstrap.poisson_weights}
        return draw[self.parameters.bootstrap](ctx.stream("weights", b), size)
