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

import numpy as np

from hpcml.commands.merge import summary_arrays
from hpcml.commands.report import draw_figures
from hpcml.directory.inputs import FileInput
from hpcml.errors import UsageError, nearest
from hpcml.jobfile.parameters import check_parameters
from hpcml.registry import make_parameters
from hpcml.store.context import UnitContext
from hpcml.store.layout import StepLayout
from hpcml.store.merging import reduce_table
from hpcml.store.parts import first_and_rows
from hpcml.store.recorder import collect_result
from hpcml.store.schema import Schema, TableSchema, schema_of
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


class MemoryTable:
    """The merged table of a step that was computed in memory; an Input of the next workload.

    tables: {table: {column: array}}, rows joined in unit order, reduced tables reduced.
    """

    is_step = True
    paths: Sequence[Path] = ()

    def __init__(
        self,
        layout: StepLayout,
        schema: Schema,
        units: Sequence[Unit],
        results: Sequence[Mapping[str, Mapping[str, NDArray[Any]]]],
    ) -> None:
        self.units = tuple(units)
        self.schema = schema
        self.tables = {
            table.name: _joined(table, [result[table.name] for result in results]) for table in schema.tables
        }
        self._layout = layout
        self._rows = {
            table.name: np.array(
                [len(result[table.name][table.fields[0].name]) for result in results], np.int64
            )
            for table in schema.tables
            if table.kind == "rows"
        }

    def has(self, column: str, table: str = "") -> bool:
        return (not table or table in self.tables) and column in self.tables[self._table(table)]

    def rows(self, table: str = "") -> int:
        return int(self.index(table)[:, 1].sum())

    def array(self, column: str, table: str = "") -> NDArray[Any]:
        name = self._table(table)
        if column not in self.tables[name]:
            raise UsageError(
                f"table {name!r} has no column {column!r}", nearest(column, list(self.tables[name]))
            )
        return self.tables[name][column]

    def columns(self, table: str, *names: str) -> tuple[NDArray[Any], ...]:
        return tuple(self.array(name, table) for name in names or self.tables[self._table(table)])

    def keys(self) -> Sequence[str]:
        return [unit.key for unit in self.units]

    def index(self, table: str = "") -> NDArray[np.uint64]:
        name = self._table(table)
        if name not in self._rows:
            raise UsageError(f"table {name!r} is reduced over the units: it has no row per unit")
        return first_and_rows(self._rows[name])

    def payload(self, name: str) -> NDArray[Any]:
        known = list(self.units[0].payload) if self.units else []
        if name not in known:
            raise UsageError(f"the units carry no {name!r}", nearest(name, known))
        values = [unit.payload[name] for unit in self.units]
        return np.array([value.encode() if isinstance(value, str) else value for value in values])

    def files(self) -> Sequence[tuple[str, str, Path]]:
        if "artifacts" not in self.tables:
            return ()
        keys = np.repeat(np.array(self.keys(), object), self._rows["artifacts"])
        names, digests = self.columns("artifacts", "name", "digest")
        return [
            (str(key), name.decode(), self._layout.artifact(digest.decode()))
            for key, name, digest in zip(keys, names.tolist(), digests.tolist(), strict=True)
        ]

    def _table(self, name: str) -> str:
        own = [table for table in self.tables if table not in ("artifacts", "externals")]
        if not name and len(own) != 1:
            raise UsageError(f"the step has several tables: {', '.join(own)}", "name the one you want")
        if name and name not in self.tables:
            raise UsageError(f"the step has no table {name!r}", nearest(name, own))
        return name or own[0]


def _joined(table: TableSchema, results: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """The columns of all units as a merge would write them."""
    pieces = {one.name: [result[one.name] for result in results] for one in table.fields}
    if table.kind != "rows":
        return reduce_table(
            table, lambda one: (array.reshape(-1).view(np.uint8).data for array in pieces[one.name])
        )
    return {
        one.name: np.concatenate([np.empty((0, *one.shape), one.dtype), *pieces[one.name]])
        for one in table.fields
    }


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
        draw_figures(instance, name, table, earlier)
    except UsageError as error:
        raise WorkloadProblem(error.message) from error
