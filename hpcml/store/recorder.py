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
from hpcml.store.frames import Frame
from hpcml.store.layout import StepLayout
from hpcml.store.parts import Identity
from hpcml.store.results import TableBuffer, WrongResult
from hpcml.store.schema import Schema
from hpcml.store.sealing import read_headers, seal_frames
from hpcml.store.wal import LogWriter

if TYPE_CHECKING:
    from numpy.typing import NDArray

WRITE_SECONDS = 0.05
WRITE_BYTES = 1 << 18  # what a core keeps in its cache until it is written; 1 MiB would be allowed
SYNC_SECONDS = 5.0
SEAL_BYTES = 64 << 20
SMALL_PIECE = 1 << 14  # mean bytes of the columns of a frame below which they are joined before the write
PADDING = 1 << 20  # bytes up to which texts of one frame are padded without a question


class RecordingFailed(RuntimeError):
    """An error of the engine while it recorded results: never a failure of the unit that came last."""


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
        self._tables = [TableBuffer(table) for table in schema.tables]
        # each column of a part costs as much as some 20 KB of it
        self._parts_larger = max(1, sum(len(table.fields) for table in schema.tables) // 1000)
        self._has_text = bool(schema.text_columns())
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
        """Append what is buffered to the log: one frame, nearly always."""
        if not self._ids:
            self._recorded([])
            self._written = time.perf_counter()
            return
        log = self._log or self._new_log()
        frames = self._frames()
        for units in frames:
            busy = self._busy if units is frames[-1] else 0.0
            self._append(log, units, busy)
            if not log.locked and log.taken():
                # another worker sealed and removed this log before the frame was in it: write it again
                log = self._new_log()
                self._append(log, units, busy)
        for table in self._tables:
            table.cut(0)
        self._recorded(self._ids)
        self._ids = []
        self._bytes = 0
        self._busy = 0.0
        now = self._written = time.perf_counter()
        if log.size >= SEAL_BYTES * self._parts_larger:
            self.seal()
        elif now - self._synced >= SYNC_SECONDS:
            log.sync()
            self._synced = now

    def _frames(self) -> list[slice]:
        """Which units share a frame. All, unless the longest text would pad the others to far more bytes."""
        if self._has_text and sum(table.padded_bytes() for table in self._tables) > PADDING + 4 * self._bytes:
            return [slice(number, number + 1) for number in range(len(self._ids))]
        return [slice(None)]

    def _append(self, log: LogWriter, units: slice, busy: float) -> None:
        columns: list[bytes] = []
        widths: dict[str, int] = {}
        for table in self._tables:
            found, own = table.content(units)
            columns += found
            widths |= own
        if sum(map(len, columns)) < SMALL_PIECE * len(columns):
            columns = [b"".join(columns)]
        rows = [np.array(table.rows[units], "<u4") for table in self._tables]
        log.append(np.array(self._ids[units], "<u4"), rows, columns, busy, widths=widths)

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
                self.step,
                log.frame_headers,
                log.frames,
                keys=self.keys,
                schema=self.schema,
                identity=self.identity,
                about=log.about,
            )
        log.close(remove=True)
        self._log = None
        self._synced = time.perf_counter()


def seal_left_logs(
    step: StepLayout, keys: NDArray[np.bytes_], schema: Schema, identity: Identity, *, salvage: bool = False
) -> list[str]:
    """Seal the logs whose writers are gone; sentences about those that could not be (damaged).

    A log of a living writer is left to it. `salvage` also takes what is complete in damaged logs.
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
                seal_frames(
                    step, frame_headers, read, keys=keys, schema=schema, identity=identity, about=about
                )
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
