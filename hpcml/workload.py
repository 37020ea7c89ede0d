"""The interface that a workload implements, and the schema of the columns it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from hpcml.errors import UsageError, nearest

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

    def integer(self, name: str) -> int:
        """The payload `name`, an integer. UsageError when there is none or it is something else."""
        value = self._payload(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong_type(name, value, "an integer")
        return value

    def number(self, name: str) -> float:
        """The payload `name`, an integer or a float, as float."""
        value = self._payload(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._wrong_type(name, value, "a number")
        return float(value)

    def text(self, name: str) -> str:
        """The payload `name`, a text."""
        value = self._payload(name)
        if not isinstance(value, str):
            raise self._wrong_type(name, value, "a text")
        return value

    def flag(self, name: str) -> bool:
        """The payload `name`, a bool."""
        value = self._payload(name)
        if not isinstance(value, bool):
            raise self._wrong_type(name, value, "a bool")
        return value

    def _payload(self, name: str) -> Scalar:
        try:
            return self.payload[name]
        except KeyError:
            known = list(self.payload)
            hint = nearest(name, known) or f"its payload: {', '.join(known) or 'none'}"
            raise UsageError(f"unit {self.key!r} has no payload {name!r}", hint) from None

    def _wrong_type(self, name: str, value: Scalar, wanted: str) -> UsageError:
        return UsageError(f"unit {self.key!r}: payload {name!r} is {value!r}, not {wanted}")


def block_units(
    prefix: str,
    total: int,
    size: int,
    *,
    digits: int = 6,
    key_start: int = 0,
    cost: float | None = None,
    **payload: Scalar,
) -> Iterator[Unit]:
    """Units of `size` rows each that cover rows 0 to total-1 in order; the last may be shorter.

    key: `prefix-FIRST-LAST`, both counted from `key_start` on and padded to `digits`.
    payload: what is given, then `first` (from 0 on) and `count`: `rows_of(unit)` is their slice.
    cost: of every unit; the number of its rows when it is not given.
    """
    if size < 1:
        raise UsageError(f"units {prefix!r}: blocks of {size} rows; at least one row is needed")
    for first in range(0, total, size):
        count = min(size, total - first)
        low = key_start + first
        key = f"{prefix}-{low:0{digits}d}-{low + count - 1:0{digits}d}"
        block = {**payload, "first": first, "count": count}
        yield Unit(key, block, float(count) if cost is None else cost)


def rows_of(unit: Unit) -> slice:
    """The rows of a unit of `block_units`."""
    first = unit.integer("first")
    return slice(first, first + unit.integer("count"))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: `shape` is the shape of one row, `unit` the unit of measure.

    dtype: a NumPy dtype of bool, integers, floats, complex or bytes of fixed length (`S32`), or `str`:
    text of any width. Text is stored as UTF-8 bytes of fixed length, as wide as the widest text of all units
    needs, so that a table stays readable by any HDF5 library and compresses well; one long text makes every
    row as wide. `Input.array` gives it as text again.
    labels: a text for each value of a row with a shape (`E.trks.lik[:,0]`): as many as its last axis is
    long, or as it has values, in C order.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    unit: str = ""
    meaning: str = ""
    labels: tuple[str, ...] = ()


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
    """A name that a job file may (or must) fill under `inputs:`, and what is expected there.

    kind: `files`, `step` (of this or of another campaign) or `either`; checked when a job file is planned.
    """

    name: str
    meaning: str
    required: bool = True
    kind: Literal["files", "step", "either"] = "either"


class Input(Protocol):
    """What `inputs[name]` is: files, or the merged table of a step. Also what `summarise` and `report` get.

    `table` may be left out when the step has one table. A column that a table does not have, and any
    question about columns of files, is a UsageError that names the input.
    """

    @property
    def paths(self) -> Sequence[Path]:
        """The files of a file input, in the order of the job file (globs sorted); the table's
        own file for a step input."""

    @property
    def is_step(self) -> bool:
        """True for the table of a step, False for files."""

    def has(self, column: str, table: str = "") -> bool:
        """Is there such a column? False for files, and when the step has no such table."""

    def rows(self, table: str = "") -> int:
        """Number of rows of a table of kind `rows`."""

    def array(self, column: str, table: str = "") -> NDArray[Any]:
        """A column, shape (rows, *row shape): memory-mapped and read-only; text (dtype `str`) is a copy.
        Of a reduced table the array itself."""

    def columns(self, table: str, *names: str) -> tuple[NDArray[Any], ...]:
        """Columns as plain arrays, in the order of `names`; all of the table when no name is given."""

    def labels(self, column: str, table: str = "") -> tuple[str, ...]:
        """The labels of a column; none when it was declared without."""

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
    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        """The schema of what `process` returns. Called once, when the units are listed: the inputs may
        decide the columns, and the unit list keeps them from then on."""

    def open(self, inputs: Mapping[str, Input]) -> Any:
        """What the units of one rank share, opened once per rank (default: the inputs)."""
        return inputs

    @abstractmethod
    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Mapping[str, Any]]:
        """Compute one unit: {table: {column: array}}.

        Rows tables have a leading row axis; a Python or NumPy scalar for a scalar column is one row.
        Reduced tables (`sum`, `min`, `max`) have none. Text may be str, or lists and arrays of str.
        """

    def summarise(self, table: Input) -> Mapping[str, Any]:
        """Small results once the step is merged: {name: array, number or text}, kept beside the table.
        `table` is the merged table of this step."""
        return {}

    def report(self, table: Input, earlier: Mapping[str, Input]) -> Iterable[Figure | Document]:
        """Plots and files for people, from the merged table of this step. `earlier` holds the tables of the
        merged steps before it in the job file, by the name of the step."""
        return ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A matplotlib figure with a file name (without suffix) and a caption in plain words."""

    name: str
    caption: str
    figure: Any


@dataclass(frozen=True, slots=True)
class Document:
    """A file beside the figures of a report, linked from its page (a LaTeX table, a list of points, CSV).

    name: of the file, with suffix; the step's name is put before it. content: text is written as UTF-8.
    """

    name: str
    caption: str
    content: bytes | str
