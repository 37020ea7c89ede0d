"""`jets.moments`: sums over images, from which principal components follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge

from hpcml.errors import UsageError
from hpcml.numerics.components import covariance_sums
from hpcml.workload import Arrays, Column, Context, Input, Table, Unit, Workload, block_units, rows_of
from hpcml.workloads.jets.event_tables import IMAGES
from hpcml.workloads.jets.images import ImageSize


@dataclass(frozen=True, slots=True)
class MomentParameters:
    """block_size: events of a unit. image_size: pixels along one axis of the images that come in."""

    block_size: Annotated[int, Ge(1)] = 20_000
    image_size: ImageSize = 40


class ImageMoments(Workload):
    """Sums over the images of all events that are not signal. A unit is a block of events."""

    name = "jets.moments"
    version = 1
    Parameters = MomentParameters
    inputs = (IMAGES,)
    parameters: MomentParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        return block_units("events", inputs["images"].rows("images"), self.parameters.block_size, digits=7)

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        pixels = self.parameters.image_size**2
        columns = (
            Column("jets", "int64", (), "", "number of jets"),
            Column("total", "float64", (pixels,), "", "sum of the images"),
            Column("product", "float64", (pixels, pixels), "", "sum of the outer products of the images"),
        )
        return (Table("moments", columns, kind="sum"),)

    def open(self, inputs: Mapping[str, Input]) -> Input:
        source, size = inputs["images"], self.parameters.image_size
        found = source.array("image", "images").shape[2:]
        if found != (size, size):
            raise UsageError(f"images have {found} pixels, image_size is {size}", "set it to what they have")
        return source

    def process(self, unit: Unit, shared: Input, ctx: Context) -> Mapping[str, Arrays]:
        rows = rows_of(unit)
        background = np.asarray(shared.array("label", "images")[rows]) != 1
        images = np.asarray(shared.array("image", "images")[rows])[background]
        sums = covariance_sums(images.reshape(-1, self.parameters.image_size**2))
        return {
            "moments": {"jets": np.array(sums.rows, np.int64), "total": sums.total, "product": sums.product}
        }
