"""Classification: the workloads `emulsion.train`, `emulsion.folds`, `emulsion.apply`.

Units, and which function gets which array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hpcml.errors import UsageError
from hpcml.workload import Arrays, Context, Figure, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.emulsion import learning
from hpcml.workloads.emulsion.parameters_learning import (
    ApplyParameters,
    FoldParameters,
    TrainParameters,
)
from hpcml.workloads.emulsion.tables import KEY
from hpcml.workloads.emulsion.tables_learning import BLOCKS, FOLDS, PREDICTIONS, SIZES, SPLIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.learning.forest import Forest

SHOWERS = InputSpec("showers", "a step emulsion.showers")
FOREST = "forest.h5"


class Segments(NamedTuple):
    """All linked segments. values: float64 (n, features). signal: uint8 (n,). shower: int64 (n,), its row
    in the table of showers."""

    values: NDArray[np.float64]
    signal: NDArray[np.uint8]
    shower: NDArray[np.int64]


def read_segments(showers: Input) -> Segments:
    """The candidates of a merged emulsion.showers."""
    values = np.stack([np.asarray(showers.array(name, "candidates")) for name in learning.FEATURES], axis=1)
    count = showers.index("candidates")[:, 1].astype(np.int64)
    # a unit that was absent in a merge with --allow-missing has no row among the showers either
    present = showers.index("showers")[:, 1].astype(np.int64)
    shower = np.repeat(np.cumsum(present) - 1, count)
    return Segments(values, np.asarray(showers.array("signal", "candidates")), shower)


class TrainingData(NamedTuple):
    """Segments, which showers (m,) are trained on, and the columns of the table `split`."""

    segments: Segments
    trained: NDArray[np.bool_]
    split: dict[str, NDArray[Any]]


class TrainedForest(Workload):
    """A random forest of signal and background segments. A unit is a block of trees."""

    name = "emulsion.train"
    version = 1
    Parameters = TrainParameters
    unit_parameters = frozenset({"trees"})
    inputs = (SHOWERS,)
    artifacts = (FOREST,)
    parameters: TrainParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        p = self.parameters
        for first in range(0, p.trees, p.block_size):
            count = min(p.block_size, p.trees - first)
            yield Unit(
                f"trees-{first:05d}-{first + count - 1:05d}", {"first": first, "count": count}, float(count)
            )

    def tables(self) -> tuple[Table, ...]:
        return BLOCKS, SPLIT

    def open(self, inputs: Mapping[str, Input]) -> tuple[Segments, Input]:
        return read_segments(inputs["showers"]), inputs["showers"]

    def process(self, unit: Unit, shared: tuple[Segments, Input], ctx: Context) -> Mapping[str, Arrays]:
        from hpcml.learning.forest import write_forest

        segments, showers = shared
        first, count = int(unit.payload["first"]), int(unit.payload["count"])
        number = len(showers.array("shower", "showers"))
        trained = learning.split_showers(number, self.parameters.test_share, ctx.stream("split"))
        rows = np.flatnonzero(trained[segments.shower])
        signal = segments.signal[rows]
        forest = learning.train_forest(
            segments.values[rows],
            signal,
            trees=count,
            how=self.parameters.tree,
            rng=ctx.stream("trees", first),
        )
        write_forest(ctx.artifact(FOREST), forest)
        split = {
            name: np.asarray(showers.array(name, "showers")) for name in ("shower", "brick", "id", "x", "y")
        }
        split["trained"] = trained.astype(np.uint8)
        return {
            "blocks": {
                "trees": np.array([count], np.uint32),
                "nodes": np.array([len(forest.left)], np.uint64),
                "rows": np.array([len(rows)], np.uint64),
                "signal_rows": np.array([signal.sum(dtype=np.int64)], np.uint64),
            },
            "split": split if first == 0 else {name: column[:0] for name, column in split.items()},
        }


class CrossValidation(Workload):
    """How well a forest tells showers that it has not seen. A unit is a fold."""

    name = "emulsion.folds"
    version = 1
    Parameters = FoldParameters
    inputs = (SHOWERS,)
    parameters: FoldParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        for fold in range(self.parameters.folds):
            yield Unit(f"fold-{fold:02d}", {"fold": fold})

    def tables(self) -> tuple[Table, ...]:
        return (FOLDS,)

    def open(self, inputs: Mapping[str, Input]) -> tuple[Segments, int]:
        return read_segments(inputs["showers"]), len(inputs["showers"].array("shower", "showers"))

    def process(self, unit: Unit, shared: tuple[Segments, int], ctx: Context) -> Mapping[str, Arrays]:
        from hpcml.learning.forest import predict

        (segments, number), p, fold = shared, self.parameters, int(unit.payload["fold"])
        # by rows only to compare: rows of one shower know each other
        group = segments.shower if p.split == "showers" else np.arange(len(segments.signal))
        folds = learning.folds_of(
            number if p.split == "showers" else len(group), p.folds, ctx.stream("folds")
        )
        tested = folds[group] == fold
        forest = learning.train_forest(
            segments.values[~tested], segments.signal[~tested],
            trees=p.trees, how=p.tree, rng=ctx.stream("trees", fold),
        )  # fmt: skip
        score = predict(forest, segments.values[tested])
        found = learning.metrics(segments.signal[tested], score, threshold=0.5)
        row = {name: np.array([value]) for name, value in found._asdict().items()}
        row["fold"] = np.array([fold])
        return {"folds": {one.name: row[one.name].astype(one.dtype) for one in FOLDS.columns}}

    def summarise(self, tables: Mapping[str, Input]) -> Mapping[str, Any]:
        table = next(iter(tables.values()))
        found: dict[str, Any] = {}
        for name in ("precision", "recall", "f1", "roc_auc", "pr_auc"):
            values = np.asarray(table.array(name, "folds"))
            found[name], found[f"{name}_spread"] = values.mean(), values.std(ddof=1)
        return found


class ApplyData(NamedTuple):
    """The forest, the segments to tell, their step, and which of its showers the forest was trained on."""

    forest: Forest
    segments: Segments
    showers: Input
    trained: NDArray[np.bool_]


class AppliedForest(Workload):
    """Which segments belong to their shower, and its size. A unit is a block of showers."""

    name = "emulsion.apply"
    version = 2
    Parameters = ApplyParameters
    report_parameters = frozenset({"displays"})
    inputs = (SHOWERS, InputSpec("model", "a step emulsion.train, of this campaign or of another"))
    parameters: ApplyParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        total = len(inputs["showers"].array("shower", "showers"))
        for first in range(0, total, self.parameters.block_size):
            count = min(self.parameters.block_size, total - first)
            yield Unit(
                f"showers-{first:06d}-{first + count - 1:06d}", {"first": first, "count": count}, float(count)
            )

    def tables(self) -> tuple[Table, ...]:
        return PREDICTIONS, SIZES

    def open(self, inputs: Mapping[str, Input]) -> ApplyData:
        from hpcml.learning.forest import joined, read_forest

        model, showers = inputs["model"], inputs["showers"]
        paths = [path for _, name, path in model.files() if name == FOREST]
        if not paths:
            raise UsageError("input `model` holds no forest", "name a step emulsion.train")
        forest = joined([read_forest(path, features=learning.FEATURES) for path in paths])
        # a shower is named by its injector: numbers alone come again in other bricks and campaigns
        seen = set(_names(model, "split", np.asarray(model.array("trained", "split")) == 1))
        trained = np.array([name in seen for name in _names(showers, "showers", None)], np.bool_)
        return ApplyData(forest, read_segments(showers), showers, trained)

    def process(self, unit: Unit, shared: ApplyData, ctx: Context) -> Mapping[str, Arrays]:
        from hpcml.learning.forest import predict

        first, count = int(unit.payload["first"]), int(unit.payload["count"])
        segments, showers, trained = shared.segments, shared.showers, shared.trained.astype(np.uint8)
        rows = slice(*np.searchsorted(segments.shower, [first, first + count]).tolist())
        score = predict(shared.forest, segments.values[rows])
        predicted = score > self.parameters.threshold
        signal, shower = segments.signal[rows] > 0, segments.shower[rows] - first
        own = slice(first, first + count)

        def number(chosen: NDArray[np.bool_]) -> NDArray[np.uint32]:
            return np.bincount(shower[chosen], minlength=count).astype(np.uint32)

        tx, ty = (np.asarray(showers.array(name, "showers")[own]).astype(np.float64) for name in ("tx", "ty"))
        copied = ("shower", "brick", "plate", "z", "p", "primary_p", "true_segments")
        return {
            "predictions": {
                **{
                    name: np.asarray(showers.array(name, "candidates")[rows])
                    for name in ("shower", "brick", *(one.name for one in KEY), "signal", *learning.FEATURES)
                },
                "score": score,
                "predicted": predicted.astype(np.uint8),
                "trained": trained[segments.shower[rows]],
            },
            "sizes": {
                **{name: np.asarray(showers.array(name, "showers")[own]) for name in copied},
                "trained": trained[own],
                "theta": np.arctan(np.sqrt(tx**2 + ty**2)),
                "size": number(predicted),
                "true_positive": number(signal & predicted),
                "false_positive": number(~signal & predicted),
                "false_negative": number(signal & ~predicted),
                "true_negative": number(~signal & ~predicted),
            },
        }

    def summarise(self, tables: Mapping[str, Input]) -> Mapping[str, Any]:
        table = next(iter(tables.values()))
        signal, score = (np.asarray(table.array(name, "predictions")) for name in ("signal", "score"))
        if not signal.any():
            return {}  # data know no truth
        fresh = np.asarray(table.array("trained", "predictions")) == 0
        return dict(
            learning.metrics(signal[fresh], score[fresh], threshold=self.parameters.threshold)._asdict()
        )

    def report(self, tables: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.emulsion.figures.learning import learning_figures

        return learning_figures(tables, displays=self.parameters.displays)


def _names(table: Input, where: str, chosen: NDArray[np.bool_] | None) -> Iterator[tuple[Any, ...]]:
    """(shower, brick, id, x, y) of the injectors in a table."""
    columns = [np.asarray(table.array(name, where)) for name in ("shower", "brick", "id", "x", "y")]
    return zip(*((one if chosen is None else one[chosen]).tolist() for one in columns), strict=True)
