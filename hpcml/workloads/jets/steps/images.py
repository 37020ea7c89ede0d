"""`jets.images`: events of files -> images of their two leading jets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from annotated_types import Ge

from hpcml.errors import UsageError
from hpcml.workload import (
    Arrays,
    Column,
    Context,
    Figure,
    Input,
    InputSpec,
    Table,
    Unit,
    Workload,
    block_units,
)
from hpcml.workloads.jets import reprocessing
from hpcml.workloads.jets.columns import KINEMATICS, image_table, kinematic_columns
from hpcml.workloads.jets.images import HalfWidth, ImageSize

if TYPE_CHECKING:
    from numpy.typing import NDArray

LABELS = {"background": 0, "signal": 1, "unknown": 255}
SUBSTRUCTURE = (
    Column("jet_constituents", "uint16", (2,), "", "constituents that are kept"),
    Column("jet_tau", "float32", (2, 3), "", "N-subjettiness tau_1, tau_2, tau_3 with kt subjets"),
)


@dataclass(frozen=True, slots=True)
class ImageParameters:
    """layout: what the files hold, see inputs.py. label: of all events, where files carry none, or
    against what they say. block_size: events of a unit. reprocess: tokens of reprocessing.py.
    convention: of the image, see images.py. image_size, half_width: pixels along one axis, and how far they
    reach in rad."""

    layout: Literal["lhco", "clustered", "images"] = "lhco"
    label: Literal["file", "background", "signal", "unknown"] = "file"
    block_size: Annotated[int, Ge(1)] = 1_000
    reprocess: str = reprocessing.DEFAULT
    convention: Literal["usual", "original"] = "usual"
    image_size: ImageSize = 40
    half_width: HalfWidth = 0.8

    def __post_init__(self) -> None:
        reprocessing.parse(self.reprocess)


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
        InputSpec("events", "files of events, in the layout that the parameters name", kind="files"),
        InputSpec(
            "masses",
            "for ready images: .npy files of m_jj in GeV, one for each file",
            required=False,
            kind="files",
        ),
    )
    parameters: ImageParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        from hpcml.workloads.jets.inputs import count_events

        start = 0
        for number, path in enumerate(inputs["events"].paths):
            total = count_events(path, self.parameters.layout)
            # numbered over all files, so that keys stay unique; a block never spans two files
            yield from block_units("events", total, self.parameters.block_size, key_start=start, file=number)
            start += total

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        p = self.parameters
        kinematics = KINEMATICS if p.layout == "lhco" else ()
        substructure = SUBSTRUCTURE if p.layout != "images" else ()
        return (image_table(p.image_size, *kinematics, *substructure),)

    def open(self, inputs: Mapping[str, Input]) -> EventFiles:
        masses = list(inputs["masses"].paths) if "masses" in inputs else []
        if masses and self.parameters.layout != "images":
            raise UsageError(f"input `masses` belongs to layout images, not {self.parameters.layout}")
        return EventFiles(list(inputs["events"].paths), masses)

    def process(self, unit: Unit, shared: EventFiles, ctx: Context) -> Mapping[str, Arrays]:
        first, count = unit.integer("first"), unit.integer("count")
        columns, label = self._columns(shared, unit.integer("file"), first=first, count=count)
        if self.parameters.label != "file":
            label = np.full(count, LABELS[self.parameters.label], np.uint8)
        images = reprocessing.reprocess(columns["image"], self.parameters.reprocess)
        return {"images": columns | {"image": images, "label": label}}

    def report(self, table: Input, earlier: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.jets.figures.events import event_figures

        return event_figures(table, half_width=self.parameters.half_width)

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


def substructure_columns(constituents: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Number of constituents and N-subjettiness of jets (events, 2, slots, 3)."""
    from hpcml.workloads.jets.clustering import subjettiness

    number = (constituents[..., 0] > 0).sum(axis=-1)
    return {
        "jet_constituents": number.astype(np.uint16),
        "jet_tau": subjettiness(constituents).astype(np.float32),
    }
