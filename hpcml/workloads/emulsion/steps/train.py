"""A random forest of signal and background segments: the workload `emulsion.train`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Lt

from hpcml.learning.splits import train_test_groups
from hpcml.workload import Column, Context, Input, InputSpec, Table, Unit, Workload, block_units
from hpcml.workloads.emulsion.classification import (
    FEATURES,
    FOREST,
    INJECTOR,
    NEEDS_BOTH,
    Segments,
    TreeSettings,
)
from hpcml.workloads.emulsion.columns import BRICK, SHOWER, TRAINED, count, one_row
from hpcml.workloads.emulsion.inputs import read_segments
from hpcml.workloads.refusals import reported

SPLIT = Table(
    "split",
    (
        SHOWER,
        BRICK,
        Column("id", "int64", (), "", "number of the injector"),
        Column("x", "float32", (), "um", "position of the injector"),
        Column("y", "float32", (), "um", "position of the injector"),
        TRAINED,
    ),
)
BLOCKS = Table(
    "blocks",
    (
        count("trees", "of this unit"),
        Column("nodes", "uint64", (), "", "of all its trees"),
        Column("rows", "uint64", (), "", "segments that were trained on"),
        Column("signal_rows", "uint64", (), "", "of these, segments of the shower"),
    ),
)


@dataclass(frozen=True, slots=True)
class TrainParameters:
    """trees: of the forest, block_size of them in a unit. tree: how one is grown, see classification.py.
    test_share: of showers that are not trained on."""

    trees: Annotated[int, Ge(1)] = 500
    block_size: Annotated[int, Ge(1)] = 25
    tree: TreeSettings = field(default_factory=TreeSettings)
    test_share: Annotated[float, Gt(0), Lt(1)] = 0.3


class TrainedForest(Workload):
    """A random forest of signal and background segments. A unit is a block of trees."""

    name = "emulsion.train"
    version = 1
    Parameters = TrainParameters
    unit_parameters = frozenset({"trees"})
    inputs = (InputSpec("showers", "a step emulsion.showers", kind="step"),)
    artifacts = (FOREST,)
    parameters: TrainParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        return block_units("trees", self.parameters.trees, self.parameters.block_size, digits=5)

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return BLOCKS, SPLIT

    def open(self, inputs: Mapping[str, Input]) -> tuple[Segments, Input]:
        return read_segments(inputs["showers"]), inputs["showers"]

    def process(
        self, unit: Unit, shared: tuple[Segments, Input], ctx: Context
    ) -> Mapping[str, Mapping[str, Any]]:
        from hpcml.learning.forestfile import write_forest
        from hpcml.learning.training import train_forest

        p, (segments, showers) = self.parameters, shared
        first, trees = unit.integer("first"), unit.integer("count")
        number = np.arange(showers.rows("showers"))
        trained = train_test_groups(number, p.test_share, ctx.stream("split"))
        rows = np.flatnonzero(trained[segments.shower])
        signal = segments.signal[rows]
        with reported(remedy=NEEDS_BOTH, extra="emulsion"):
            forest = train_forest(
                segments.values[rows], signal,
                features=FEATURES, settings=p.tree.forest(trees), rng=ctx.stream("trees", first),
            )  # fmt: skip
        write_forest(ctx.artifact(FOREST), forest)
        split = dict(zip(INJECTOR, showers.columns("showers", *INJECTOR), strict=True))
        split["trained"] = trained.astype(np.uint8)
        return {
            "blocks": one_row(
                BLOCKS,
                trees=trees,
                nodes=len(forest.left),
                rows=len(rows),
                signal_rows=signal.sum(dtype=np.int64),
            ),
            "split": split if first == 0 else {name: column[:0] for name, column in split.items()},
        }

    def summarise(self, table: Input) -> Mapping[str, Any]:
        trees, rows, signal = table.columns("blocks", "trees", "rows", "signal_rows")
        (trained,) = table.columns("split", "trained")
        return {
            "trees": int(trees.sum()),
            "showers_trained_on": int((trained == 1).sum()),
            "showers_to_test": int((trained == 0).sum()),
            "segments_trained_on": int(rows[0]),
            "signal_share": float(signal[0] / rows[0]),
        }
