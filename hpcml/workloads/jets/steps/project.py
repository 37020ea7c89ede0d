"""`jets.project`: images -> principal components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Ge, Le

from hpcml.numerics.components import CovarianceSums, principal_components, project
from hpcml.workload import (
    Arrays,
    Column,
    Context,
    Input,
    InputSpec,
    Table,
    Unit,
    Workload,
    block_units,
    rows_of,
)
from hpcml.workloads.jets.basis import BASIS, basis_of, write_basis
from hpcml.workloads.jets.columns import LABEL, MASS
from hpcml.workloads.jets.event_tables import IMAGES
from hpcml.workloads.refusals import reported

if TYPE_CHECKING:
    from hpcml.numerics.components import Basis


@dataclass(frozen=True, slots=True)
class ProjectParameters:
    """components: principal components that are kept. block_size: events of a unit."""

    components: Annotated[int, Ge(1), Le(160_000)] = 128
    block_size: Annotated[int, Ge(1)] = 20_000


class Projection(NamedTuple):
    """What the units of a rank share: the images' step and the basis."""

    images: Input
    basis: Basis


class ProjectedEvents(Workload):
    """Images -> principal components. A unit is a block of events."""

    name = "jets.project"
    version = 1
    Parameters = ProjectParameters
    inputs = (IMAGES, InputSpec("moments", "a step jets.moments of these images", kind="step"))
    artifacts = (BASIS,)
    parameters: ProjectParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        return block_units("events", inputs["images"].rows("images"), self.parameters.block_size, digits=7)

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        shape = (2, self.parameters.components)
        columns = (
            Column("feature", "float32", shape, "", "components of each jet, largest variance first"),
            MASS,
            LABEL,
            Column("residual", "float32", (2,), "", "squared distance of the image to what is kept of it"),
        )
        return (Table("features", columns),)

    def open(self, inputs: Mapping[str, Input]) -> Projection:
        jets, total, product = inputs["moments"].columns("moments", "jets", "total", "product")
        with reported("components"):
            basis = principal_components(
                CovarianceSums(int(jets), total, product), self.parameters.components
            )
        return Projection(inputs["images"], basis)

    def process(self, unit: Unit, shared: Projection, ctx: Context) -> Mapping[str, Arrays]:
        rows, count = rows_of(unit), unit.integer("count")
        images = np.asarray(shared.images.array("image", "images")[rows])
        feature, residual = project(images.reshape(2 * count, -1), shared.basis)
        if rows.start == 0:
            write_basis(ctx.artifact(BASIS), shared.basis)
        columns = {
            "feature": feature.reshape(count, 2, -1),
            "residual": residual.reshape(count, 2),
            "m_jj": np.asarray(shared.images.array("m_jj", "images")[rows]),
            "label": np.asarray(shared.images.array("label", "images")[rows]),
        }
        return {"features": columns}

    def summarise(self, table: Input) -> Mapping[str, Any]:
        basis = basis_of(table)
        return {"explained_variance": basis.explained} if basis else {}
