"""Principal components of the images: the workloads `jets.moments`, `jets.project`, `jets.agreement`.

Units, and which function gets which array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.errors import UsageError
from hpcml.workload import Arrays, Column, Context, Figure, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.jets import runs
from hpcml.workloads.jets.parameters import MomentParameters, ProjectParameters
from hpcml.workloads.jets.parameters_results import AgreementParameters
from hpcml.workloads.jets.steps.events import blocks
from hpcml.workloads.jets.tables import feature_table, moment_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workloads.jets.components import Basis

IMAGES = InputSpec("images", "a step jets.images or jets.synthetic")


def event_blocks(images: Input, size: int) -> Iterator[Unit]:
    """Units of `size` events over a step of images."""
    for first, count in blocks(len(images.array("m_jj", "images")), size):
        key = f"events-{first:07d}-{first + count - 1:07d}"
        yield Unit(key, {"first": first, "count": count}, float(count))


class ImageMoments(Workload):
    """Sums over the images of all events that are not signal. A unit is a block of events."""

    name = "jets.moments"
    version = 1
    Parameters = MomentParameters
    inputs = (IMAGES,)
    parameters: MomentParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        return event_blocks(inputs["images"], self.parameters.block_size)

    def tables(self) -> tuple[Table, ...]:
        return (moment_table(self.parameters.image_size**2),)

    def open(self, inputs: Mapping[str, Input]) -> Input:
        source, size = inputs["images"], self.parameters.image_size
        found = source.array("image", "images").shape[2:]
        if found != (size, size):
            raise UsageError(f"images have {found} pixels, image_size is {size}", "set it to what they have")
        return source

    def process(self, unit: Unit, shared: Input, ctx: Context) -> Mapping[str, Arrays]:
        from hpcml.workloads.jets.components import moments

        part = slice(int(unit.payload["first"]), int(unit.payload["first"]) + int(unit.payload["count"]))
        background = np.asarray(shared.array("label", "images")[part]) != 1
        images = np.asarray(shared.array("image", "images")[part])[background]
        found = moments(images.reshape(-1, self.parameters.image_size**2))
        return {"moments": {**found._asdict(), "jets": np.array(found.jets, np.int64)}}


class Projection(NamedTuple):
    """What the units of a rank share: the images' step and the basis."""

    images: Input
    basis: Basis


class ProjectedEvents(Workload):
    """Images -> principal components. A unit is a block of events."""

    name = "jets.project"
    version = 1
    Parameters = ProjectParameters
    inputs = (IMAGES, InputSpec("moments", "a step jets.moments of these images"))
    artifacts = ("basis.h5",)
    parameters: ProjectParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        return event_blocks(inputs["images"], self.parameters.block_size)

    def tables(self) -> tuple[Table, ...]:
        return (feature_table(self.parameters.components),)

    def open(self, inputs: Mapping[str, Input]) -> Projection:
        from hpcml.workloads.jets.components import Moments, principal_basis

        table = inputs["moments"]
        total, product = np.asarray(table.array("total")), np.asarray(table.array("product"))
        found = Moments(int(table.array("jets")), total, product)
        try:
            basis = principal_basis(found, self.parameters.components)
        except ValueError as error:
            raise UsageError(f"components: {error}") from error
        return Projection(inputs["images"], basis)

    def process(self, unit: Unit, shared: Projection, ctx: Context) -> Mapping[str, Arrays]:
        from hpcml.workloads.jets.components import project, write_basis

        first, count = int(unit.payload["first"]), int(unit.payload["count"])
        part = slice(first, first + count)
        images = np.asarray(shared.images.array("image", "images")[part])
        feature, residual = project(images.reshape(2 * count, -1), shared.basis)
        if first == 0:
            write_basis(ctx.artifact("basis.h5"), shared.basis)
        columns = {
            "feature": feature.reshape(count, 2, -1),
            "residual": residual.reshape(count, 2),
            "m_jj": np.asarray(shared.images.array("m_jj", "images")[part]),
            "label": np.asarray(shared.images.array("label", "images")[part]),
        }
        return {"features": columns}

    def summarise(self, tables: Mapping[str, Input]) -> Mapping[str, Any]:
        from hpcml.workloads.jets.components import read_basis

        basis = basis_of(next(iter(tables.values())), read=read_basis)
        return {"explained_variance": basis.explained} if basis else {}

    def report(self, tables: Mapping[str, Input]) -> Iterable[Figure]:
        return ()


def basis_of(source: Input, *, read: Any) -> Basis | None:
    """The basis that a step jets.project kept beside its table; None for images."""
    for _, name, path in source.files():
        if name == "basis.h5":
            basis: Basis = read(path)
            return basis
    return None


class Compared(NamedTuple):
    """Jets of one sample as pixels and as components: float32 (jets, pixels) and (jets, components),
    which of them are trained on, bool (jets,), and the basis."""

    pixels: NDArray[np.float32]
    components: NDArray[np.float32]
    training: NDArray[np.bool_]
    basis: Basis


class Agreement(Workload):
    """How well k-means in components stands for k-means in pixels. A unit is one initialisation."""

    name = "jets.agreement"
    version = 1
    Parameters = AgreementParameters
    unit_parameters = frozenset({"initialisations"})
    inputs = (IMAGES, InputSpec("features", "a step jets.project of these images"))
    parameters: AgreementParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        for i in range(self.parameters.initialisations):
            yield Unit(f"init-{i:02d}", {"initialisation": i})

    def tables(self) -> tuple[Table, ...]:
        columns = (
            Column("labels_equal", "float64", (), "", "share of jets with the same nearest centre in both"),
            Column("inertia_components", "float64", (), "", "in pixels, of centres found in components"),
            Column("inertia_pixels", "float64", (), "", "in pixels, of centres found in pixels, same seeds"),
            Column("jets", "uint64", (), "", "jets compared"),
        )
        return (Table("agreement", columns),)

    def open(self, inputs: Mapping[str, Input]) -> Compared:
        from hpcml.workloads.jets.components import read_basis

        images, features = inputs["images"], inputs["features"]
        basis = basis_of(features, read=read_basis)
        if basis is None:
            raise UsageError("input `features` holds no basis", "name a step jets.project")
        m_jj, label = runs.masses_and_labels(images)
        (low, high), wanted = self.parameters.train_interval, self.parameters.events
        training = (m_jj >= low) & (m_jj < high) & (label != 1)
        # events of the training window, and as many others as asked for, evenly over the sample
        others = np.flatnonzero(~training & (label != 1))
        others = others[:: max(1, -(-others.size // wanted))]
        rows = np.sort(np.concatenate([np.flatnonzero(training), others]))
        return Compared(
            pixels=images.array("image", "images")[rows].reshape(2 * rows.size, -1),
            components=features.array("feature", "features")[rows].reshape(2 * rows.size, -1),
            training=np.repeat(training[rows], 2),
            basis=basis,
        )

    def process(self, unit: Unit, shared: Compared, ctx: Context) -> Mapping[str, Arrays]:
        from hpcml.workloads.jets.agreement import compare

        i = int(unit.payload["initialisation"])
        found = compare(
            shared.pixels,
            shared.components,
            shared.training,
            basis=shared.basis,
            k=self.parameters.k,
            batch_size=self.parameters.batch_size,
            streams=[ctx.stream("init", i) for _ in range(2)],
            samples=[ctx.stream("sample") for _ in range(2)],
        )
        columns = {name: np.array([value]) for name, value in found._asdict().items()}
        return {"agreement": columns | {"jets": np.array([len(shared.pixels)], np.uint64)}}

    def summarise(self, tables: Mapping[str, Input]) -> Mapping[str, Any]:
        table = next(iter(tables.values()))
        equal = np.asarray(table.array("labels_equal"))
        ratio = np.asarray(table.array("inertia_components")) / np.asarray(table.array("inertia_pixels"))
        return {"labels_equal": equal.mean(), "inertia_ratio": ratio.mean()}
