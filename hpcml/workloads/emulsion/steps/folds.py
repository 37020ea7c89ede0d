"""How well a forest classifies showers that it has not seen: the workload `emulsion.folds`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge

from hpcml.learning.metrics import binary_metrics
from hpcml.learning.splits import group_folds
from hpcml.workload import Context, Input, InputSpec, Table, Unit, Workload
from hpcml.workloads.emulsion.classification import FEATURES, NEEDS_BOTH, Segments, TreeSettings
from hpcml.workloads.emulsion.columns import count, one_row, real
from hpcml.workloads.emulsion.inputs import read_segments
from hpcml.workloads.refusals import reported

THRESHOLD = 0.5
FOLDS = Table(
    "folds",
    (
        count("fold", "that was tested"),
        count("true_negative", "rows"),
        count("false_positive", "rows"),
        count("false_negative", "rows"),
        count("true_positive", "rows"),
        real("precision", "of the signal class"),
        real("recall", "of the signal class"),
        real("f1", "of the signal class"),
        real("accuracy", "of all rows"),
        real("roc_auc", "area under the receiver operating characteristic"),
        real("pr_auc", "average precision"),
    ),
)


@dataclass(frozen=True, slots=True)
class FoldParameters:
    """folds: one unit for each; trees and tree as in training. split: by complete showers; by rows only to
    compare, since rows of one shower know each other."""

    folds: Annotated[int, Ge(2)] = 5
    split: Literal["showers", "rows"] = "showers"
    trees: Annotated[int, Ge(1)] = 100
    tree: TreeSettings = field(default_factory=TreeSettings)


class CrossValidation(Workload):
    """How well a forest classifies showers that it has not seen. A unit is a fold."""

    name = "emulsion.folds"
    version = 1
    Parameters = FoldParameters
    inputs = (InputSpec("showers", "a step emulsion.showers", kind="step"),)
    parameters: FoldParameters

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        for fold in range(self.parameters.folds):
            yield Unit(f"fold-{fold:02d}", {"fold": fold})

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return (FOLDS,)

    def open(self, inputs: Mapping[str, Input]) -> tuple[Segments, int]:
        return read_segments(inputs["showers"]), inputs["showers"].rows("showers")

    def process(
        self, unit: Unit, shared: tuple[Segments, int], ctx: Context
    ) -> Mapping[str, Mapping[str, Any]]:
        from hpcml.learning.forest import predict
        from hpcml.learning.training import train_forest

        (segments, showers), p, fold = shared, self.parameters, unit.integer("fold")
        by_shower = p.split == "showers"
        group = segments.shower if by_shower else np.arange(len(segments.signal))
        groups = np.arange(showers if by_shower else len(group))
        with reported("folds", "set fewer folds"):
            folds = group_folds(groups, p.folds, ctx.stream("folds"))
        tested = folds[group] == fold
        with reported(remedy=NEEDS_BOTH, extra="emulsion"):
            forest = train_forest(
                segments.values[~tested], segments.signal[~tested],
                features=FEATURES, settings=p.tree.forest(p.trees), rng=ctx.stream("trees", fold),
            )  # fmt: skip
            score = predict(forest, segments.values[tested])[:, 0]
        found = binary_metrics(segments.signal[tested], score, threshold=THRESHOLD)
        return {"folds": one_row(FOLDS, fold=fold, **found._asdict())}

    def summarise(self, table: Input) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for name in ("precision", "recall", "f1", "roc_auc", "pr_auc"):
            (values,) = table.columns("folds", name)
            found[name], found[f"{name}_spread"] = values.mean(), values.std(ddof=1)
        return found
