"""`jets.agreement`: how well k-means in principal components stands for k-means in pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Ge, Le

from hpcml.errors import UsageError
from hpcml.workload import Arrays, Column, Context, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.jets.basis import basis_of
from hpcml.workloads.jets.event_tables import IMAGES, masses_and_labels
from hpcml.workloads.jets.windows import check_interval
from hpcml.workloads.refusals import reported

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.numerics.components import Basis


@dataclass(frozen=True, slots=True)
class AgreementParameters:
    """k, batch_size, train_interval: as in a scan. events: about so many beside the training window are
    compared. initialisations: which units exist."""

    k: Annotated[int, Ge(2), Le(65535)] = 50
    batch_size: Annotated[int, Ge(1)] = 2048
    train_interval: tuple[float, float] = (3000.0, 3100.0)
    events: Annotated[int, Ge(1)] = 10_000
    initialisations: Annotated[int, Ge(1)] = 3

    def __post_init__(self) -> None:
        check_interval("train_interval", self.train_interval)


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
    inputs = (IMAGES, InputSpec("features", "a step jets.project of these images", kind="step"))
    parameters: AgreementParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        for i in range(self.parameters.initialisations):
            yield Unit(f"init-{i:02d}", {"initialisation": i})

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        columns = (
            Column("labels_equal", "float64", (), "", "share of jets with the same nearest centre in both"),
            Column("inertia_components", "float64", (), "", "in pixels, of centres found in components"),
            Column("inertia_pixels", "float64", (), "", "in pixels, of centres found in pixels, same seeds"),
            Column("jets", "uint64", (), "", "jets compared"),
        )
        return (Table("agreement", columns),)

    def open(self, inputs: Mapping[str, Input]) -> Compared:
        images, features = inputs["images"], inputs["features"]
        basis = basis_of(features)
        if basis is None:
            raise UsageError("input `features` holds no basis", "name a step jets.project")
        m_jj, label = masses_and_labels(images)
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

        i = unit.integer("initialisation")
        with reported():
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

    def summarise(self, table: Input) -> Mapping[str, Any]:
        equal, components, pixels = table.columns(
            "agreement", "labels_equal", "inertia_components", "inertia_pixels"
        )
        return {"labels_equal": equal.mean(), "inertia_ratio": (components / pixels).mean()}
