"""A forest applied to showers: the workload `emulsion.apply`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Lt

from hpcml.errors import UsageError
from hpcml.learning.metrics import binary_metrics, roc_auc_error, share_error
from hpcml.workload import (
    Column,
    Context,
    Figure,
    Input,
    InputSpec,
    Table,
    Unit,
    Workload,
    block_units,
    rows_of,
)
from hpcml.workloads.emulsion import projection
from hpcml.workloads.emulsion.classification import (
    FEATURES,
    FOREST,
    INJECTOR,
    KINDS,
    Segments,
    counts_by_shower,
    in_training,
)
from hpcml.workloads.emulsion.columns import BRICK, KEY, MEASURED, PRIMARY, SHOWER, TRAINED, count, real
from hpcml.workloads.emulsion.inputs import read_segments
from hpcml.workloads.refusals import reported

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.learning.forest import Forest

PREDICTIONS = Table(
    "predictions",
    (
        SHOWER,
        BRICK,
        *KEY,
        Column("signal", "uint8", (), "", "truth: 1 for simulated base-tracks of this event"),
        *(column for column in MEASURED if column.name in FEATURES),
        real("score", "mean probability of signal over the trees"),
        Column("predicted", "uint8", (), "", "1 where the score is above the threshold"),
        TRAINED,
    ),
)
SIZES = Table(
    "sizes",
    (
        SHOWER,
        BRICK,
        TRAINED,
        Column("plate", "int32", (), "", "film of the injector"),
        Column("z", "float32", (), "um", "of the injector"),
        real("theta", "angle of the injector to the beam", "rad"),
        Column("p", "float32", (), "GeV", "true momentum of the injector, -999 for none"),
        PRIMARY,
        count("true_segments", "simulated base-tracks downstream of the injector"),
        count("size", "segments predicted to be signal"),
        count("true_positive", "signal found"),
        count("false_positive", "background taken for signal"),
        count("false_negative", "signal taken for background"),
        count("true_negative", "background known as such"),
    ),
)
# copied from the showers: columns of `predictions`, and of `sizes`
OF_SEGMENTS = ("shower", "brick", *(column.name for column in KEY), "signal", *FEATURES)
OF_SHOWERS = ("shower", "brick", "plate", "z", "p", "primary_p", "true_segments")


@dataclass(frozen=True, slots=True)
class ApplyParameters:
    """block_size: showers of a unit. threshold: of the score above which a segment is signal. displays:
    numbers of the showers that the report draws, none for the three largest; they change no result."""

    block_size: Annotated[int, Ge(1)] = 50
    threshold: Annotated[float, Gt(0), Lt(1)] = 0.5
    displays: tuple[int, ...] = ()


class ApplyData(NamedTuple):
    """The forest, all segments, the table of showers, and which of these (m,) the forest was trained on."""

    forest: Forest
    segments: Segments
    showers: Input
    trained: NDArray[np.bool_]


class AppliedForest(Workload):
    """Each segment's probability of being signal, and each shower's size. A unit is a block of showers."""

    name = "emulsion.apply"
    version = 2
    Parameters = ApplyParameters
    report_parameters = frozenset({"displays"})
    inputs = (
        InputSpec("showers", "a step emulsion.showers", kind="step"),
        InputSpec("model", "a step emulsion.train, of this campaign or another one", kind="step"),
    )
    parameters: ApplyParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        return block_units("showers", inputs["showers"].rows("showers"), self.parameters.block_size)

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return PREDICTIONS, SIZES

    def open(self, inputs: Mapping[str, Input]) -> ApplyData:
        from hpcml.learning.forest import join_forests
        from hpcml.learning.forestfile import read_forest

        model, showers = inputs["model"], inputs["showers"]
        paths = [path for _, name, path in model.files() if name == FOREST]
        if not paths:
            raise UsageError("input `model` has no forest", "name a step emulsion.train")
        with reported("input `model`"):
            forest = join_forests([read_forest(path, features=FEATURES) for path in paths])
        *split, used = model.columns("split", *INJECTOR, "trained")
        trained = in_training(showers.columns("showers", *INJECTOR), split, used)
        return ApplyData(forest, read_segments(showers), showers, trained)

    def process(self, unit: Unit, shared: ApplyData, ctx: Context) -> Mapping[str, Mapping[str, Any]]:
        from hpcml.learning.forest import predict

        segments, showers, trained = shared.segments, shared.showers, shared.trained.astype(np.uint8)
        own = rows_of(unit)
        rows = slice(*np.searchsorted(segments.shower, [own.start, own.stop]).tolist())
        with reported(extra="emulsion"):
            score = predict(shared.forest, segments.values[rows])[:, 0]
        predicted = score > self.parameters.threshold
        tx, ty = (showers.array(name, "showers")[own].astype(np.float64) for name in ("tx", "ty"))
        return {
            "predictions": {
                **{name: showers.array(name, "candidates")[rows] for name in OF_SEGMENTS},
                "score": score,
                "predicted": predicted.astype(np.uint8),
                "trained": trained[segments.shower[rows]],
            },
            "sizes": {
                **{name: showers.array(name, "showers")[own] for name in OF_SHOWERS},
                "trained": trained[own],
                "theta": projection.angle(tx, ty),
                **counts_by_shower(
                    segments.shower[rows] - own.start, segments.signal[rows] > 0, predicted,
                    showers=own.stop - own.start,
                ),
            },
        }  # fmt: skip

    def summarise(self, table: Input) -> Mapping[str, Any]:
        signal, score, trained = table.columns("predictions", "signal", "score", "trained")
        if not signal.any():
            return {}  # data know no truth
        fresh = trained == 0
        found = binary_metrics(signal[fresh], score[fresh], threshold=self.parameters.threshold)._asdict()
        # segments of one shower know each other: showers are what is independent
        kinds = np.stack(table.columns("sizes", *KINDS)).astype(np.int64)
        shower = np.repeat(np.arange(kinds.shape[1]), kinds.sum(axis=0))
        hit, false, missed, _ = kinds[:, table.array("trained", "sizes") == 0]
        efficiency, purity = found.pop("recall"), found.pop("precision")
        return {
            "roc_auc": found.pop("roc_auc"),
            "roc_auc_error": roc_auc_error(signal[fresh], score[fresh], shower[fresh]),
            "efficiency": efficiency,
            "efficiency_error": share_error(hit, hit + missed),
            "purity": purity,
            "purity_error": share_error(hit, hit + false),
            **found,
        }

    def report(self, table: Input, earlier: Mapping[str, Input]) -> Iterable[Figure]:
        from hpcml.workloads.emulsion.figures.classification import classification_figures

        return classification_figures(table, earlier, displays=self.parameters.displays)
