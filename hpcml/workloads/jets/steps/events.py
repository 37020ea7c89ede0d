"""Events as images: the workloads `jets.synthetic` and `jets.images`.

Units, and which function gets which array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.errors import UsageError
from hpcml.workload import Arrays, Context, Figure, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.jets import reprocessing
from hpcml.workloads.jets.parameters import ImageParameters, SyntheticParameters
from hpcml.workloads.jets.tables import image_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workloads.jets.clustering import Dijets

LABELS = {"background": 0, "signal": 1, "unknown": 255}


def kinematic_columns(dijets: Dijets) -> dict[str, NDArray[Any]]:
    """The columns of two jets that are not their images."""
    single = np.float32
    return {
        "m_jj": dijets.m_jj,
        "jet_pt": dijets.pt.astype(single),
        "jet_eta": dijets.eta.astype(single),
        "jet_phi": dijets.phi.astype(single),
        "jet_mass": dijets.mass.astype(single),
    }


def substructure_columns(constituents: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Number of constituents and N-subjettiness of jets (events, 2, slots, 3)."""
    from hpcml.workloads.jets.clustering import subjettiness

    number = (constituents[..., 0] > 0).sum(axis=-1)
    return {
        "jet_constituents": number.astype(np.uint16),
        "jet_tau": subjettiness(constituents).astype(np.float32),
    }


def blocks(total: int, size: int) -> Iterator[tuple[int, int]]:
    """(first row, number of rows) of each block of `size` rows; the last may be shorter."""
    for first in range(0, total, size):
        yield first, min(size, total - first)


class SyntheticEvents(Workload):
    """Simulated dijet events with truth labels, as images. A unit is a block of events."""

    name = "jets.synthetic"
    version = 2
    Parameters = SyntheticParameters
    unit_parameters = frozenset({"background_events", "signal_events"})
    parameters: SyntheticParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        wanted = {"background": self.parameters.background_events, "signal": self.parameters.signal_events}
        for kind, total in wanted.items():
            for first, count in blocks(total, self.parameters.block_size):
                key = f"{kind}-{first:07d}-{first + count - 1:07d}"
                yield Unit(key, {"signal": kind == "signal", "first": first, "count": count}, float(count))

    def tables(self) -> tuple[Table, ...]:
        return (image_table(self.parameters.image_size, kinematics=True, substructure=False),)

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Arrays]:
        from hpcml.workloads.jets import synthetic
        from hpcml.workloads.jets.images import jet_images

        p = self.parameters
        signal, count = bool(unit.payload["signal"]), int(unit.payload["count"])
        generate = synthetic.signal_events if signal else synthetic.background_events
        dijets = generate(ctx.stream(), count)
        images = jet_images(dijets.constituents, size=p.image_size, half_width=p.half_width)
        columns = kinematic_columns(dijets) | {
            "image": reprocessing.reprocess(images, p.reprocess),
            "label": np.full(count, signal, np.uint8),
        }
        return {"images": columns}

    def report(self, tables: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.jets.figures.events import event_figures

        return event_figures(tables)


class EventFiles(NamedTuple):
    """paths: files of events. masses: files of their masses, empty or one for each."""

    paths: list[Path]
    masses: list[Path]


class JetImages(Workload):
    """Events of files -> the images of their two leading jets. A unit is a block of one file."""

    name = "jets.images"
    version = 2
    Parameters = ImageParameters
    inputs = (
        InputSpec("events", "files of events, in the layout that the parameters name"),
        InputSpec("masses", "for ready images: .npy files of m_jj in GeV, one for each file", required=False),
    )
    parameters: ImageParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        from hpcml.workloads.jets.inputs import count_events

        start = 0
        for number, path in enumerate(inputs["events"].paths):
            total = count_events(path, self.parameters.layout)
            for first, count in blocks(total, self.parameters.block_size):
                # numbered over all files, so that keys stay unique; a block never spans two files
                key = f"events-{start + first:06d}-{start + first + count - 1:06d}"
                yield Unit(key, {"file": number, "first": first, "count": count}, float(count))
            start += total

    def tables(self) -> tuple[Table, ...]:
        p = self.parameters
        return (image_table(p.image_size, kinematics=p.layout == "lhco", substructure=p.layout != "images"),)

    def open(self, inputs: Mapping[str, Input]) -> EventFiles:
        masses = list(inputs["masses"].paths) if "masses" in inputs else []
        if masses and self.parameters.layout != "images":
            raise UsageError(f"input `masses` belongs to layout images, not {self.parameters.layout}")
        return EventFiles(list(inputs["events"].paths), masses)

    def process(self, unit: Unit, shared: EventFiles, ctx: Context) -> Mapping[str, Arrays]:
        first, count = int(unit.payload["first"]), int(unit.payload["count"])
        columns, label = self._columns(shared, int(unit.payload["file"]), first=first, count=count)
        if self.parameters.label != "file":
            label = np.full(count, LABELS[self.parameters.label], np.uint8)
        images = reprocessing.reprocess(columns["image"], self.parameters.reprocess)
        return {"images": columns | {"image": images, "label": label}}

    def report(self, tables: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.jets.figures.events import event_figures

        return event_figures(tables)

    def _columns(
        self, shared: EventFiles, number: int, *, first: int, count: int
    ) -> tuple[dict[str, NDArray[Any]], NDArray[np.uint8]]:
        """All columns but the label, images without re-processing, and the label of the file."""
        from hpcml.workloads.jets import inputs
        from hpcml.workloads.jets.clustering import leading_dijets

        p, path = self.parameters, shared.paths[number]
        original = p.convention == "original"
        if p.layout == "images":
            masses = inputs.masses_of(shared.masses, number, files=len(shared.paths))
            ready = inputs.read_images(path, first, count=count, masses=masses, size=p.image_size)
            return {"image": ready.images, "m_jj": ready.m_jj}, ready.label
        if p.layout == "clustered":
            clustered = inputs.read_clustered(path, first, count=count)
            constituents, label = clustered.constituents, clustered.label
            columns: dict[str, NDArray[Any]] = {"m_jj": clustered.m_jj}
        else:
            events = inputs.read_events(path, first, count=count)
            dijets = leading_dijets(list(events.particles), by_energy=original)
            constituents, label = dijets.constituents, events.label
            columns = kinematic_columns(dijets)
        columns["image"] = self._images(constituents, mirrored=original)
        return columns | substructure_columns(constituents), label

    def _images(self, constituents: NDArray[np.float64], *, mirrored: bool) -> NDArray[np.float32]:
        from hpcml.workloads.jets.images import jet_images

        p = self.parameters
        return jet_images(constituents, size=p.image_size, half_width=p.half_width, mirrored=mirrored)
