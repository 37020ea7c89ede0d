"""The interface that a workload implements, and the schema of the columns it returns.

The words between physics and engine (Unit, Column, Table, Workload, Context).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Scalar = int | float | str | bool
Arrays = Mapping[str, "NDArray[Any]"]


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest thing computed, retried and counted.

    key: stable name, printable ASCII without blanks, at most 200 characters (`boot-0117-init-03`).
    payload: a few typed values that `process` needs; they become columns of the unit index.
    cost: expected effort in any unit; only ratios matter (shards are balanced by it).
    """

    key: str
    payload: Mapping[str, Scalar] = field(default_factory=dict)
    cost: float = 1.0


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: `shape` is the shape of one row, `unit` the unit of measure."""

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    unit: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A named set of columns with equal numbers of rows.

    kind: `rows` concatenates the rows of all units in unit order (a unit may have any number);
    `sum`, `min`, `max` reduce over units, in unit order: a unit gives exactly one array of the
    column's shape, without a row axis.
    materialise: False keeps the rows in the parts and writes an index only.
    """

    name: str
    columns: tuple[Column, ...]
    kind: Literal["rows", "sum", "min", "max"] = "rows"
    materialise: bool = True


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A name that a job file may (or must) fill under `inputs:`, and what is expected there."""

    name: str
    meaning: str
    required: bool = True


class Input(Protocol):
    """What `inputs[name]` is, in `units`, `open`, `summarise` and `report`."""

    @property
    def paths(self) -> Sequence[Path]:
        """The files of a file input, in the order of the job file (globs sorted); the table's
        own file for a step input."""

    def array(self, column: str, table: str = "") -> NDArray[Any]:
        """A column of a step input: memory-mapped, read-only, shape (rows, *row shape).
        `table` may be left out when the step has one table."""

    def keys(self) -> Sequence[str]:
        """The unit keys of a step input, in unit order."""

    def index(self, table: str = "") -> NDArray[np.uint64]:
        """(units, 2): first row and number of rows of each unit of a step input."""

    def payload(self, name: str) -> NDArray[Any]:
        """A payload or sweep column of a step input's units, in unit order."""

    def files(self) -> Sequence[tuple[str, str, Path]]:
        """(unit key, name, path) of the artifacts of a step input."""


class Context(Protocol):
    """What `process` may ask the engine for."""

    @property
    def unit(self) -> Unit: ...

    def stream(self, *labels: int | str) -> np.random.Generator:
        """A generator fixed by (campaign seed, labels); without labels by (step, unit key).
        The same labels give the same numbers in every unit, rank, step and attempt."""

    def artifact(self, name: str) -> Path:
        """Where to write a file that is kept with the result, by the digest of its content.
        `name` must be one of `Workload.artifacts`."""

    @property
    def workspace(self) -> Path:
        """A folder of this unit that survives kills; removed once the unit is recorded."""

    def external(self, path: Path) -> None:
        """Record a file outside the campaign: its path, size and digest become a row."""


class Workload(ABC):
    """One computation over units. An instance has one set of parameters and no other state.

    name, version: identity; raise `version` whenever results change.
    Parameters: a frozen dataclass whose fields are bool, int, float, str, None, tuples of these,
    Literal, or nested frozen dataclasses of the same; `__post_init__` may raise ValueError.
    Put `Annotated[int, annotated_types.Ge(1)]` on fields to state bounds.
    unit_parameters: names of parameters that only decide *which* units exist (number of resamplings):
    changing them extends a campaign, and keeps what is computed.
    report_parameters: names of parameters that only decide what `report` draws; they may change at any time.
    inputs: names that the job file fills. artifacts: names that `ctx.artifact` accepts.
    externals: True when `process` calls `ctx.external`.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    Parameters: ClassVar[type]
    unit_parameters: ClassVar[frozenset[str]] = frozenset()
    report_parameters: ClassVar[frozenset[str]] = frozenset()
    inputs: ClassVar[tuple[InputSpec, ...]] = ()
    artifacts: ClassVar[tuple[str, ...]] = ()
    externals: ClassVar[bool] = False

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters

    @abstractmethod
    def units(self, inputs: Mapping[str, Input]) -> Iterable[Unit]:
        """All units in the order of the result; cheap (opens inputs at most for their shape)."""

    @abstractmethod
    def tables(self) -> tuple[Table, ...]:
        """The schema of what `process` returns."""

    def open(self, inputs: Mapping[str, Input]) -> Any:
        """What the units of one rank share, opened once per rank (default: the inputs)."""
        return inputs

    @abstractmethod
    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Arrays]:
        """Compute one unit: {table: {column: array}}; rows tables have a leading row axis."""

    def summarise(self, tables: Mapping[str, Input]) -> Mapping[str, Any]:
        """Small results once the step is merged: {name: array or number}, kept beside the table.
        `tables` is {step name: its table} of this step alone."""
        return {}

    def report(self, tables: Mapping[str, Input]) -> Iterable[Figure]:
        """Plots for people, from this step's table (key: step name) and those before it."""
        return ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A matplotlib figure with a file name (without suffix) and a caption in plain words."""

    name: str
    caption: str
    figure: Any
