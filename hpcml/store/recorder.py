"""Results of one rank on their way to disk: checked, buffered, logged, sealed.

A result is copied into a column buffer at once (the workload may reuse its arrays), written to the log at
least every 50 ms or 1 MiB, synced every few seconds, and sealed into a part when the log is large or the
rank ends.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.errors import IntegrityError, StorageError
from hpcml.store import sealed, wal
from hpcml.store.atomic import remove_abandoned
from hpcml.store.layout import StepLayout
from hpcml.store.parts import Identity
from hpcml.store.schema import Field, Schema, TableSchema
from hpcml.store.sealing import read_headers, seal_frames
from hpcml.store.wal import Frame, LogWriter

if TYPE_CHECKING:
    from numpy.typing import NDArray

WRITE_SECONDS = 0.05
WRITE_BYTES = 1 << 18  # what a core keeps in its cache until it is written; 1 MiB would be allowed
SYNC_SECONDS = 5.0
SEAL_BYTES = 64 << 20


class WrongResult(ValueError):
    """What `process` returned does not fit the schema; counts as a failure of that unit."""


class RecordingFailed(RuntimeError):
    """An error of the engine while it recorded results: never a failure of the unit that came last."""


class _ColumnBuffer:
    """Results of one column since the last write: the bytes of each unit, copied."""

    __slots__ = ("dtype", "name", "pieces", "shape")

    def __init__(self, field: Field) -> None:
        self.name, self.shape = field.name, field.shape
        self.dtype = np.dtype(field.dtype.str)  # NumPy's own object, so that `is` recognises it
        self.pieces: list[bytes] = []


class _TableBuffer:
    __slots__ = ("columns", "name", "reduced", "rows")

    def __init__(self, table: TableSchema) -> None:
        self.name = table.name
        self.reduced = table.kind != "rows"
        self.columns = [_ColumnBuffer(one) for one in table.fields]
        self.rows: list[int] = []

    def add(self, given: Mapping[str, Any]) -> int:
        """Copy one unit's rows behind the others; the bytes added. After WrongResult: `cut`."""
        rows = 1 if self.reduced else -1
        size = 0
        for column in self.columns:
            try:
                array = given[column.name]
            except KeyError:
                raise WrongResult(f"table {self.name!r}: no column {column.name!r} was returned") from None
            if type(array) is not np.ndarray or array.dtype is not column.dtype:
                array = _converted(array, column, self.name)
            shape = array.shape
            if self.reduced:
                if shape != column.shape:
                    raise _wrong_shape(self.name, column, array, column.shape)
            else:
                if shape[1:] != column.shape or not shape:
                    array = _one_row(self.name, column, array)
                    shape = array.shape
                if rows != shape[0]:
                    if rows >= 0:
                        raise WrongResult(
                            f"table {self.name!r}: column {column.name!r} has {shape[0]} rows, others {rows}"
                        )
                    rows = shape[0]
            raw = array.tobytes()
            column.pieces.append(raw)
            size += len(raw)
        if len(given) > len(self.columns):
            extra = sorted(set(given) - {column.name for column in self.columns})
            raise WrongResult(f"table {self.name!r}: column {extra[0]!r} is not in the schema")
        self.rows.append(rows)
        return size

    def cut(self, units: int) -> None:
        """Keep the results of the first units only."""
        del self.rows[units:]
        for column in self.columns:
            del column.pieces[units:]


def _converted(array: Any, column: _ColumnBuffer, table: str) -> NDArray[Any]:
    """The array in the column's dtype when no value can change by it."""
    found = np.asarray(array)
    if found.dtype != column.dtype and not np.can_cast(found.dtype, column.dtype, "safe"):
        raise WrongResult(
            f"table {table!r}: column {column.name!r} has dtype {found.dtype}, the schema says {column.dtype}"
        )
    return np.asarray(found, column.dtype)


def _one_row(table: str, column: _ColumnBuffer, array: NDArray[Any]) -> NDArray[Any]:
    """A scalar of a scalar column is one row; anything else has the wrong shape."""
    if array.shape or column.shape:
        raise _wrong_shape(table, column, array, ("rows", *column.shape))
    return array.reshape(1)


def _wrong_shape(table: str, column: _ColumnBuffer, array: NDArray[Any], wanted: Any) -> WrongResult:
    return WrongResult(
        f"table {table!r}: column {column.name!r} has shape {array.shape}, the schema says {wanted}"
    )


class Recorder:
    """Takes results of one rank; makes a log at the first of them, and parts from logs."""

    def __init__(
        self,
        step: StepLayout,
        schema: Schema,
        identity: Identity,
        keys: NDArray[np.bytes_],
        *,
        shard: int,
        rank: int,
        about: Mapping[str, Any],
        recorded: Callable[[list[int]], None],
    ) -> None:
        self.step, self.schema, self.identity, self.keys = step, schema, identity, keys
        self.shard, self.rank = shard, rank
        self.about = dict(about)
        self._recorded = recorded
        self._tables = [_TableBuffer(table) for table in schema.tables]
        self._ids: list[int] = []
        self._bytes = 0
        self._busy = 0.0
        self._written = self._synced = time.perf_counter()
        self._log: LogWriter | None = None

    def add(self, number: int, result: Mapping[str, Mapping[str, Any]], begun: float, now: float) -> float:
        """Take the result of one unit, computed from `begun` to `now` (perf_counter); the time after it."""
        size = 64
        try:
            for table in self._tables:
                size += table.add(result[table.name])
            if len(result) > len(self._tables):
                extra = sorted(set(result) - {table.name for table in self._tables})
                raise WrongResult(f"table {extra[0]!r} is not in the schema")
        except BaseException as error:
            for table in self._tables:
                table.cut(len(self._ids))
            if isinstance(error, KeyError):
                raise WrongResult(f"no table {error.args[0]!r} was returned") from None
            raise
        self._ids.append(number)
        self._busy += now - begun
        self._bytes += size
        if self._bytes >= WRITE_BYTES or now - self._written >= WRITE_SECONDS:
            try:
                self.write()
            except StorageError:
                raise
            except Exception as error:
                raise RecordingFailed(f"results could not be recorded: {error!r}") from error
            return time.perf_counter()
        return now

    def write(self) -> None:
        """Append what is buffered to the log as one frame."""
        if not self._ids:
            self._recorded([])
            self._written = time.perf_counter()
            return
        ids = np.array(self._ids, "<u4")
        rows = [np.array(table.rows, "<u4") for table in self._tables]
        # many small pieces are joined, few large ones are written as they are
        columns = [
            piece
            for table in self._tables
            for column in table.columns
            for piece in (column.pieces if len(column.pieces) <= 16 else [b"".join(column.pieces)])
        ]
        log = self._log or self._new_log()
        log.append(ids, rows, columns, self._busy)
        if not log.locked and log.taken():
            # somebody sealed and removed this log before the frame was in it: say it again elsewhere
            log = self._new_log()
            log.append(ids, rows, columns, self._busy)
        for table in self._tables:
            table.cut(0)
        self._recorded(self._ids)
        self._ids = []
        self._bytes = 0
        self._busy = 0.0
        now = self._written = time.perf_counter()
        if log.size >= SEAL_BYTES:
            self.seal()
        elif now - self._synced >= SYNC_SECONDS:
            log.sync()
            self._synced = now

    def _new_log(self) -> LogWriter:
        token = secrets.token_hex(6)
        about = {
            **self.about, "campaign": self.identity.campaign, "fingerprint": self.identity.fingerprint,
            "shard": self.shard, "rank": self.rank, "token": token,
        }  # fmt: skip
        self._log = LogWriter(self.step.log(self.shard, self.rank, token), self.schema, about)
        return self._log

    def seal(self) -> None:
        """Write what is buffered, make the log a part, remove the log."""
        self.write()
        if self._log is None:
            return
        log = self._log
        if log.frame_headers:
            seal_frames(
                self.step, log.frame_headers, log.frames, self.keys, self.schema, self.identity, log.about
            )
        log.close(remove=True)
        self._log = None
        self._synced = time.perf_counter()


def seal_left_logs(
    step: StepLayout, keys: NDArray[np.bytes_], schema: Schema, identity: Identity, *, salvage: bool = False
) -> list[str]:
    """Seal the logs whose writers are gone; sentences about those that could not be (damaged).

    A log of a living writer is left to it. `salvage` also takes what is whole of damaged logs.
    """
    problems = []
    for folder in (step.parts, step.logs, step.root):
        remove_abandoned(folder)
    for path in sorted(step.logs.glob("*.wal")):
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            if not wal.try_lock(handle) or not path.exists():
                continue
            about, _ = wal.read_about(handle, path)
            if (about["fingerprint"], about["campaign"]) != (identity.fingerprint, identity.campaign):
                continue
            read = partial(_frames, handle, schema, path, salvage)
            frame_headers = read_headers(read())
            if any(int(head.ids.max()) >= len(keys) for head in frame_headers):
                raise IntegrityError(f"{path}: holds units that the step does not have", sealed.CURE)
            if frame_headers:
                seal_frames(step, frame_headers, read, keys, schema, identity, about)
            path.unlink(missing_ok=True)
        except EOFError:
            path.unlink(missing_ok=True)
        except IntegrityError as error:
            problems.append(error.message)
        finally:
            os.close(handle)
    return problems


def _frames(handle: int, schema: Schema, path: Path, salvage: bool) -> Iterator[Frame]:
    return (frame for _, frame in wal.read_frames(handle, schema, path, salvage=salvage))


def collect_result(schema: Schema, result: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """One unit's result as it would be recorded, {table: {column: array}}; WrongResult if it does not fit."""
    collected: dict[str, dict[str, Any]] = {}
    for table in schema.tables:
        buffer = _TableBuffer(table)
        if table.name not in result:
            raise WrongResult(f"no table {table.name!r} was returned")
        buffer.add(result[table.name])
        collected[table.name] = {}
        for column in buffer.columns:
            flat = np.frombuffer(column.pieces[0], column.dtype).copy()
            collected[table.name][column.name] = flat.reshape(buffer.rows[0], *column.shape)
    return collected
