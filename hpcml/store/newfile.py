"""A new HDF5 file on a disk that may be full.

Making one, and where its bytes go.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import h5py
    import numpy as np

    from hpcml.store.schema import Field

LIBVER = ("earliest", "v110")
ALIGNED = 1 << 16  # bytes from which on a dataset starts at a page: it is copied faster, and mapped aligned


class _Output:
    """Where HDF5 writes a new file. A full disk is remembered and told at the end.

    HDF5 does not survive a failing write: what it could not flush stays half closed, and the process
    ends in a segmentation fault some time later.
    """

    def __init__(self, path: Path) -> None:
        self.error: OSError | None = None
        self._handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o644)
        self._at = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_CUR: self._at, os.SEEK_END: self._size()}.get(whence, 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("h5py knows a file by this word, and reads by `readinto`")

    def readinto(self, buffer: Any) -> int:
        got = os.preadv(self._handle, [buffer], self._at)
        self._at += got
        return got

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        try:
            done = 0
            while done < len(view) and self.error is None:
                done += os.pwrite(self._handle, view[done:], self._at + done)
        except OSError as error:
            self.error = error
        self._at += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        wanted = self._at if size is None else size
        try:
            os.ftruncate(self._handle, wanted)
        except OSError as error:
            self.error = self.error or error
        return wanted

    def flush(self) -> None:
        return None

    def close(self) -> None:
        os.close(self._handle)

    def _size(self) -> int:
        return os.fstat(self._handle).st_size


@contextmanager
def create(path: Path, user_block: int) -> Iterator[h5py.File]:
    """A new HDF5 file with room for the header, readable by HDF5 1.10 and later.

    OSError at the end when the disk could not take it.
    """
    import h5py

    output = _Output(path)
    try:
        with h5py.File(
            output, "w", driver="fileobj", libver=LIBVER, userblock_size=user_block,
            # HDF5 wants the user block to be the larger of the two
            alignment_threshold=ALIGNED, alignment_interval=min(mmap.PAGESIZE, user_block // 2),
        ) as file:  # fmt: skip
            yield file
        if output.error is not None:
            raise output.error
    finally:
        output.close()


def reserve(file: h5py.File, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> h5py.Dataset:
    """A contiguous dataset that has its place in the file at once and is not filled with zeros."""
    from h5py import h5d, h5p

    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_layout(h5d.CONTIGUOUS)
    properties.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5d.FILL_TIME_NEVER)
    return file.create_dataset(name, shape, dtype, dcpl=properties)


def stored_type(one: Field) -> np.dtype[Any]:
    """The type of a column in the file: text says that it is UTF-8, so that readers decode it."""
    from h5py import string_dtype

    return string_dtype("utf-8", one.dtype.itemsize) if one.text else one.dtype
