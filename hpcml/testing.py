"""For authors of workloads: checks of what the engine relies on, and a step computed in memory.

Neither needs a campaign. Results go through the same checks, conversions and reductions as in one.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpcml.commands.report import draw
from hpcml.directory.inputs import FileInput
from hpcml.directory.summary import summary_arrays
from hpcml.errors import UsageError
from hpcml.jobfile.parameters import check_parameters
from hpcml.registry import make_parameters
from hpcml.store.context import UnitContext
from hpcml.store.layout import StepLayout
from hpcml.store.memory import MemoryTable
from hpcml.store.results import collect_result
from hpcml.store.schema import Schema, schema_of
from hpcml.store.units import list_units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workload import Input, Scalar, Unit, Workload

Results = dict[str, dict[str, dict[str, "NDArray[Any]"]]]


class WorkloadProblem(AssertionError):
    """What is wrong with a workload, in one sentence."""


def check_workload(
    workload: type[Workload],
    parameters: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Input | str | Path | Sequence[str | Path]] | None = None,
    *,
    seed: int = 1,
    units: int = 3,
) -> Results:
    """Check a workload and return the results of its first units, {key: {table: {column: array}}}.

    Checked: parameters are a frozen dataclass and valid; names under `unit_parameters` and
    `report_parameters` are parameters; unit keys are unique and well formed, and listing them twice gives
    the same; columns are of allowed types; what `process` returns fits the schema; the result is the same
    when units are computed again, in the opposite order, by a fresh instance (law 1: a result depends on
    seed and unit key alone), and when a parameter under `unit_parameters` has another value; `summarise`
    and `report` run on the table of these units (`earlier` holds the inputs that are steps).

    inputs: paths, or objects with the methods of workload.Input (an opened table is one).
    Raises WorkloadProblem.
    """
    given = dict(parameters or {})
    made = _parameters(workload, given)
    opened = _opened(inputs)
    missing = [one.name for one in workload.inputs if one.required and one.name not in opened]
    if missing:
        raise WorkloadProblem(f"input {missing[0]!r} is required: give it to check_workload")
    listed, _ = list_units([({}, workload(made).units(opened))])
    again, _ = list_units([({}, workload(made).units(opened))])
    if listed != again:
        raise WorkloadProblem("units() gives another list when it is called again")
    if not listed:
        raise WorkloadProblem("units() lists no unit")
    chosen = listed[:units]
    schema = schema_of(workload(made), opened)
    with tempfile.TemporaryDirectory(prefix="hpcml-check-") as folder:
        layout = StepLayout(Path(folder) / "check")
        forward = _compute(
            workload(made), opened, chosen, schema, UnitContext(layout, seed, workload.artifacts)
        )
        table = MemoryTable(layout, schema, chosen, [forward[unit.key] for unit in chosen])
        for order, instance, computed in _repetitions(workload, made, opened, chosen):
            fresh = UnitContext(layout, seed, workload.artifacts)
            _compare(forward, _compute(instance, opened, computed, schema, fresh), order)
        _check_results(workload(made), workload.__name__, table, opened)
    return forward


def run_in_memory(
    workload: Workload | Sequence[tuple[Mapping[str, Scalar], Workload]],
    inputs: Mapping[str, Input | str | Path | Sequence[str | Path]] | None = None,
    *,
    seed: int,
    order: Sequence[int] | None = None,
) -> MemoryTable:
    """All units of a workload computed here; the table that a merge would make of them, in memory.

    workload: an instance; for a sweep (swept values, instance) of each combination, as the job file's
    `sweep` makes them. inputs: as in check_workload. order: numbers of all units in the order in which they
    are computed; by default that of the result. The name of the step, for `ctx.stream()`, is `step`.
    Raises WorkloadProblem when a result does not fit the schema.
    """
    combinations = [({}, workload)] if not isinstance(workload, Sequence) else list(workload)
    opened = _opened(inputs)
    units, combination = list_units([(swept, one.units(opened)) for swept, one in combinations])
    schema = schema_of(combinations[0][1], opened)
    if order is not None and sorted(order) != list(range(len(units))):
        raise ValueError(f"order must name each of the {len(units)} units once, by its number")
    folder = Path(tempfile.mkdtemp(prefix="hpcml-memory-"))
    layout = StepLayout(folder / "step")
    shared = [one.open(opened) for _, one in combinations]
    results: dict[int, dict[str, dict[str, NDArray[Any]]]] = {}
    artifacts = combinations[0][1].artifacts
    context = UnitContext(layout, seed, artifacts)
    for number in range(len(units)) if order is None else order:
        instance = combinations[combination[number]][1]
        results[number] = _result(instance, units[number], shared[combination[number]], schema, context)
    table = MemoryTable(layout, schema, units, [results[number] for number in range(len(units))])
    weakref.finalize(table, shutil.rmtree, folder, True)
    return table


def _opened(
    inputs: Mapping[str, Input | str | Path | Sequence[str | Path]] | None,
) -> dict[str, Input]:
    opened: dict[str, Input] = {}
    for name, value in (inputs or {}).items():
        if isinstance(value, str | Path):
            opened[name] = FileInput(name, [Path(value)])
        elif isinstance(value, list | tuple):
            opened[name] = FileInput(name, [Path(item) for item in value])
        else:
            opened[name] = value  # type: ignore[assignment]
    return opened


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


def _repetitions(
    workload: type[Workload], made: Any, opened: Mapping[str, Input], chosen: Sequence[Unit]
) -> Iterator[tuple[str, Workload, Sequence[Unit]]]:
    """(what is different, instance, units): ways to compute the units that must give the same again."""
    yield (
        "when the units are computed in another order: does process() keep state, or use a generator other"
        " than ctx.stream()?",
        workload(made),
        chosen[::-1],
    )
    keys = {unit.key for unit in chosen}
    for name in sorted(workload.unit_parameters):
        for value in _other_values(getattr(made, name)):
            try:
                instance = workload(dataclasses.replace(made, **{name: value}))
                units, _ = list_units([({}, instance.units(opened))])
            except ValueError:
                continue  # not a value that this parameter can have
            common = [unit for unit in units if unit.key in keys][:1]
            if common:
                what = (
                    f"when {name} is {value!r}: a parameter under unit_parameters decides which units exist"
                )
                yield f"{what}, and must not change their results", instance, common
                break


def _other_values(value: Any) -> Sequence[Any]:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return value + 1, 2 * value, value - 1
    if isinstance(value, float):
        return 2 * value, value / 2
    return (value[:-1],) if isinstance(value, tuple) and len(value) > 1 else ()


def _compute(
    instance: Workload,
    opened: Mapping[str, Input],
    units: Sequence[Unit],
    schema: Schema,
    context: UnitContext,
) -> Results:
    shared = instance.open(opened)
    return {unit.key: _result(instance, unit, shared, schema, context) for unit in units}


def _result(
    instance: Workload, unit: Unit, shared: Any, schema: Schema, context: UnitContext
) -> dict[str, dict[str, NDArray[Any]]]:
    context.begin(unit)
    result = dict(instance.process(unit, shared, context))
    result.update(context.file_rows(bool(instance.artifacts), instance.externals))
    context.end(done=True)
    try:
        return collect_result(schema, result)
    except ValueError as error:
        raise WorkloadProblem(f"unit {unit.key!r}: {error}") from error


def _compare(first: Results, again: Results, difference: str) -> None:
    for key, tables in again.items():
        for table, columns in tables.items():
            for column, array in columns.items():
                if array.tobytes() != first[key][table][column].tobytes():
                    raise WorkloadProblem(f"unit {key!r}: {table}/{column} differs {difference}")


def _check_results(instance: Workload, name: str, table: MemoryTable, opened: Mapping[str, Input]) -> None:
    earlier = {name: one for name, one in opened.items() if one.is_step}
    try:
        summary_arrays(instance, name, table)
        draw(instance, name, table, earlier)
    except UsageError as error:
        raise WorkloadProblem(error.message) from error
