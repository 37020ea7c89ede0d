"""`jets.synthetic`: simulated dijet events with truth labels, as images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge

from hpcml.workload import Arrays, Context, Figure, Input, Table, Unit, Workload, block_units
from hpcml.workloads.jets import reprocessing
from hpcml.workloads.jets.columns import KINEMATICS, image_table, kinematic_columns
from hpcml.workloads.jets.images import HalfWidth, ImageSize


@dataclass(frozen=True, slots=True)
class SyntheticParameters:
    """background_events, signal_events: which blocks of `block_size` events exist. reprocess: tokens
    of reprocessing.py. image_size, half_width: pixels along one axis, and how far they reach in rad."""

    background_events: Annotated[int, Ge(0)] = 20_000
    signal_events: Annotated[int, Ge(0)] = 1_000
    block_size: Annotated[int, Ge(1)] = 500
    reprocess: str = reprocessing.DEFAULT
    image_size: ImageSize = 40
    half_width: HalfWidth = 0.8

    def __post_init__(self) -> None:
        reprocessing.parse(self.reprocess)


class SyntheticEvents(Workload):
    """Simulated dijet events with truth labels, as images. A unit is a block of events."""

    name = "jets.synthetic"
    version = 2
    Parameters = SyntheticParameters
    unit_parameters = frozenset({"background_events", "signal_events"})
    parameters: SyntheticParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        p = self.parameters
        yield from block_units("background", p.background_events, p.block_size, digits=7, signal=False)
        yield from block_units("signal", p.signal_events, p.block_size, digits=7, signal=True)

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return (image_table(self.parameters.image_size, *KINEMATICS),)

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Arrays]:
        from hpcml.workloads.jets import synthetic
        from hpcml.workloads.jets.images import jet_images

        p = self.parameters
        signal, count = unit.flag("signal"), unit.integer("count")
        generate = synthetic.signal_events if signal else synthetic.background_events
        dijets = generate(ctx.stream(), count)
        images = jet_images(dijets.constituents, size=p.image_size, half_width=p.half_width)
        columns = kinematic_columns(dijets) | {
            "image": reprocessing.reprocess(images, p.reprocess),
            "label": np.full(count, signal, np.uint8),
        }
        return {"images": columns}

    def report(self, table: Input, earlier: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.jets.figures.events import event_figures

        return event_figures(table, half_width=self.parameters.half_width)
