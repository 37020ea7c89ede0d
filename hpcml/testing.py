"""For authors of workloads: one call that checks what the engine relies on, without a campaign.

check_workload and the fakes it needs.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.directory.inputs import FileInput
from hpcml.jobfile.parameters import check_parameters
from hpcml.registry import make_parameters
from hpcml.store.context import UnitContext
from hpcml.store.layout import StepLayout
from hpcml.store.recorder import collect_result
from hpcml.store.schema import schema_of
from hpcml.store.units import list_units

if TYPE_CHECKING:
    from hpcml.workload import Input, Unit, Workload


class WorkloadProblem(AssertionError):
    """What is wrong with a workload, in one sentence."""


def check_workload(
    workload: type[Workload],
    parameters: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Input | str | Path | Sequence[str | Path]] | None = None,
    *,
    seed: int = 1,
    units: int = 3,
) -> dict[str, dict[str, dict[str, np.ndarray[Any, Any]]]]:
    """Check a workload and return the results of its first units, {key: {table: {column: array}}}.

    Checked: parameters are a frozen dataclass and valid; names under `unit_parameters` and
    `report_parameters` are parameters; unit keys are unique and well formed, and listing them twice gives
    the same; columns are of
    allowed types; what `process` returns fits the schema; and the result is the same when units are
    computed again, in the opposite order, by a fresh instance (law 1: a result depends on seed and
    unit key alone).

    inputs: paths, or objects with the methods of workload.Input (an opened table is one).
    Raises WorkloadProblem.
    """
    given = dict(parameters or {})
    made = _parameters(workload, given)
    opened: dict[str, Input] = {name: _input(name, value) for name, value in (inputs or {}).items()}
    missing = [one.name for one in workload.inputs if one.required and one.name not in opened]
    if missing:
        raise WorkloadProblem(f"input {missing[0]!r} is required: give it to check_workload")
    first = workload(made)
    listed, _ = list_units([({}, first.units(opened))])
    again, _ = list_units([({}, workload(made).units(opened))])
    if listed != again:
        raise WorkloadProblem("units() gives another list when it is called again")
    if not listed:
        raise WorkloadProblem("units() lists no unit")
    chosen = listed[:units]
    forward = _compute(workload, made, opened, chosen, seed)
    backward = _compute(workload, made, opened, chosen[::-1], seed)
    for unit in chosen:
        for table, columns in forward[unit.key].items():
            for column, array in columns.items():
                if array.tobytes() != backward[unit.key][table][column].tobytes():
                    raise WorkloadProblem(
                        f"unit {unit.key!r}: {table}/{column} differs when the units are computed in another"
                        " order: does process() keep state, or use a generator other than ctx.stream()?"
                    )
    return forward


def _parameters(workload: type[Workload], given: Mapping[str, Any]) -> Any:
    kind = workload.Parameters
    if not dataclasses.is_dataclass(kind) or not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise WorkloadProblem(f"{workload.__name__}.Parameters is not a frozen dataclass")
    names = {one.name for one in dataclasses.fields(kind)}
    for name in sorted((set(given) | workload.unit_parameters | workload.report_parameters) - names):
        raise WorkloadProblem(f"{name!r} is not one of the parameters {sorted(names)}")
    _, _, wrong = check_parameters(workload, given, {}, ())
    if wrong:
        key = ".".join(str(part) for part in wrong[0].key)
        raise WorkloadProblem(f"{key}: {wrong[0].what}, found {wrong[0].found!r}")
    return make_parameters(kind, dict(given))


def _input(name: str, value: Input | str | Path | Sequence[str | Path]) -> Input:
    if isinstance(value, str | Path):
        value = [value]
    return FileInput(name, [Path(item) for item in value]) if isinstance(value, list | tuple) else value  # type: ignore[return-value]


def _compute(
    workload: type[Workload], made: Any, opened: Mapping[str, Input], units: Sequence[Unit], seed: int
) -> dict[str, dict[str, dict[str, np.ndarray[Any, Any]]]]:
    instance = workload(made)
    schema = schema_of(instance)
    results = {}
    with tempfile.TemporaryDirectory(prefix="hpcml-check-") as folder:
        context = UnitContext(StepLayout(Path(folder) / "check"), seed, workload.artifacts)
        shared = instance.open(opened)
        for unit in units:
            context.begin(unit)
            result = dict(instance.process(unit, shared, context))
            result.update(context.file_rows(bool(workload.artifacts), workload.externals))
            context.end(done=True)
            try:
                results[unit.key] = collect_result(schema, result)
            except ValueError as error:
                raise WorkloadProblem(f"unit {unit.key!r}: {error}") from error
    return results
