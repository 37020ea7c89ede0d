"""Writing table.h5: datasets laid out first, then bytes streamed to their places.

Columns are contiguous unless compression is asked for, so that a reader maps them and the writer needs
one pass: read, check, hash, write.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from hpcml.store import newfile, sealed
from hpcml.store.atomic import replacing
from hpcml.store.blocks import BlockHasher
from hpcml.store.merging import ContentDigest, PartIndex, column_digest, reduce_table
from hpcml.store.parts import Identity, first_and_rows
from hpcml.store.readahead import read_ahead
from hpcml.store.schema import LABELS, Field, Schema, TableSchema
from hpcml.store.streams import RowRanges, windows
from hpcml.store.writeback import WriteBack

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

BLOCK = 1 << 20
CHUNK = 1 << 19
TELL = 16 << 20  # bytes between two words to whoever watches


@dataclass(frozen=True, slots=True)
class TableContent:
    """All that goes into a table besides the rows themselves.

    order: unit numbers in the order of the result. datasets: small arrays by full name.
    about: JSON values for the header. provenance: texts kept under /provenance.
    """

    order: NDArray[np.int64]
    keys: NDArray[np.bytes_]
    datasets: Mapping[str, NDArray[Any]]
    about: Mapping[str, Any]
    provenance: Mapping[str, str]
    identity: Identity
    compression: str


def write_table(
    path: Path,
    schema: Schema,
    sources: PartIndex,
    content: TableContent,
    progress: Callable[[int], None],
) -> dict[str, str]:
    """Write the table; the content digest of each of its tables. `progress` gets bytes done."""
    writer = _Writer(schema, sources, content, progress)
    with replacing(path) as temporary:
        writer.write(temporary)
    return writer.digests


class _Writer:
    def __init__(
        self, schema: Schema, sources: PartIndex, content: TableContent, progress: Callable[[int], None]
    ) -> None:
        self.schema = sources.sized(schema, content.order)
        self.sources, self.content, self.progress = sources, content, progress
        self.digests: dict[str, str] = {}
        self.directory: dict[str, Any] = {"about": {}, "extents": {}}
        self.runs: dict[str, RowRanges] = {
            table.name: sources.runs(table.name, content.order) for table in schema.tables
        }

    def write(self, path: Path) -> None:
        small = dict(self.content.datasets)
        for table in self.schema.tables:
            if table.kind == "rows":
                small[f"index/{table.name}"] = first_and_rows(
                    self.sources.rows[table.name][self.content.order]
                )
                if not table.materialise:
                    small[f"origin/{table.name}"] = self._origin(table.name)
                    self._digest_only(table)
            else:
                small.update(self._reduce(table))
        for name, labels in self.schema.labelled().items():
            small[f"{LABELS}/{name}"] = newfile.text_array(labels)
        size = sum(array.nbytes for array in small.values()) + (4096 * (len(small) + 64))
        size += sum(len(text.encode()) for text in self.content.provenance.values())
        size += sum(self.runs[table.name].rows * one.width for table, one in self._streamed())
        json_size = len(json.dumps(self.content.about)) + 64 * (len(self.schema.tables) + 1)
        json_size += sum(len(name) + 160 for name in small) + 300 * len(self._streamed())
        # compressed bytes may be more than the plain ones; twice as many blocks are room enough
        user_block = sealed.user_block_size(0, json_size, 2 * (size // BLOCK) + 4)
        known = BlockHasher(BLOCK, user_block)
        with newfile.create(path, user_block) as file:
            made = newfile.Datasets(file)
            self._store_small(file, made, small)
            places = [self._lay_out(file, made, table, one) for table, one in self._streamed()]
            if self.content.compression != "none":
                self._stream(file, places, None, known)
        if self.content.compression == "none":
            handle = os.open(path, os.O_WRONLY)
            try:
                with WriteBack(handle) as disk:
                    self._stream(None, places, (handle, disk), known)
            finally:
                os.close(handle)
        self.sources.pool.finish()
        self.directory["about"] = {**self.content.about, "digests": self.digests}
        sealed.write_header(
            path,
            user_block=user_block,
            block_size=BLOCK,
            ids=np.empty(0, np.int64),
            fingerprint=self.content.identity.fingerprint,
            campaign=self.content.identity.campaign,
            directory=self.directory,
            known=known.known,
        )

    def _streamed(self) -> list[tuple[TableSchema, Field]]:
        return [
            (table, one)
            for table in self.schema.tables
            if table.kind == "rows" and table.materialise
            for one in table.fields
        ]

    def _store_small(
        self, file: h5py.File, made: newfile.Datasets, small: Mapping[str, NDArray[Any]]
    ) -> None:
        reduced = {
            f"{table.name}/{one.name}": one
            for table in self.schema.tables
            if table.kind != "rows"
            for one in table.fields
        }
        for name, array in small.items():
            dataset = made.store(name, array)
            self._note(name, newfile.place_of(dataset), array.dtype, array.shape)
            if name in reduced:
                made.describe(dataset, _notes(reduced[name]))
        for name, text in self.content.provenance.items():
            # of fixed length: PyTables does not read the others
            file.create_dataset(f"provenance/{name}", data=np.bytes_(text.encode() or b"-"))
        for table in self.schema.tables:
            if table.kind == "rows":
                file.require_group(table.name).attrs["kind"] = "rows"
                note = "first row, number of rows of each unit in /units, in that order"
                file[f"index/{table.name}"].attrs["meaning"] = note
            else:
                file[table.name].attrs["kind"] = table.kind

    def _lay_out(
        self, file: h5py.File, made: newfile.Datasets, table: TableSchema, one: Field
    ) -> tuple[TableSchema, Field, int]:
        """Make the dataset of a column; where its bytes will lie (0: compressed or empty)."""
        name, rows = f"{table.name}/{one.name}", self.runs[table.name].rows
        shape = (rows, *one.shape)
        dtype = newfile.stored_type(one)
        if self.content.compression != "none" and rows:
            chunk = (min(rows, _chunk_rows(one)), *one.shape)
            dataset = file.create_dataset(
                name, shape, dtype, chunks=chunk, compression=self.content.compression, shuffle=True
            ).id
            place = 0
        else:
            dataset = made.reserve(name, dtype, shape)
            place = newfile.place_of(dataset)
        made.describe(dataset, _notes(one))
        self._note(name, place, one.dtype, shape)
        return table, one, place

    def _note(self, name: str, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.directory["extents"][name] = [offset, dtype.str, list(shape)]

    def _stream(
        self,
        file: h5py.File | None,
        places: list[tuple[TableSchema, Field, int]],
        plain: tuple[int, WriteBack] | None,
        known: BlockHasher,
    ) -> None:
        """All columns to their places: compressed through `file`, otherwise straight to the handle."""
        digests: dict[str, ContentDigest] = {}
        pending = 0
        for column, start, window in read_ahead(self._windows(places, digests, file is not None, known)):
            table, one, offset = places[column]
            if file is not None:
                block = np.frombuffer(window, newfile.stored_type(one)).reshape(-1, *one.shape)
                row = start // one.width
                file[f"{table.name}/{one.name}"][row : row + len(block)] = block
            elif plain is not None:
                handle, disk = plain
                _write_all(handle, window, offset + start)
                disk.wrote(offset + start, len(window))
            pending += len(window)
            if pending >= TELL:
                self.progress(pending)
                pending = 0
        self.progress(pending)
        self.digests.update({name: digest.hexdigest() for name, digest in digests.items()})

    def _windows(
        self,
        places: Sequence[tuple[TableSchema, Field, int]],
        digests: dict[str, ContentDigest],
        chunked: bool,
        known: BlockHasher,
    ) -> Iterator[tuple[int, int, memoryview]]:
        """(number of the column, first byte in it, window) of all columns, one after the other.

        Whoever asks takes the windows into the checksums: the reading thread.
        """
        for number, (table, one, offset) in enumerate(places):
            if table.name not in digests:
                digests[table.name] = self._content_digest(table)
            content = column_digest(one)
            known.start(offset)
            at = 0
            multiple = _chunk_rows(one) if chunked else 1
            for window in windows(
                self.sources.pool, self.runs[table.name], table.name, one, multiple=multiple
            ):
                content.update(window)
                if not chunked:
                    known.update(window)
                yield number, at, window
                at += len(window)
            digests[table.name].column(content.digest())

    def _content_digest(self, table: TableSchema) -> ContentDigest:
        digest = ContentDigest(table, self.content.keys)
        if table.kind == "rows":
            digest.rows(self.sources.rows[table.name][self.content.order])
        return digest

    def _digest_only(self, table: TableSchema) -> None:
        digest = self._content_digest(table)
        for one in table.fields:
            content = column_digest(one)
            for window in windows(self.sources.pool, self.runs[table.name], table.name, one):
                content.update(window)
                self.progress(len(window))
            digest.column(content.digest())
        self.digests[table.name] = digest.hexdigest()

    def _origin(self, table: str) -> NDArray[Any]:
        order = self.content.order
        pairs = (self.sources.owner[order], self.sources.first[table][order])
        return np.stack(pairs, axis=1).astype("<u8") if len(order) else np.empty((0, 2), "<u8")

    def _reduce(self, table: TableSchema) -> dict[str, NDArray[Any]]:
        runs = self.runs[table.name]

        def stream(one: Field) -> Any:
            return windows(self.sources.pool, runs, table.name, one)

        reduced = reduce_table(table, stream)
        digest = self._content_digest(table)
        for one in table.fields:
            digest.column(xxhash.xxh3_128_digest(np.ascontiguousarray(reduced[one.name]).tobytes()))
        self.digests[table.name] = digest.hexdigest()
        return {f"{table.name}/{name}": array for name, array in reduced.items()}


def _chunk_rows(one: Field) -> int:
    """Rows a chunk of a compressed column."""
    return max(1, CHUNK // one.width)


def _notes(one: Field) -> dict[str, str]:
    return {"unit": one.unit, "meaning": one.meaning}


def _write_all(handle: int, window: memoryview, offset: int) -> None:
    done = 0
    while done < len(window):
        done += os.pwrite(handle, window[done:], offset + done)
